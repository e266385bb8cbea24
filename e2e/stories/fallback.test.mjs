/** Where no WebSocket comes through, the page goes on over server-sent events by itself. */

import assert from 'node:assert/strict';
import { assertSame } from '../person.mjs';
import { Proxy } from '../proxy.mjs';
import { DESKTOP, story } from '../stage.mjs';

/** Each line once, in the order of writing. */
function assertOnceInOrder(shown, texts) {
  const wanted = new Set(texts);
  const found = shown.map(({ text }) => text).filter((text) => wanted.has(text));
  assert.deepEqual(found, texts);
}

async function write(person, topic, lines) {
  const texts = Array.from({ length: lines }, (_, line) => `${person.username} ${topic} ${line}`);
  for (const text of texts) await person.say(text);
  return texts;
}

story('a proxy without WebSocket, and the server dies behind it', async (stage) => {
  const proxy = await Proxy.before(stage.server.base);
  try {
    // Ada is behind the proxy, Ben is not.
    stage.allow(/WebSocket connection to .* failed/);
    const ada = await stage.person('Ada', { ...DESKTOP, baseURL: proxy.base });
    const ben = await stage.person('Ben');
    await Promise.all([ada.signUp(), ben.signUp()]);
    await ada.live('sse');
    await ben.live('ws');
    assert.ok(proxy.refused >= 2, 'the socket was tried first');
    await ben.createChannel('harbour');
    await ada.joinChannel('harbour');

    // Both ways; and what one does to a message comes, too.
    await ben.say('can you hear me?');
    await ada.sees('can you hear me?');
    await ada.say('by a longer way');
    await ben.sees('by a longer way');
    await ada.edit('by a longer way', 'by a longer way, yes');
    await ben.sees('by a longer way, yes');
    const thumb = '[data-testid="reaction"][data-emoji="👍"]';
    await ben.act('by a longer way, yes', '[data-testid="quick-react"][data-emoji="👍"]');
    await ada.message('by a longer way, yes').locator(`${thumb}[data-count="1"]`).waitFor();

    // Who types over the socket is seen to over the other way. [SG4]
    const typing = ada.at('typing').getByText('Ben is typing', { exact: true });
    await ben.at('composer').pressSequentially('just a');
    await typing.waitFor();
    await ben.at('composer').fill('');
    await typing.waitFor({ state: 'detached' });

    // What is not known over this way is not made up.
    await ada.at('connection').getByText('Limited', { exact: true }).waitFor();
    await ada.talkTo(ben);
    await ada.page.getByText('Presence not known').waitFor();
    await ada.open('harbour');

    // The power goes out while both write.
    const adas = write(ada, 'storm', 6);
    const bens = write(ben, 'storm', 6);
    await ada.message('ada storm 1').waitFor();
    await stage.cut();
    const wrote = await Promise.all([adas, bens]);
    await Promise.all([ada.cutOff(), ben.cutOff()]);
    wrote[0].push(...(await write(ada, 'dark', 2)));
    wrote[1].push(...(await write(ben, 'dark', 2)));
    await stage.mend(async () => {
      await Promise.all([ada, ben].map((person) => person.at('connection').click()));
      await Promise.all([ada.live('sse'), ben.live()]);
    });
    const shown = await assertSame(ada, ben);
    assert.equal(shown.length, 2 + 2 * 8);
    for (const texts of wrote) assertOnceInOrder(shown, texts);

    // And it goes on.
    await ben.say('still there?');
    await ada.sees('still there?');
    await ada.page.reload();
    await ada.live('sse');
    await ada.isIn('harbour');
    await assertSame(ada, ben);
  } finally {
    proxy.stop();
  }
});
