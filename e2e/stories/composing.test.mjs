/** Drafts, edits and unsent messages while one goes to and fro: each stays what it is, and nothing is lost. */

import assert from 'node:assert/strict';
import { assertSame } from '../person.mjs';
import { DESKTOP, story } from '../stage.mjs';
import { until } from '../wait.mjs';

const holds = (person, text) =>
  until(`the box holds “${text}”`, async () => (await person.written()) === text, () => person.written());

story('a half edit stays an edit, and a draft a draft', async (stage) => {
  const ada = await stage.person('Ada');
  await ada.signUp();
  await ada.createChannel('harbour');
  await ada.say('first');
  await ada.createChannel('lagoon');
  await ada.open('harbour');

  // A draft, an edit half done, another room, and back.
  await ada.at('composer').fill('a draft');
  await ada.act('first', '[data-testid="edit"]');
  await holds(ada, 'first');
  await ada.at('composer').fill('first, half edit');
  await ada.open('lagoon');
  await holds(ada, '');
  await ada.at('composer').fill('of the lagoon');
  await ada.open('harbour');
  await holds(ada, 'first, half edit');
  await ada.page.getByText('Editing', { exact: true }).waitFor();
  await stage.shoot('half-edit');

  // A reload in the same breath as the last key loses nothing of it.
  await ada.at('composer').pressSequentially('ed');
  await ada.page.reload();
  await ada.isIn('harbour');
  await holds(ada, 'first, half edited');
  await ada.at('composer').press('Enter');
  await ada.sees('first, half edited');
  await holds(ada, 'a draft');
  await ada.at('composer').press('Enter');
  await ada.sees('a draft');
  await ada.open('lagoon');
  await holds(ada, 'of the lagoon');
  assert.deepEqual((await ada.messages()).length, 0);
  await ada.at('composer').fill('  ');
  await ada.at('composer').press('Enter');
  await holds(ada, '');
  await ada.open('harbour');
  assert.equal((await assertSame(ada)).length, 2);
});

story('the box fits its text, says what is too long in characters, and what it cannot send', async (stage) => {
  const ada = await stage.person('Ada', DESKTOP);
  await ada.signUp();
  await ada.createChannel('harbour');
  const lines = ['one', 'two', 'three', 'four'].join('\n');
  await ada.at('composer').fill(lines);
  const height = async () => (await ada.at('composer').boundingBox()).height;
  const tall = await height();
  assert.ok(tall >= 4 * 22, `four lines need more than ${tall} px`);
  await ada.at('composer').press('Enter');
  await until('the box is small again', async () => (await height()) < tall / 2);
  await ada.page.getByTestId('message').hover();
  await ada.page.getByTestId('edit').click();
  await until('the box fits the edit', async () => (await height()) === tall, height);
  await stage.shoot('edit-of-four-lines');
  await ada.at('composer').press('Escape');
  await ada.at('composer').fill('ä'.repeat(8_192) + '12');
  await ada.page.getByText('2 characters too long.').waitFor();
  await stage.shoot('too-long');
  await ada.at('composer').fill('');
  await ada.page.evaluate(() => {
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File(['x'], 'cat.png', { type: 'image/png' }));
    const paste = new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true });
    document.querySelector('textarea').dispatchEvent(paste);
  });
  await ada.page.getByText('Pictures and files cannot be sent yet.').waitFor();
  await stage.shoot('pasted');
});
