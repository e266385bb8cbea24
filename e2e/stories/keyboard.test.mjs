/** By keyboard alone: what opens over a message gives the focus back to where it was. */

import { story } from '../stage.mjs';
import { until } from '../wait.mjs';

/** Waits until the focus is on what `check` (in the page) says of the focused element. */
function focused(who, what, check, given) {
  return until(`the focus is on ${what}`, () => who.page.evaluate(check, given), () => {
    return who.page.evaluate(() => document.activeElement?.outerHTML.slice(0, 200));
  });
}

const onRow = (row) => document.activeElement === document.querySelector(`[data-key="${row}"]`);

story('the keyboard never loses its place', async (stage) => {
  const ada = await stage.person('Ada');
  await ada.signUp();
  await ada.createChannel('harbour');
  await ada.say('one');
  await ada.say('two');
  await ada.sees('one');
  await ada.sees('two');
  const keyOf = async (text) => await ada.message(text).getAttribute('data-key');
  const [one, two] = [await keyOf('one'), await keyOf('two')];

  // The arrows walk from message to message.
  await ada.message('two').focus();
  await ada.page.keyboard.press('ArrowUp');
  await focused(ada, 'the message above', onRow, one);

  // An emoji is chosen, and the arrows go on from the message.
  await ada.message('one').getByTestId('react').focus();
  await ada.page.keyboard.press('Enter');
  await ada.dialog('React').locator('[data-emoji="🤖"]').focus();
  await ada.page.keyboard.press('Enter');
  await ada.message('one').locator('[data-testid="reaction"][data-emoji="🤖"]').waitFor();
  await focused(ada, 'the message that was reacted to', onRow, one);
  await ada.page.keyboard.press('ArrowDown');
  await focused(ada, 'the message below', onRow, two);

  // Given up with Escape.
  await ada.message('two').getByTestId('delete').focus();
  await ada.page.keyboard.press('Enter');
  await ada.dialog('Delete this message?').waitFor();
  await ada.page.keyboard.press('Escape');
  await focused(ada, 'the message that was kept', onRow, two);

  // A deleted message has no actions any more, and keeps the place.
  await ada.message('two').getByTestId('delete').focus();
  await ada.page.keyboard.press('Enter');
  await ada.at('confirm-delete').focus();
  await ada.page.keyboard.press('Enter');
  await ada.at('deleted').waitFor();
  await focused(ada, 'the message that was deleted', onRow, two);
  await ada.page.keyboard.press('ArrowUp');
  await focused(ada, 'the message above', onRow, one);

  // What opened beside the timeline gives the focus back, too.
  await ada.at('members-toggle').click();
  await ada.at('add-member').focus();
  await ada.page.keyboard.press('Enter');
  await ada.dialog('Add people').getByRole('searchbox').fill('ad');
  await ada.page.keyboard.press('Escape');
  if (await ada.dialog('Add people').count()) await ada.page.keyboard.press('Escape');
  await focused(ada, 'the button that opened it', () => document.activeElement?.dataset.testid === 'add-member');
  await ada.at('leave').focus();
  await ada.page.keyboard.press('Enter');
  await ada.dialog('Leave this room?').getByText('Stay').focus();
  await ada.page.keyboard.press('Enter');
  await focused(ada, 'the button that opened it', () => document.activeElement?.dataset.testid === 'leave');
});
