/** Clocks that differ, jump, or simply go on: nothing on the page is lost or repeated by them. [ID4] */

import assert from 'node:assert/strict';
import { story } from '../stage.mjs';
import { until } from '../wait.mjs';

/** The day lines from top to bottom. */
const days = (person) => person.page.locator('li.day').allInnerTexts();

story('times that run backwards over midnight cost no message, and midnight changes what is today', async (stage) => {
  const [ada, ben] = await Promise.all([stage.person('Ada'), stage.person('Ben')]);
  // Two minutes in no time look like silence on the line.
  stage.allow(/WebSocket connection to .* failed/);
  const midnight = new Date().setUTCHours(24, 0, 0, 0);
  await ben.page.clock.install({ time: midnight - 60_000 });
  await Promise.all([ada.signUp(), ben.signUp()]);
  await ada.createChannel('harbour');
  for (const text of ['one', 'two', 'three', 'four']) await ada.say(text);

  // As two servers would stamp them whose clocks differ by a moment; and one whose clock was set wrong.
  const times = [midnight - 86_399_994, midnight - 86_400_058, midnight - 86_399_098, midnight + 30 * 86_400_000];
  await ben.page.route(/\/messages\?/, async (route) => {
    const response = await route.fetch();
    const page = await response.json();
    page.messages.forEach((message, at) => (message.at = new Date(times[at % 4]).toISOString()));
    await route.fulfill({ response, json: page });
  });
  await ben.joinChannel('harbour');
  await ben.sees('four');
  assert.deepEqual((await ben.messages()).map(({ text }) => text), ['one', 'two', 'three', 'four']);
  const shown = await days(ben);
  assert.equal(shown.length, 2, `one line for the day, one for the clock that was wrong: ${shown}`);
  assert.equal(shown[0], 'Today');
  await stage.shoot('times');

  await ben.page.clock.runFor(120_000);
  await until('today is yesterday', async () => (await days(ben))[0] === 'Yesterday', () => days(ben));

  // A machine that slept for a day, and its timers with it: the day is looked at with the page.
  await ben.page.clock.setSystemTime(midnight + 86_400_000 + 3_600_000);
  assert.equal((await days(ben))[0], 'Yesterday');
  await ben.page.evaluate(() => window.dispatchEvent(new Event('focus')));
  await until('it was the day before', async () => (await days(ben))[0] !== 'Yesterday', () => days(ben));
});
