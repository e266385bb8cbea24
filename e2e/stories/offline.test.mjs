/** The network goes, and the page says so at once; it comes back, and all goes on. */

import assert from 'node:assert/strict';
import { AXE, look } from '../look.mjs';
import { assertSame } from '../person.mjs';
import { DESKTOP, story } from '../stage.mjs';

story('the network is gone and back', async (stage) => {
  const [ada, ben] = await Promise.all([stage.person('Ada'), stage.person('Ben', DESKTOP, [AXE])]);
  await Promise.all([ada.signUp(), ben.signUp()]);
  await ada.createChannel('harbour');
  await ben.joinChannel('harbour');
  await ada.say('hello');
  await ben.sees('hello');

  // What asks is loaded while nothing else is to do.
  await ben.page.waitForFunction(() =>
    performance.getEntriesByType('resource').some(({ name }) => name.includes('SignOut')),
  );
  stage.allow(/net::ERR_INTERNET_DISCONNECTED/);
  await ben.page.context().setOffline(true);
  await ben.cutOff();
  await ben.page.getByText('No connection. What you write is sent when it is back.').waitFor();
  await ben.say('written in the dark');
  await ada.say('meanwhile');
  // What waits is as easy to read as what was sent.
  const shoot = (theme) => stage.shoot(theme, [ben]);
  assert.deepEqual(await look(ben, 'offline', shoot), []);

  // A signing out that would lose something asks first.
  await ben.page.getByRole('button', { name: 'Sign out' }).click();
  await ben.dialog('Sign out?').getByText('One message waits to be sent.').waitFor();
  await stage.shoot('sign-out');
  await ben.press(ben.at('stay'));

  await ben.page.context().setOffline(false);
  await ben.live('ws');
  await ben.sees('meanwhile');
  await assertSame(ada, ben);
});
