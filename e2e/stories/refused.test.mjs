/** A message that ends the session: it is shown as failed, it is never sent again, and it can be copied and discarded. [CM10] */

import assert from 'node:assert/strict';
import { story } from '../stage.mjs';
import { until } from '../wait.mjs';

const ODD = 'what this server cannot read';
const BAD_FRAME = 4203;

story('a message that ends the session is given back', async (stage) => {
  const ada = await stage.person('Ada');
  await ada.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  // Between the page and the server stands one that cannot read this message.
  let ended = 0;
  await ada.page.routeWebSocket(/\/socket/, (page) => {
    const server = page.connectToServer();
    page.onMessage((message) => {
      if (!Buffer.from(message).includes(ODD)) return server.send(message);
      ended += 1;
      return page.close({ code: BAD_FRAME, reason: 'bad_frame' });
    });
  });
  await ada.signUp();
  await ada.createChannel('harbour');
  await ada.say('before');
  await ada.say(ODD);
  const failed = ada.at('message-failed');
  await failed.waitFor();
  await ada.live();
  await ada.say('after');
  await ada.sees('after');
  await stage.shoot('refused');
  await ada.page.reload();
  await ada.live();
  await failed.waitFor();
  await ada.say('after a reload');
  await ada.sees('after a reload');
  assert.equal(ended, 1, 'it was sent once');

  await ada.bubble(ODD).hover();
  await failed.getByRole('button', { name: 'Copy' }).click();
  const copied = () => ada.page.evaluate(() => navigator.clipboard.readText());
  await until('it is copied', async () => (await copied()) === ODD, copied);
  assert.equal(await failed.getByRole('button', { name: 'Try again' }).count(), 0);
  await failed.getByRole('button', { name: 'Discard' }).click();
  await ada.bubble(ODD).waitFor({ state: 'detached' });
  await ada.page.reload();
  await ada.sees('after a reload');
  assert.equal(await ada.bubble(ODD).count(), 0);
});
