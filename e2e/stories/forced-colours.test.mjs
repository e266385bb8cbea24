/** Forced colours know no background and no shadow: every state is told by a border, a mark or a fill of the system's. */

import assert from 'node:assert/strict';
import { story } from '../stage.mjs';
import { until } from '../wait.mjs';

/** How an element is drawn, as far as forced colours leave it to us. */
function drawn(locator) {
  return locator.evaluate((element) => {
    const { borderTopWidth, borderTopStyle, borderTopColor, backgroundColor, color, outlineWidth, outlineStyle } =
      getComputedStyle(element);
    const border = borderTopStyle === 'none' ? 0 : Number.parseFloat(borderTopWidth);
    const outline = outlineStyle === 'none' ? 0 : Number.parseFloat(outlineWidth);
    return { border, outline, borderColor: borderTopColor, ground: backgroundColor, color };
  });
}

story('every state is seen in forced colours', async (stage) => {
  const ada = await stage.person('Ada');
  const ben = await stage.person('Ben');
  for (const person of [ada, ben]) {
    await person.page.emulateMedia({ forcedColors: 'active', colorScheme: 'dark' });
    await person.signUp();
  }
  await ada.createChannel('garden');
  await ada.createChannel('harbour');
  await ben.joinChannel('harbour');
  await ben.joinChannel('garden');
  await ada.say('one');
  await ada.sees('one');
  await ben.talkTo(ada);
  await ben.say('hello');
  const talk = ada.listed('Ben');
  await talk.getByTestId('unread').waitFor();
  const { page } = ada;
  const canvas = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);

  // The room that is open, beside one that is not.
  const [here, other] = await Promise.all([drawn(ada.listed('harbour')), drawn(ada.listed('garden'))]);
  assert.ok(here.border >= 2 && other.border < 2, JSON.stringify({ here, other }));
  // What is unread.
  const unread = await drawn(talk.getByTestId('unread'));
  assert.notEqual(unread.ground, canvas, 'the number stands on a ground of its own');
  assert.notEqual(unread.ground, unread.color);
  // Who is there.
  const dot = await drawn(talk.locator('.dot'));
  assert.notEqual(dot.ground, canvas, 'somebody who is there has a filled dot');
  await ben.page.evaluate(() => {
    Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await talk.locator('.dot.away').waitFor();
  const away = await drawn(talk.locator('.dot.away'));
  assert.equal(away.ground, canvas, 'somebody who is away has a ring');
  assert.notEqual(away.borderColor, canvas);

  // Where the focus is.
  for (const stop of [ada.at('composer'), ada.listed('harbour'), ada.at('new-room'), ada.message('one')]) {
    await stop.focus();
    // The keyboard is in use.
    await page.keyboard.press('Shift');
    await until('the focus is seen', async () => (await drawn(stop)).outline >= 2, () => drawn(stop).then(JSON.stringify));
  }

  // What is pressed or chosen.
  await ada.press(ada.at('members-toggle'));
  await ada.at('member').nth(1).waitFor();
  assert.ok((await drawn(ada.at('members-toggle'))).border >= 2, 'the panel is open');
  await stage.shoot('forced-room', [ada]);
  await ada.act('one', '[data-testid="quick-react"]');
  const reaction = ada.message('one').getByTestId('reaction');
  await reaction.waitFor();
  await until('it is one\'s own', async () => (await drawn(reaction)).border >= 2);
  await ada.press(ada.at('new-room'));
  await ada.press(ada.at('new-channel'));
  const [chosen, tab] = await Promise.all([drawn(ada.at('new-channel')), drawn(ada.at('new-group'))]);
  assert.ok(chosen.border >= 2 && tab.border < 2, JSON.stringify({ chosen, tab }));
  const label = (name) => ada.page.locator('fieldset label').filter({ hasText: name });
  const [open, closed] = await Promise.all([drawn(label('Public')), drawn(label('Private'))]);
  assert.ok(open.border > closed.border, JSON.stringify({ open, closed }));
  await stage.shoot('forced-new', [ada]);
});
