/** What travels until a room is shown to somebody whose browser has nothing of the app yet. */

import assert from 'node:assert/strict';
import { DESKTOP, story } from '../stage.mjs';

/**
 * Bytes on the wire with their heads, and those of them that are scripts. The aims are 60,000 and
 * 50,000; these numbers only ever go down.
 */
const ALL_BYTES_MAX = 68_200;
const SCRIPT_BYTES_MAX = 55_200;
const MESSAGES = 40;

story('a room is shown with little to load', async (stage) => {
  const ada = await stage.person('Ada');
  await ada.signUp();
  await ada.createChannel('general');
  for (let n = 1; n <= MESSAGES; n += 1) await ada.say(`A sentence of the usual length, number ${n}`);
  const address = new URL(ada.page.url()).pathname;
  // The same person with the cookie alone: nothing is in this browser's cache or store.
  const storageState = { ...(await ada.page.context().storageState()), origins: [] };
  const again = await stage.person('Ada', { ...DESKTOP, storageState });
  const wire = await again.page.context().newCDPSession(again.page);
  const requests = new Map();
  wire.on('Network.responseReceived', ({ requestId, type, response }) => {
    requests.set(requestId, { type, url: response.url, bytes: 0, coding: codingOf(response) });
  });
  wire.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const request = requests.get(requestId);
    if (request) request.bytes = encodedDataLength;
  });
  await wire.send('Network.enable');
  await again.page.goto(address);
  await again.isIn('general');
  await again.live();
  const all = [...requests.values()];
  const sum = (some) => some.reduce((bytes, request) => bytes + request.bytes, 0);
  const scripts = all.filter(({ type }) => type === 'Script');
  const told = JSON.stringify(all, null, 1);
  assert.ok(scripts.length > 2 && sum(scripts) > 10_000, told);
  for (const { url, coding, bytes } of scripts) {
    assert.ok(coding === 'br' || bytes < 1_500, `${url} came without brotli`);
    if (coding !== 'br') continue;
    // Whoever knows no brotli gets the other form, which unpacks to the same.
    const packed = await fetch(url, { headers: { 'accept-encoding': 'gzip' } });
    assert.equal(packed.headers.get('content-encoding'), 'gzip', url);
    const plain = await fetch(url, { headers: { 'accept-encoding': 'identity' } });
    assert.equal(plain.headers.get('content-encoding'), null, url);
    assert.equal(await packed.text(), await plain.text(), url);
  }
  console.log(`first load: ${sum(all)} bytes in ${all.length} answers, ${sum(scripts)} of scripts`);
  assert.ok(sum(scripts) <= SCRIPT_BYTES_MAX, told);
  assert.ok(sum(all) <= ALL_BYTES_MAX, told);
});

function codingOf({ headers }) {
  const name = Object.keys(headers).find((header) => header.toLowerCase() === 'content-encoding');
  return name ? headers[name] : '';
}
