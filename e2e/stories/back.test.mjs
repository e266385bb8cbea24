/** Whatever opens closes by going back and by Escape, the last thing first; the focus returns. */

import assert from 'node:assert/strict';
import { DESKTOP, story } from '../stage.mjs';
import { until } from '../wait.mjs';

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

/** Waits until the focus is on the control with this test id. */
function focusOn(person, id) {
  const on = () => person.page.evaluate(() => document.activeElement?.dataset.testid);
  return until(`the focus is on ${id}`, async () => (await on()) === id, on);
}

/** What opens over the page, how, and what is there while it is open. */
const DIALOGS = [
  ['new-room', 'New conversation', '/?dialog=new', '?dialog=new'],
  ['devices', 'Signed-in devices', '/?dialog=devices', '?dialog=devices'],
];

for (const [kind, options] of [
  ['desktop', DESKTOP],
  ['phone', PHONE],
]) {
  story(`back closes the last thing on a ${kind}`, async (stage) => {
    const ada = await stage.person('Ada', options);
    const { page } = ada;
    const at = (address) => page.waitForURL(new URL(address, stage.server.base).href);
    const back = () => page.goBack();
    const escape = () => page.keyboard.press('Escape');
    await ada.signUp();
    await ada.createChannel('harbour');
    await ada.say('one');
    await ada.sees('one');
    const room = `/r/${ada.room()}`;

    // What was made by a dialog took its place: back is where one was before.
    await back();
    await at('/');
    assert.equal(await page.getByRole('dialog').count(), 0);

    // Dialogs over the list.
    for (const [opener, title, address, query] of DIALOGS) {
      for (const close of [back, escape, () => ada.press(ada.dialog(title).getByRole('button', { name: 'Close' }))]) {
        await ada.press(ada.at(opener));
        await ada.dialog(title).waitFor();
        await at(address);
        await close();
        await ada.dialog(title).waitFor({ state: 'detached' });
        await at('/');
        await focusOn(ada, opener);
      }
      // The address alone opens it, too, and there is nothing to go back to.
      await page.goto(address);
      await ada.dialog(title).waitFor();
      await escape();
      await ada.dialog(title).waitFor({ state: 'detached' });
      await at('/');
      // Forward opens what back has closed.
      await ada.press(ada.at(opener));
      await ada.dialog(title).waitFor();
      await back();
      await ada.dialog(title).waitFor({ state: 'detached' });
      await page.goForward();
      await ada.dialog(title).waitFor();
      assert.ok(page.url().endsWith(query));
      await back();
      await ada.dialog(title).waitFor({ state: 'detached' });
    }

    // The panel beside the room.
    await ada.open('harbour');
    for (const close of [back, escape, () => ada.press(ada.at('members').getByRole('button', { name: /Close/ }))]) {
      await ada.press(ada.at('members-toggle'));
      await ada.at('member').waitFor();
      await at(`${room}?panel=members`);
      await close();
      await ada.at('members').waitFor({ state: 'detached' });
      await at(room);
      await ada.isIn('harbour');
      await focusOn(ada, 'members-toggle');
    }

    // A dialog over the panel: first the one, then the other, then the room.
    await ada.press(ada.at('members-toggle'));
    for (const [opener, title] of [
      ['add-member', 'Add people'],
      ['rename', 'Rename'],
      ['leave', 'Leave this room?'],
    ]) {
      for (const close of [back, escape]) {
        await ada.press(ada.at(opener));
        await ada.dialog(title).waitFor();
        // What is being typed is no reason to stay.
        if (opener === 'add-member') await ada.at('people-search').fill('ad');
        await close();
        await ada.dialog(title).waitFor({ state: 'detached' });
        await at(`${room}?panel=members`);
        await focusOn(ada, opener);
      }
    }
    await ada.press(ada.at('rename'));
    await ada.dialog('Rename').waitFor();
    await page.reload();
    await ada.at('member').waitFor();
    await at(`${room}?panel=members`);
    assert.equal(await page.getByRole('dialog').count(), 0);
    await back();
    await ada.at('members').waitFor({ state: 'detached' });
    await ada.isIn('harbour');

    // What opens over a message.
    if (ada.touch) {
      await ada.hold('one');
      await back();
      await ada.dialog('Message').waitFor({ state: 'detached' });
      await ada.hold('one');
      await ada.press(ada.dialog('Message').getByRole('button', { name: 'More emoji' }));
    } else {
      await ada.act('one', '[data-testid="react"]');
    }
    await ada.dialog('React').waitFor();
    await back();
    await ada.dialog('React').waitFor({ state: 'detached' });
    await ada.isIn('harbour');
    await at(room);
    await back();
    await at('/');
    await ada.at('room-list').waitFor();

    // From room to room beside an open panel.
    await ada.createChannel('garden');
    await ada.press(ada.at('members-toggle'));
    await ada.at('member').waitFor();
    const garden = `/r/${ada.room()}`;
    if (!ada.touch) {
      await ada.open('harbour');
      await at(`${room}?panel=members`);
      await ada.at('members').waitFor();
      await back();
      await at(`${garden}?panel=members`);
    }
    await escape();
    await at(garden);
    await ada.isIn('garden');

    // An address with nothing behind it says so.
    await page.goto('/nowhere');
    await page.getByRole('heading', { level: 1, name: 'Nothing is at this address' }).waitFor();
    await ada.press(ada.at('home'));
    await at('/');
    await ada.at('room-list').waitFor();
  });
}

story('the keyboard has a short way to everything', async (stage) => {
  const ada = await stage.person('Ada');
  const { page } = ada;
  await ada.signUp();
  for (const name of ['harbour', 'garden', 'attic']) await ada.createChannel(name);
  const heading = () => page.getByRole('heading', { level: 1 }).allInnerTexts();
  assert.deepEqual(await heading(), ['attic']);
  assert.equal(await page.title(), 'attic · Tidings');
  await page.reload();
  await ada.isIn('attic');
  await focusOn(ada, 'composer');

  // One stop for the whole list: the room that is open.
  const here = () => page.evaluate(() => document.activeElement?.querySelector('[data-testid="room-title"]')?.textContent);
  const lands = (title) => until(`the focus is on ${title}`, async () => (await here()) === title, here);
  assert.equal(await page.locator('[data-testid="room-item"][tabindex="0"]').count(), 1);
  await page.keyboard.press('F6');
  await lands('attic');
  await page.keyboard.press('ArrowDown');
  await lands('garden');
  await page.keyboard.press('End');
  await lands('harbour');
  await page.keyboard.press('Home');
  await lands('attic');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('F6');
  await focusOn(ada, 'composer');
  await page.keyboard.press('Shift+F6');
  await lands('garden');
  await page.keyboard.press('Enter');
  await ada.isIn('garden');

  // The panel is a region, too.
  await ada.at('members-toggle').focus();
  await page.keyboard.press('Enter');
  await ada.at('member').waitFor();
  await focusOn(ada, 'members');
  await page.keyboard.press('Shift+F6');
  await focusOn(ada, 'members-toggle');
  await page.keyboard.press('F6');
  await focusOn(ada, 'members');
  await page.keyboard.press('Escape');
  await focusOn(ada, 'members-toggle');

  // The first stop of the page leads past the list.
  await page.evaluate(() => document.activeElement.blur());
  await page.goto('/');
  await ada.open('garden');
  await page.reload();
  await ada.isIn('garden');
  await page.getByRole('link', { name: 'Skip to the conversation' }).focus();
  await page.keyboard.press('Enter');
  await focusOn(ada, 'composer');
});
