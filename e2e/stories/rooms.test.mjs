/** Rooms and devices are looked after: renaming, removing, leaving, presence, signing devices out. */

import assert from 'node:assert/strict';
import { PASSWORD } from '../person.mjs';
import { story } from '../stage.mjs';
import { until } from '../wait.mjs';

/** Somebody in the list of members. */
function member(person, name) {
  const named = person.page.locator('strong').filter({ hasText: new RegExp(`^${name}( \\(you\\))?$`) });
  return person.at('member').filter({ has: named });
}

/** Waits until somebody is seen to be there, away or gone. */
async function seenAs(person, name, presence) {
  await member(person, name).and(person.page.locator(`[data-presence="${presence}"]`)).waitFor();
}

/** Waits until the room's header says how many are there. [SG5] */
async function counted(person, count) {
  await person.page.getByText(`, ${count} online`).waitFor();
}

story('a room is renamed, and its members come, are seen and go', async (stage) => {
  const people = await Promise.all(['Ada', 'Ben', 'Eve'].map((name) => stage.person(name)));
  const [ada, ben, eve] = people;
  await Promise.all(people.map((person) => person.signUp()));
  await ada.createChannel('harbour');
  for (const person of [ben, eve]) await person.joinChannel('harbour');
  for (const person of people) await person.press(person.at('members-toggle'));

  // Who is there is seen; who closes the page is gone, and back when it is opened again. [SG3]
  for (const person of people) {
    for (const { name } of people) await seenAs(person, name, 'online');
  }
  await Promise.all(people.map((person) => counted(person, 3)));
  const address = eve.page.url();
  await eve.page.goto('about:blank');
  await Promise.all([ada, ben].map((person) => seenAs(person, 'Eve', 'offline')));
  await Promise.all([ada, ben].map((person) => counted(person, 2)));
  await eve.page.goto(address);
  await Promise.all([ada, ben].map((person) => seenAs(person, 'Eve', 'online')));
  await Promise.all([ada, ben].map((person) => counted(person, 3)));
  await eve.isIn('harbour');

  // The owner renames; members of a channel may not. [RM3]
  assert.equal(await ben.at('rename').count(), 0);
  await ada.press(ada.at('rename'));
  assert.equal(await ada.at('new-name').inputValue(), 'harbour');
  await ada.at('new-name').fill('lighthouse');
  await ada.press(ada.at('save-name'));
  for (const person of people) {
    await person.isIn('lighthouse');
    await person.listed('lighthouse').waitFor();
  }

  // The owner removes; others may not, and nobody the owner. [RM4]
  assert.equal(await ben.at('remove-member').count(), 0);
  assert.equal(await ada.at('remove-member').count(), 2);
  await ada.press(member(ada, 'Eve').getByTestId('remove-member'));
  await stage.shoot('remove', [ada]);
  await ada.press(ada.at('confirm-remove'));
  for (const person of [ada, ben]) await member(person, 'Eve').waitFor({ state: 'detached' });
  await eve.at('join').waitFor();
  assert.equal(await eve.listed('lighthouse').count(), 0);

  // One leaves by oneself.
  await ben.press(ben.at('leave'));
  await ben.press(ben.at('confirm-leave'));
  await ben.listed('lighthouse').waitFor({ state: 'detached' });
  await member(ada, 'Ben').waitFor({ state: 'detached' });
  await ada.page.getByText('1 member, 1 online', { exact: true }).waitFor();
});

story('a device that was lost is signed out from another', async (stage) => {
  const ada = await stage.person('Ada');
  const lost = await stage.person('Ada');
  await ada.signUp();
  await lost.page.goto('/');
  await lost.at('username').fill('ada');
  await lost.at('password').fill(PASSWORD);
  await lost.press(lost.at('submit'));
  await lost.live();

  await ada.press(ada.at('devices'));
  await until('both devices are listed', async () => (await ada.at('device').count()) === 2);
  assert.equal(await ada.at('remove-device').count(), 1, 'this device signs out elsewhere');
  await stage.shoot('devices', [ada]);
  await ada.press(ada.at('remove-device'));
  await ada.at('remove-device').filter({ hasText: 'Really?' }).waitFor();
  assert.equal(await ada.at('device').count(), 2, 'one press is none');
  await ada.press(ada.at('remove-device'));
  await until('one device is left', async () => (await ada.at('device').count()) === 1);

  // The lost one is out at once, and stays out.
  await lost.page.getByText('This device was signed out.').waitFor();
  await lost.page.reload();
  await lost.at('sign-in-form').waitFor();
  await ada.live();
});
