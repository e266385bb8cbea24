/** Somebody follows a link without an account: what is wrong is told at its field, and the link is kept. */

import assert from 'node:assert/strict';
import { AXE, look } from '../look.mjs';
import { PASSWORD } from '../person.mjs';
import { DESKTOP, story } from '../stage.mjs';
import { until } from '../wait.mjs';

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

/** The sentence that a field is described by. */
async function told(field) {
  const id = await field.getAttribute('aria-describedby');
  return id === null ? '' : field.page().locator(`[id="${id}"]`).innerText();
}

function toldAt(field, pattern) {
  return until(`the field says ${pattern}`, async () => pattern.test(await told(field)), () => told(field));
}

story('a link is kept through making an account', async (stage) => {
  const ada = await stage.person('Ada');
  await ada.signUp();
  await ada.createChannel('harbour');
  await ada.say('the ship comes at noon');
  await ada.say('bring bread');
  await ada.sees('bring bread');
  const room = `/r/${ada.room()}`;
  const wrong = [];
  stage.allow(/status of (400|401|409)/);

  for (const [name, options] of [
    ['Ben', DESKTOP],
    ['Eve', PHONE],
  ]) {
    const guest = await stage.person(name, options, [AXE]);
    const seen = async (screen) => {
      wrong.push(...(await look(guest, screen, (theme) => stage.shoot(theme, [guest]))));
    };
    const { page } = guest;
    await page.goto(room);
    await guest.at('sign-in-form').waitFor();
    await guest.press(guest.at('auth-switch'));
    await guest.at('sign-up-form').waitFor();
    assert.equal(await page.title(), 'Create an account · Tidings');
    // Through the other form and a reload, too.
    await guest.press(guest.at('auth-switch'));
    await guest.at('sign-in-form').waitFor();
    await guest.press(guest.at('auth-switch'));
    await page.reload();

    // While one types, at the field, in people's words.
    const username = guest.at('username');
    await username.pressSequentially('ädä');
    await toldAt(username, /^“ä” cannot stand in a username/);
    assert.equal(await username.getAttribute('aria-invalid'), 'true');
    await seen('wrong-username');
    await username.fill('a');
    await toldAt(username, /^Letters a to z/);
    assert.equal(await username.getAttribute('aria-invalid'), null);
    await guest.at('display-name').focus();
    await toldAt(username, /^A username has at least 2/);

    // Sent all the same, the first that is wrong gets the focus, and nothing is asked of the server.
    await guest.at('display-name').fill(name);
    await username.fill('ada');
    await guest.at('password').fill('seven77');
    await guest.press(guest.at('submit'));
    await toldAt(guest.at('password'), /^1 more, please/);
    await until('the password has the focus', () => page.evaluate(() => document.activeElement?.name === 'password'));
    await guest.at('password').fill('password');
    await toldAt(guest.at('password'), /^This is among the first/);

    // The server's no is told at its field as well.
    await guest.at('password').fill(PASSWORD);
    await guest.press(guest.at('submit'));
    await toldAt(username, /^Somebody has this username/);
    await until('the username has the focus', () => page.evaluate(() => document.activeElement?.name === 'username'));
    await username.fill(guest.username);
    await toldAt(username, /^Letters a to z/);
    await guest.press(guest.at('submit'));

    // One lands where one wanted to go, and sees what is talked about before one joins.
    await guest.at('offer-talk').getByText('the ship comes at noon').waitFor();
    assert.equal(new URL(page.url()).pathname + new URL(page.url()).search, room);
    await guest.at('offer-talk').getByText('bring bread').waitFor();
    await seen('offer');
    await guest.press(guest.at('join'));
    await guest.isIn('harbour');
    await guest.sees('bring bread');
  }

  // The same with an account that is there.
  const back = await stage.person('Ben');
  await back.page.goto(`/sign-up?to=${encodeURIComponent(room)}`);
  await back.press(back.at('auth-switch'));
  await back.at('sign-in-form').waitFor();
  await back.at('username').fill('ben');
  await back.at('password').fill('not the password');
  await back.press(back.at('submit'));
  await back.page.getByRole('alert').filter({ hasText: 'Username or password is wrong.' }).waitFor();
  await back.at('password').fill(PASSWORD);
  await back.press(back.at('submit'));
  await back.isIn('harbour');
  // Only rooms of this server are gone on to.
  const eve = await stage.person('Eve');
  await eve.page.goto(`/sign-in?to=${encodeURIComponent('https://evil.example/r/room_1')}`);
  await eve.at('username').fill('eve');
  await eve.at('password').fill(PASSWORD);
  await eve.press(eve.at('submit'));
  await eve.live();
  await eve.page.waitForURL(new URL('/', stage.server.base).href);
  assert.deepEqual(wrong, []);
});
