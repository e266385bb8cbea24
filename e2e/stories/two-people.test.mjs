/** Two people chat: all that one does appears with the other, once, in the same order, at once. */

import assert from 'node:assert/strict';
import { assertSame } from '../person.mjs';
import { story } from '../stage.mjs';
import { until } from '../wait.mjs';

/** What a badge says, to the eye and to a screen reader. */
const unreadIs = (count) => new RegExp(`^\\s*${count}\\s*unread\\s*$`);

story('two people find each other and chat', async (stage) => {
  const [ada, ben] = await Promise.all([stage.person('Ada'), stage.person('Ben')]);
  await Promise.all([ada.signUp(), ben.signUp()]);
  await ada.createChannel('harbour');
  await ben.joinChannel('harbour');

  // Both ways, and at the same time.
  await ada.say('good morning');
  await ben.sees('good morning');
  await ben.say('and to you');
  await ada.sees('and to you');
  const both = (who, from, to) => async () => {
    for (let line = from; line <= to; line++) await who.say(`${who.username} line ${line}`);
  };
  await Promise.all([both(ada, 1, 8)(), both(ben, 1, 8)()]);
  assert.equal((await assertSame(ada, ben)).length, 18);

  // Who types is seen to type, until the line is sent.
  const typing = ada.at('typing').getByText('Ben is typing', { exact: true });
  await ben.at('composer').pressSequentially('wait, I am');
  await typing.waitFor();
  await stage.shoot('typing');
  await ben.at('composer').press('Enter');
  await ada.sees('wait, I am');
  await typing.waitFor({ state: 'detached' });

  // Reactions come and go.
  const thumb = '[data-testid="reaction"][data-emoji="👍"]';
  await ben.act('good morning', '[data-testid="quick-react"][data-emoji="👍"]');
  await ada.message('good morning').locator(`${thumb}[data-count="1"]`).click();
  await ben.message('good morning').locator(`${thumb}[data-count="2"]`).waitFor();
  await ben.message('good morning').locator(thumb).click();
  await ada.message('good morning').locator(`${thumb}[data-count="1"]`).waitFor();

  // What is changed or taken back is so on both sides.
  await ada.edit('ada line 2', 'ada line 2, mended');
  await ben.message('ada line 2, mended').getByTestId('edited').waitFor();
  await ada.delete('ada line 3');
  await ben.at('deleted').waitFor();
  const shown = await assertSame(ada, ben);
  assert.equal(shown.filter(({ text }) => text === null).length, 1);
  assert.ok(!JSON.stringify(await ada.log()).includes('ada line 3"'), 'the text is erased');

  // Elsewhere, one is told what is unread; reading clears it.
  await ben.talkTo(ada);
  await ben.say('a word between us');
  await ada.listed('Ben').getByTestId('unread').filter({ hasText: unreadIs(1) }).waitFor();
  const badge = ben.listed('harbour').getByTestId('unread');
  await ada.say('still there?');
  await badge.filter({ hasText: unreadIs(1) }).waitFor();
  await ada.say('anyone?');
  await badge.filter({ hasText: unreadIs(2) }).waitFor();
  await ben.page.waitForFunction(() => document.title === '(2) Ada · Tidings');
  await stage.shoot('unread');
  await ben.open('harbour');
  await ben.sees('anyone?');
  // Ben left the room while looking at its beginning, and comes back there; what he has not looked at is not read.
  assert.equal(await badge.count(), 1);
  await ben.message('anyone?').scrollIntoViewIfNeeded();
  await badge.waitFor({ state: 'detached' });
  await ada.open('Ben');
  await ada.sees('a word between us');
  await ada.say('I am all ears');
  const direct = ben.listed('Ada').getByTestId('unread');
  await direct.filter({ hasText: unreadIs(1) }).waitFor();
  await ben.open('Ada');
  await direct.waitFor({ state: 'detached' });
  assert.equal((await assertSame(ada, ben)).length, 2);

  // After a reload all is as it was, and what was read stays read.
  await Promise.all([ada.open('harbour'), ben.open('harbour')]);
  const before = await assertSame(ada, ben);
  // The marker has reached the server; a fresh page knows it from there alone.
  await until('the server knows what Ben has read', async () => {
    const { rooms } = await (await ben.page.request.get('/api/v1/rooms')).json();
    return rooms.every(({ count, marker }) => marker.count === count);
  });
  await Promise.all([ada.page.reload(), ben.page.reload()]);
  await Promise.all([ada.live(), ben.live()]);
  await Promise.all([ada.isIn('harbour'), ben.isIn('harbour')]);
  assert.deepEqual(await assertSame(ada, ben), before);
  await ben.message('good morning').locator(`${thumb}[data-count="1"]`).waitFor();
  assert.equal(await ben.at('unread').count(), 0);

  // And it goes on.
  await ada.say('good night');
  await ben.sees('good night');
  await assertSame(ada, ben);
});
