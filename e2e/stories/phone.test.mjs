/** A phone and a desktop show the same talk: all screens fit, can be pressed and read by everyone. */

import assert from 'node:assert/strict';
import { AXE, look } from '../look.mjs';
import { DESKTOP, story } from '../stage.mjs';
import { until } from '../wait.mjs';

const PHONE = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  hasTouch: true,
  isMobile: true,
};
const LONG = `https://example.org/${'a-long-address-without-a-break-'.repeat(6)}`;
const CODE = 'let wide = "a line of code that is much wider than any phone, and scrolls";';

story('a phone beside a desktop', async (stage) => {
  const ada = await stage.person('Ada', PHONE, [AXE]);
  const ben = await stage.person('Ben', DESKTOP, [AXE]);
  const wrong = [];
  const seen = async (person, screen) => {
    wrong.push(...(await look(person, screen, (theme) => stage.shoot(theme, [person]))));
  };

  for (const person of [ada, ben]) {
    await person.page.goto('/');
    await person.at('sign-in-form').waitFor();
    await seen(person, 'sign-in');
    await person.press(person.at('auth-switch'));
    await person.at('sign-up-form').waitFor();
    await seen(person, 'sign-up');
    await person.signUp();
    await seen(person, 'empty');
  }

  // The phone makes a channel, the desktop finds it.
  await ada.press(ada.at('new-room'));
  for (const tab of ['direct', 'group', 'browse', 'channel']) {
    await ada.press(ada.at(`new-${tab}`));
    if (tab === 'group') {
      await ada.at('people-search').fill('be');
      await ada.at('person').waitFor();
    }
    await seen(ada, `new-${tab}`);
  }
  await ada.at('room-name').fill('harbour');
  await ada.press(ada.at('create-room'));
  await ada.isIn('harbour');
  await seen(ada, 'room-empty');
  await ben.joinChannel('harbour');

  // One thing at a time on the phone: the list, the room, back by its button and the system's.
  await ada.press(ada.at('back'));
  await ada.at('room-list').waitFor();
  assert.equal(await ada.at('composer').isVisible(), false);
  await ada.open('harbour');
  assert.equal(await ada.at('room-list').isVisible(), false);
  await ada.page.goBack();
  await ada.at('room-list').waitFor();
  await ada.open('harbour');
  const headings = await ada.page.getByRole('heading', { level: 1 }).allInnerTexts();
  assert.deepEqual(headings, ['harbour'], 'the one heading that a phone shows');

  // A talk with all kinds of messages.
  await ada.say('from the quay');
  await ben.sees('from the quay');
  await ben.say(LONG);
  await ben.say(`\`\`\`\n${CODE}\n\`\`\``, CODE);
  await ben.say('ship ahoy');
  await ben.say('not for long');
  await ben.say('mended');
  await ada.sees('mended');
  await ben.edit('mended', 'mended once');
  await ben.delete('not for long');
  await ben.say('🎉');
  await ada.say('a line of its own that is long enough to be broken on a narrow screen, and then some');

  // The composer is on screen above the keyboard's place, and grows with what is written.
  const { y, height } = await ada.at('composer').boundingBox();
  assert.ok(y + height <= PHONE.viewport.height, 'the composer is on screen');
  await ada.at('composer').fill('one\ntwo\nthree');
  const grown = await ada.at('composer').boundingBox();
  assert.ok(grown.height > height, 'the composer grows');
  assert.ok(grown.y + grown.height <= PHONE.viewport.height, 'and stays on screen');
  await ada.at('composer').press('Enter');
  assert.equal(await ada.written(), 'one\ntwo\nthree\n', 'Enter is a new line');
  await ada.at('composer').fill('');

  // A finger held on a message brings its actions.
  await ada.hold('ship ahoy');
  await seen(ada, 'actions');
  await ada.press(ada.dialog('Message').locator('[data-emoji="👍"]'));
  await ben.message('ship ahoy').locator('[data-testid="reaction"][data-count="1"]').waitFor();
  await ada.hold('from the quay');
  await ada.press(ada.dialog('Message').getByRole('button', { name: 'Delete', exact: true }));
  await ada.at('confirm-delete').waitFor();
  await seen(ada, 'delete');
  await ada.press(ada.dialog('Delete this message?').getByRole('button', { name: 'Keep it' }));
  await ada.hold('from the quay');
  await ada.press(ada.dialog('Message').getByRole('button', { name: 'Edit', exact: true }));
  await until('the text is in the composer', async () => (await ada.written()) === 'from the quay');
  await seen(ada, 'room');
  await ada.page.getByRole('button', { name: 'Cancel', exact: true }).tap();
  await ben.message('ship ahoy').hover();
  await ben.message('ship ahoy').getByTestId('react').waitFor();
  await seen(ben, 'room');
  await ben.message('ship ahoy').getByTestId('react').click();
  await ben.dialog('React').locator('[data-emoji]').first().waitFor();
  await seen(ben, 'emoji');
  await ben.page.keyboard.press('Escape');

  for (const person of [ada, ben]) {
    await person.press(person.at('members-toggle'));
    await person.at('member').nth(1).waitFor();
    await seen(person, 'members');
    if (person === ada) {
      await ada.press(ada.at('rename'));
      await ada.at('new-name').waitFor();
      await seen(ada, 'rename');
      await ada.press(ada.dialog('Rename').getByRole('button', { name: 'Cancel' }));
      await ada.press(ada.at('remove-member'));
      await ada.at('confirm-remove').waitFor();
      await seen(ada, 'remove');
      await ada.press(ada.dialog('Remove Ben?').getByRole('button', { name: 'Keep' }));
    }
    await person.press(person.at('leave'));
    await person.at('confirm-leave').waitFor();
    await seen(person, 'leave');
    await person.press(person.dialog('Leave this room?').getByRole('button', { name: 'Stay' }));
    await person.press(person.at('members').getByRole('button', { name: /Close/ }));
  }

  // The list of the phone tells what is unread.
  await ada.press(ada.at('back'));
  await ben.say('one more');
  await ada.listed('harbour').getByTestId('unread').waitFor();
  await seen(ada, 'list');
  for (const person of [ada, ben]) {
    await person.press(person.at('devices'));
    await person.at('device').waitFor();
    await seen(person, 'devices');
    await person.press(person.dialog('Signed-in devices').getByRole('button', { name: 'Close' }));
  }
  await ada.open('harbour');
  await ada.sees('one more');

  // The chosen theme outlives a reload, whatever the system says.
  await ben.page.emulateMedia({ colorScheme: 'light' });
  await ben.at('theme').click();
  await ben.at('theme').click();
  await ben.page.reload();
  await ben.isIn('harbour');
  await ben.sees('one more');
  const scheme = () => getComputedStyle(document.documentElement).colorScheme;
  assert.equal(await ben.page.evaluate(scheme), 'dark');
  assert.deepEqual(await ben.messages(), await ada.messages());
  assert.deepEqual(wrong, []);
});
