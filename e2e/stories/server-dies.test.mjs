/** The server dies while both type, and comes back: everything arrives once, in one order. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertSame } from '../person.mjs';
import { DIST } from '../server.mjs';
import { story } from '../stage.mjs';
import { until } from '../wait.mjs';

const LINES = 12;

/** Writes lines as fast as the page takes them, whatever the connection does; tells of each. */
async function write(person, topic, told = () => {}) {
  const texts = Array.from({ length: LINES }, (_, line) => `${person.username} ${topic} ${line}`);
  for (const [line, text] of texts.entries()) {
    await person.say(text);
    told(line);
  }
  return texts;
}

/** The files of the page come from a cache near by, as they would from a CDN: the server is away. */
async function filesWithoutServer(page) {
  await page.route(
    ({ pathname }) => !pathname.startsWith('/api/'),
    (route) => {
      const { pathname } = new URL(route.request().url());
      if (/\.\w+$/.test(pathname)) return route.fulfill({ path: join(DIST, pathname) });
      // As the server writes it: its parts are found from every address.
      const page = readFileSync(join(DIST, 'index.html'), 'utf8').replaceAll('"./', '"/');
      return route.fulfill({ body: page, contentType: 'text/html' });
    },
  );
}

/** Of the lines that one person wrote, the log has each once and in the order of writing. */
function assertOnceInOrder(shown, texts) {
  const wanted = new Set(texts);
  const found = shown.map(({ text }) => text).filter((text) => wanted.has(text));
  assert.deepEqual(found, texts);
}

story('the server dies while both type, and nothing is lost or doubled', async (stage) => {
  const [ada, ben] = await Promise.all([stage.person('Ada'), stage.person('Ben')]);
  await Promise.all([ada.signUp(), ben.signUp()]);
  await ada.createChannel('harbour');
  await ben.joinChannel('harbour');
  await ada.say('before the storm');
  await ben.sees('before the storm');

  // The power goes out in the middle of both.
  let halfway = () => {};
  const middle = new Promise((done) => (halfway = done));
  const adas = write(ada, 'storm', (line) => line === LINES / 3 && halfway());
  const bens = write(ben, 'storm');
  await middle;
  await stage.cut();
  const [adaWrote, benWrote] = await Promise.all([adas, bens]);
  await Promise.all([ada.cutOff(), ben.cutOff()]);

  // What waits is shown as waiting, in the order of writing, and the page says why.
  const adaWaits = await ada.pending();
  const benWaits = await ben.pending();
  for (const [waits, wrote] of [
    [adaWaits, adaWrote],
    [benWaits, benWrote],
  ]) {
    assert.ok(waits.length > 0, 'something waits');
    assert.deepEqual(waits, wrote.slice(-waits.length));
  }
  await ben.page.getByText('What you write is sent when it is back.').waitFor();
  await stage.shoot('pending');

  // A reload without the server keeps what waits, and what was read.
  await filesWithoutServer(ada.page);
  await ada.page.reload();
  await ada.isIn('harbour');
  await ada.sees('before the storm');
  await until('what waits is there again', async () => {
    return JSON.stringify(await ada.pending()) === JSON.stringify(adaWaits);
  });
  await ada.say('written in the dark');
  assert.deepEqual(await ada.pending(), [...adaWaits, 'written in the dark']);
  await ada.page.unrouteAll({ behavior: 'wait' });

  // It comes back on the same port and data. Ada waits, Ben presses.
  await stage.mend(async () => {
    await Promise.all([ada.live(), ben.at('connection').click().then(() => ben.live())]);
  });
  const shown = await assertSame(ada, ben);
  assert.equal(shown.length, 2 * LINES + 2);
  assertOnceInOrder(shown, [...adaWrote, 'written in the dark']);
  assertOnceInOrder(shown, benWrote);
  await stage.shoot('after');

  // A page that is closed while cut off, and opened again later, sends what it owes.
  await stage.cut();
  await ben.cutOff();
  await ben.say('last words');
  const address = ben.page.url();
  const context = ben.page.context();
  await ben.page.close();
  await stage.mend(async () => {
    ben.page = await context.newPage();
    await ben.page.goto(address);
    await ada.at('connection').click();
    await Promise.all([ada.live(), ben.live()]);
  });
  await ada.sees('last words');
  await assertSame(ada, ben);
});

story('changing the transport loses and repeats nothing', async (stage) => {
  const [ada, ben] = await Promise.all([stage.person('Ada'), stage.person('Ben')]);
  await Promise.all([ada.signUp(), ben.signUp()]);
  await ada.createChannel('harbour');
  await ben.joinChannel('harbour');
  await ada.say('over the socket');
  await ben.sees('over the socket');

  const wrote = [];
  for (const [topic, query, transport] of [
    ['to-sse', '?transport=sse', 'sse'],
    ['to-ws', '?transport=ws', 'ws'],
    ['any', '', 'ws'],
  ]) {
    // Ben writes all the while; Ada writes right before and after.
    const bens = write(ben, topic);
    await ada.say(`leaving ${topic}`);
    await ada.page.goto(`/r/${ada.room()}${query}`);
    await ada.live(transport);
    await ada.isIn('harbour');
    await ada.say(`arrived ${topic}`);
    wrote.push(await bens);
    await ben.sees(`arrived ${topic}`);
    const shown = await assertSame(ada, ben);
    for (const texts of wrote) assertOnceInOrder(shown, texts);
    assert.equal(shown.length, 1 + wrote.length * (LINES + 2));
  }
});
