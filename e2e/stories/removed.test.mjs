/** Written offline, and removed from the room meanwhile: nothing of it vanishes without a word. */

import assert from 'node:assert/strict';
import { story } from '../stage.mjs';
import { until } from '../wait.mjs';

story('what was written for a room that one was removed from is given back', async (stage) => {
  const [ada, ben] = await Promise.all([stage.person('Ada'), stage.person('Ben')]);
  await Promise.all([ada.signUp(), ben.signUp()]);
  await ada.createChannel('strict');
  await ben.joinChannel('strict');
  await ben.say('here I am');
  const { user } = await (await ben.page.request.get('/api/v1/me')).json();
  const address = `/api/v1/rooms/${ada.room()}/members/${user.id}`;
  const remove = () => ada.page.request.delete(address, { headers: { origin: stage.server.base } });

  const context = ben.page.context();
  await stage.cut();
  await ben.cutOff();
  await ben.say('written in the dark');
  // Ben stays away while the server is back.
  await ben.page.close();
  await stage.mend(async () => {
    await ada.at('connection').click();
    await ada.live();
  });
  await until('Ben is removed', async () => (await remove()).ok());
  ben.page = await context.newPage();
  await ben.page.goto(`/r/${ada.room()}`);
  await ben.live();
  const card = ben.at('stranded');
  await card.getByText(/Ada removed you from .*strict.*\. Not sent:/).waitFor();
  await card.getByText('written in the dark').waitFor();
  await stage.shoot('removed');
  await ben.page.setViewportSize({ width: 390, height: 844 });
  await stage.shoot('removed-phone');
  await ben.page.reload();
  await ben.live();
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await card.getByRole('button', { name: 'Copy' }).click();
  await card.getByRole('button', { name: 'Copied' }).waitFor();
  const copied = await ben.page.evaluate(() => navigator.clipboard.readText());
  assert.equal(copied, 'written in the dark');
  await card.getByRole('button', { name: 'Discard' }).click();
  await card.waitFor({ state: 'detached' });
});
