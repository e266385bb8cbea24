/**
 * What a person does and sees on the page, through the page alone. Every step waits until the page
 * shows that it happened. It never asks the server, except `log`, which reads what is true.
 */

import assert from 'node:assert/strict';
import { until } from './wait.mjs';

export const PASSWORD = 'correct horse battery';
const LOG_PAGE = 200;

export class Person {
  /** `touch` for somebody with a finger instead of a mouse. */
  constructor(name, page, touch = false) {
    this.name = name;
    this.username = name.toLowerCase().normalize('NFD').replace(/[^a-z]/g, '');
    this.page = page;
    this.touch = touch;
  }

  /** Presses a control, with the finger or the mouse. */
  press(control) {
    return this.touch ? control.tap() : control.click();
  }

  at(id) {
    return this.page.getByTestId(id);
  }

  async signUp() {
    await this.page.goto('/sign-up');
    await this.at('display-name').fill(this.name);
    await this.at('username').fill(this.username);
    await this.at('password').fill(PASSWORD);
    await this.press(this.at('submit'));
    await this.live();
  }

  /** Connected, over this transport if one is named. */
  async live(transport) {
    const over = transport ? `[data-transport="${transport}"]` : '';
    await this.page.locator(`[data-testid="connection"][data-state="live"]${over}`).waitFor({
      state: 'attached',
    });
  }

  async cutOff() {
    await this.page
      .locator('[data-testid="connection"]:not([data-state="live"])')
      .waitFor({ state: 'attached' });
  }

  async createChannel(name) {
    await this.press(this.at('new-room'));
    await this.press(this.at('new-channel'));
    await this.at('room-name').fill(name);
    await this.press(this.at('create-room'));
    await this.isIn(name);
  }

  async joinChannel(name) {
    await this.press(this.at('new-room'));
    await this.press(this.at('new-browse'));
    await this.press(this.at('public-room').filter({ hasText: name }));
    await this.isIn(name);
  }

  /** A direct talk with somebody who is found by the beginning of the name. */
  async talkTo({ name, username }) {
    await this.press(this.at('new-room'));
    await this.press(this.at('new-direct'));
    await this.at('people-search').fill(username.slice(0, 3));
    await this.press(this.page.locator(`[data-testid="person"][data-username="${username}"]`));
    await this.isIn(name);
  }

  async isIn(title) {
    await this.at('room-name-shown').filter({ hasText: exactly(title) }).waitFor();
    await this.at('composer').waitFor();
  }

  /** The room's line in the list. */
  listed(title) {
    const named = this.at('room-title').filter({ hasText: exactly(title) });
    return this.at('room-item').filter({ has: named });
  }

  async open(title) {
    await this.press(this.listed(title));
    await this.isIn(title);
  }

  /** Writes a line and sends it. That it appears, pending or not, is all that is waited for. */
  async say(text, shown = text) {
    await this.at('composer').fill(text);
    // On a phone Enter is a new line.
    if (this.touch) await this.press(this.at('send'));
    else await this.at('composer').press('Enter');
    await this.bubble(shown).waitFor();
  }

  /** The message, waiting or confirmed. */
  bubble(text) {
    const written = this.at('text').filter({ hasText: exactly(text) });
    return this.page
      .locator('[data-testid="message"], [data-testid="message-pending"]')
      .filter({ has: written });
  }

  /** The message once it is confirmed. */
  message(text) {
    const written = this.at('text').filter({ hasText: exactly(text) });
    return this.at('message').filter({ has: written });
  }

  async sees(text) {
    await this.message(text).waitFor();
  }

  /** Shows the message's actions, as the mouse does, and presses one. */
  async act(text, action) {
    const message = this.message(text);
    await message.hover();
    await message.locator(action).first().click();
  }

  /** Holds a finger on a message until its actions are there. */
  async hold(text) {
    const bubble = this.message(text).getByTestId('text');
    await bubble.scrollIntoViewIfNeeded();
    const { x, y, width, height } = await bubble.boundingBox();
    const touchPoints = [{ x: x + width / 2, y: y + height / 2 }];
    const session = await this.page.context().newCDPSession(this.page);
    await session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints });
    await this.dialog('Message').waitFor();
    await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    await session.detach();
  }

  dialog(title) {
    return this.page.getByRole('dialog', { name: title, exact: true });
  }

  async edit(text, changed) {
    await this.act(text, '[data-testid="edit"]');
    await until('the text is in the composer', async () => (await this.written()) === text);
    await this.at('composer').fill(changed);
    await this.at('composer').press('Enter');
    await this.sees(changed);
  }

  async delete(text) {
    await this.act(text, '[data-testid="delete"]');
    await this.press(this.at('confirm-delete'));
    await this.message(text).waitFor({ state: 'detached' });
  }

  written() {
    return this.at('composer').inputValue();
  }

  /** Confirmed messages from top to bottom: `{seq, text}`; null for a deleted one. */
  messages() {
    return this.at('message').evaluateAll((rows) =>
      rows.map((row) => ({
        seq: Number(row.dataset.seq),
        text: row.querySelector('[data-testid="text"]')?.textContent.trim() ?? null,
      })),
    );
  }

  /** The texts that wait to be sent, from top to bottom. */
  pending() {
    return this.at('message-pending').getByTestId('text').allInnerTexts();
  }

  async nothingPending() {
    await this.at('message-pending').first().waitFor({ state: 'detached' });
    assert.equal(await this.at('message-failed').count(), 0, `${this.name}: nothing failed`);
  }

  /** The id of the room on screen. */
  room() {
    return /\/r\/(room_[0-9a-z]+)/.exec(this.page.url())[1];
  }

  /** The room's log by REST, from its first event to its last. */
  async log() {
    const events = [];
    for (;;) {
      const after = events.at(-1)?.seq ?? 0;
      const address = `/api/v1/rooms/${this.room()}/events?after=${after}&limit=${LOG_PAGE}`;
      const answer = await this.page.request.get(address);
      assert.equal(answer.status(), 200, await answer.text());
      const page = await answer.json();
      events.push(...page.events);
      if (!page.events.length || events.at(-1).seq >= page.head) return events;
    }
  }
}

/** The whole text of an element, with nothing beside it. */
function exactly(text) {
  return new RegExp(`^\\s*${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\s*$`);
}

/** What a log says must be on screen: `{seq, text}` of its messages, in order. */
export function shownOf(log) {
  const shown = new Map();
  let count = 0;
  for (const { id, seq, content, count: counted } of log) {
    // An erased body still counts as the message that it was. [FO5]
    if (content === null && counted > count) shown.set(id, { seq, text: null });
    if (content?.kind === 'message') shown.set(id, { seq, text: content.text });
    if (content?.kind === 'message_edited') shown.get(content.message).text = content.text;
    if (content?.kind === 'message_deleted') shown.get(content.message).text = null;
    count = counted;
  }
  return [...shown.values()];
}

/** Everybody sees what the log says, each message once, in its order, and nothing waits. */
export async function assertSame(...people) {
  for (const person of people) await person.nothingPending();
  const log = await people[0].log();
  log.forEach(({ seq }, at) => assert.equal(seq, at + 1, 'the log has no gap'));
  const wanted = shownOf(log);
  const like = JSON.stringify(wanted);
  for (const person of people) {
    let up = false;
    const same = async () => {
      const shown = await person.messages();
      if (JSON.stringify(shown) === like) return true;
      // A page that opens with what it kept holds the last lines; the older ones come when somebody scrolls up to them.
      const older = wanted.length - shown.length;
      if (older > 0 && JSON.stringify(wanted.slice(older)) === JSON.stringify(shown)) {
        up = true;
        await person.page.locator('.scroller').evaluate((scroller) => scroller.scrollTo(0, 0));
      }
      return false;
    };
    await until(`${person.name} sees the log`, same, async () => {
      return `\nlog:  ${like}\npage: ${JSON.stringify(await person.messages())}`;
    });
    if (up) await person.page.locator('.scroller').evaluate((scroller) => scroller.scrollTo(0, scroller.scrollHeight));
  }
  return wanted;
}
