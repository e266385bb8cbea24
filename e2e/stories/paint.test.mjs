/** What is drawn stays in its place: marks in their bubble, the actions of a message where they cover nobody's name. */

import assert from 'node:assert/strict';
import { story } from '../stage.mjs';
import { until } from '../wait.mjs';

const MARKS = `Z${'\u0301'.repeat(3_000)}`;

const box = (locator) => locator.boundingBox();

story('marks, actions and copies', async (stage) => {
  const [ada, ben] = await Promise.all([stage.person('Ada'), stage.person('Ben')]);
  await Promise.all([ada.signUp(), ben.signUp()]);
  await ada.createChannel('harbour');
  await ben.joinChannel('harbour');
  await ada.say('plain text above');
  await ada.at('composer').fill(`${MARKS} and on`);
  await ada.at('composer').press('Enter');
  await ada.say('plain text below');
  await ben.say('an answer');
  await ada.sees('an answer');

  // The marks are there, and cut at their bubble.
  const clipped = ada.page.locator('.bubble').filter({ hasText: 'and on' });
  assert.equal(await clipped.evaluate((bubble) => getComputedStyle(bubble).overflow), 'clip');
  await stage.shoot('marks');

  // The actions stand beside a short message, and cover no name.
  await ada.message('an answer').hover();
  const tools = ada.page.getByRole('toolbar', { name: 'Message' });
  await tools.waitFor();
  await stage.shoot('actions');
  const name = await box(ada.message('an answer').locator('.author'));
  const bar = await box(tools);
  assert.ok(bar.x >= name.x + name.width || bar.y >= name.y + name.height, 'the name is free');

  // On a message taller than the screen they go along.
  const tall = Array.from({ length: 60 }, (_, line) => `row ${line}`).join('\n');
  await ben.at('composer').fill(tall);
  await ben.at('composer').press('Enter');
  const long = ada.page.locator('[data-testid="message"]').filter({ hasText: 'row 59' });
  await long.waitFor();
  await ada.page.mouse.move(700, 300);
  await ada.page.mouse.move(700, 320);
  const seen = ada.page.locator('.scroller');
  await until('the actions are on screen', async () => {
    const [at, frame] = [await box(tools), await box(seen)];
    return at && at.y >= frame.y && at.y + at.height <= frame.y + frame.height;
  });
  await stage.shoot('actions-tall');

  // Several messages are copied with names and times.
  const text = await ada.page.evaluate(() => {
    const rows = [...document.querySelectorAll('[data-testid="message"]')];
    const range = document.createRange();
    range.setStart(rows[0], 0);
    range.setEnd(rows[3], rows[3].childNodes.length);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    const clipboardData = new DataTransfer();
    const event = new ClipboardEvent('copy', { clipboardData, bubbles: true, cancelable: true });
    rows[0].dispatchEvent(event);
    return clipboardData.getData('text/plain');
  });
  assert.match(text, /^\[[^\]]+\] Ada: plain text above\n/);
  assert.match(text, /\n\[[^\]]+\] Ben: an answer$/);

  for (const [look, width] of [['dark', 1440], ['dark', 390], ['light', 390]]) {
    await ada.page.emulateMedia({ colorScheme: look });
    await ada.page.setViewportSize({ width, height: 844 });
    await stage.shoot(`paint-${look}-${width}`, [ada]);
  }
});
