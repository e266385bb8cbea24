/** Names as people have them: in any direction, alike, missing, or taken. */

import assert from 'node:assert/strict';
import { PASSWORD } from '../person.mjs';
import { story } from '../stage.mjs';
import { until } from '../wait.mjs';

const LAYLA = 'ليلى الحسن';

/** Signs up under a name that the username does not tell. */
async function signUpAs(person, username, name) {
  person.username = username;
  await person.page.goto('/sign-up');
  await person.at('display-name').fill(name);
  await person.at('username').fill(username);
  await person.at('password').fill(PASSWORD);
  await person.press(person.at('submit'));
  await person.live();
}

function direction(locator) {
  return locator.evaluate((element) => getComputedStyle(element).direction);
}

story('names and texts have their own direction, and twins are told apart', async (stage) => {
  const [ada, layla, twin] = await Promise.all(['Ada', LAYLA, 'Twin'].map((name) => stage.person(name)));
  await signUpAs(ada, 'ada', 'Ada');
  await ada.createChannel('harbour');
  await signUpAs(layla, 'layla', LAYLA);
  await layla.joinChannel('harbour');

  // What is written from right to left is drawn so, and nothing else turns.
  await layla.at('composer').fill('مرحبا بكم');
  assert.equal(await direction(layla.at('composer')), 'rtl');
  await layla.say('مرحبا بكم');
  await layla.say('and in English');
  await ada.sees('and in English');
  assert.equal(await direction(ada.message('مرحبا بكم').getByTestId('text')), 'rtl');
  assert.equal(await direction(ada.message('and in English').getByTestId('text')), 'ltr');
  const author = ada.message('مرحبا بكم').locator('.author');
  await author.filter({ hasText: LAYLA }).waitFor();
  assert.equal(await direction(author), 'ltr');
  assert.equal(await direction(author.locator('bdi')), 'rtl');
  await layla.at('composer').pressSequentially('م');
  await ada.at('typing').getByText(`\u2068${LAYLA}\u2069 is typing`).waitFor();
  assert.equal(await ada.message('مرحبا بكم').locator('.author small').count(), 0, 'nobody looks like her');

  // Cyrillic letters: the username tells who it is.
  await signUpAs(twin, 'mallory', 'Аdа');
  await twin.joinChannel('harbour');
  await twin.say('it is me, Ada');
  await ada.message('it is me, Ada').locator('.author', { hasText: '@mallory' }).waitFor();
  await twin.at('composer').pressSequentially('more');
  await ada.at('typing').getByText('Аdа (@mallory)').waitFor();
  await twin.talkTo({ name: 'Ada', username: 'ada' });
  await twin.say('psst');
  await ada.at('room-item').locator('small', { hasText: '@mallory' }).waitFor();
  await stage.shoot('names');
});

story('a group without a name, and a channel whose name is taken', async (stage) => {
  const people = await Promise.all(['Ada', 'Ben', 'Cleo'].map((name) => stage.person(name)));
  const [ada, ben] = people;
  for (const person of people) await person.signUp();
  await ada.press(ada.at('new-room'));
  await ada.press(ada.at('new-group'));
  for (const username of ['ben', 'cleo']) {
    await ada.at('people-search').fill(username);
    await ada.press(ada.page.locator(`[data-testid="person"][data-username="${username}"]`));
  }
  await ada.press(ada.at('create-room'));
  await until('the group is called after the others', async () => {
    return /^(Ben and Cleo|Cleo and Ben)$/.test(await ada.at('room-name-shown').innerText());
  });
  assert.match(await ada.page.title(), /(Ben and Cleo|Cleo and Ben) · Tidings/);
  await ben.at('room-title').filter({ hasText: /^(Ada and Cleo|Cleo and Ada)$/ }).waitFor();

  // The sign in front of a channel is not part of its name.
  await ada.press(ada.at('new-room'));
  await ada.press(ada.at('new-channel'));
  await ada.at('room-name').pressSequentially('# general');
  assert.equal(await ada.at('room-name').inputValue(), 'general');
  await ada.press(ada.at('create-room'));
  await ada.isIn('general');
  const room = ada.room();
  await ben.press(ben.at('new-room'));
  await ben.press(ben.at('new-channel'));
  await ben.at('room-name').fill('General ');
  await ben.press(ben.at('open-room'));
  await ben.isIn('general');
  assert.equal(ben.room(), room);
  await stage.shoot('taken');
});
