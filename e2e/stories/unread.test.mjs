/** Unread: a room opens at the first message that was not read, and only what was on screen is read. [P8] */

import assert from 'node:assert/strict';
import { DESKTOP, story } from '../stage.mjs';
import { until } from '../wait.mjs';

/** Says many lines by REST, as a bot would, in the room that is on screen. */
async function post(person, from, to) {
  for (let line = from; line <= to; line++) {
    const address = `/api/v1/rooms/${person.room()}/messages`;
    const headers = { origin: new URL(person.page.url()).origin };
    for (;;) {
      const answer = await person.page.request.post(address, { headers, data: { txn: `l${line}`, text: `line ${line}` } });
      if (answer.status() === 201) break;
      assert.ok([429, 503].includes(answer.status()), await answer.text());
    }
  }
}

/** The marker that the server holds. */
async function marker(person, name) {
  const { rooms } = await (await person.page.request.get('/api/v1/rooms')).json();
  const { marker: held, count } = rooms.find((room) => room.name === name);
  return { unread: count - held.count, ...held };
}

/** Whether a message stands on screen, whole. */
const onScreen = (person, text) =>
  person.message(text).evaluate((row) => {
    const { top, bottom } = row.getBoundingClientRect();
    const edge = row.closest('.scroller').getBoundingClientRect();
    return top >= edge.top && bottom <= edge.bottom + 8;
  });

const badge = (person, room) => person.listed(room).getByTestId('unread');

story('120 unread: the room opens at the first, and what was on screen is read', async (stage) => {
  const [ada, ben] = await Promise.all([stage.person('Ada'), stage.person('Ben', { ...DESKTOP, hasTouch: false })]);
  await Promise.all([ada.signUp(), ben.signUp()]);
  await ada.createChannel('harbour');
  await ada.say('before');
  await ben.joinChannel('harbour');
  await ben.sees('before');
  await badge(ben, 'harbour').waitFor({ state: 'detached' });
  await ben.talkTo(ada);
  await post(ada, 1, 120);
  await badge(ben, 'harbour').filter({ hasText: '99+' }).waitFor();

  await ben.open('harbour');
  await ben.sees('line 1');
  await ben.page.locator('[data-new]').waitFor();
  await until('the first unread is on screen', () => onScreen(ben, 'line 1'));
  assert.equal(await ben.message('line 120').count(), 0, 'the end is far away');
  await ben.at('news').getByText(/new since/).waitFor();
  await stage.shoot('unread-first');
  await until('what is on screen is read', async () => (await marker(ben, 'harbour')).unread < 118);
  assert.ok((await marker(ben, 'harbour')).unread > 60, 'and no more');

  // To the end at once: what was passed over is not read.
  const { seq } = await marker(ben, 'harbour');
  await ben.page.locator('.latest').click();
  await until('the end is on screen', async () => (await ben.message('line 120').count()) && onScreen(ben, 'line 120'));
  await ben.at('to-news').waitFor();
  await ada.say('one more');
  await ben.sees('one more');
  assert.equal((await marker(ben, 'harbour')).seq, seq);
  await stage.shoot('unread-gap');

  // Back to it, and through all of it.
  await ben.at('to-news').click();
  await until('the place is on screen', async () => {
    const next = seq - (await ben.messages()).find(({ text }) => text === 'line 1')?.seq + 2;
    return onScreen(ben, `line ${next}`).catch(() => false);
  });
  await ben.page.mouse.move(700, 400);
  await until('all is read', async () => {
    await ben.page.mouse.wheel(0, 300);
    return (await marker(ben, 'harbour')).unread === 0;
  });
  await ben.at('news').waitFor({ state: 'detached' });
  await badge(ben, 'harbour').waitFor({ state: 'detached' });

  // Above the end one leaves, and there one is again.
  for (let turns = 0; turns < 4; turns++) await ben.page.mouse.wheel(0, -400);
  await until('one has scrolled up', async () => !(await onScreen(ben, 'one more').catch(() => false)));
  const where = () => ben.page.locator('.scroller').evaluate((scroller) => {
    const edge = scroller.getBoundingClientRect().top;
    const row = [...scroller.querySelectorAll('[data-seq]')].find((each) => each.getBoundingClientRect().bottom > edge);
    return `${row.dataset.seq} at ${Math.round(row.getBoundingClientRect().top - edge)}`;
  });
  let before = '';
  await until('it stands still', async () => before === (before = await where()));
  await ben.open('Ada');
  await ben.open('harbour');
  await until('the place is kept', async () => (await where()) === before, async () => `${before}, then ${await where()}`);

  // What came below meanwhile is where one is taken instead.
  await ben.open('Ada');
  await post(ada, 201, 260);
  await badge(ben, 'harbour').filter({ hasText: '60' }).waitFor();
  await ben.open('harbour');
  await until('the first unread is on screen', () => onScreen(ben, 'line 201').catch(() => false));
  await ben.page.locator('[data-new]').waitFor();
});

story('a long room that was never opened: it opens at its first message, and says how much there is', async (stage) => {
  const [ada, ben] = await Promise.all([stage.person('Ada'), stage.person('Ben')]);
  await Promise.all([ada.signUp(), ben.signUp()]);
  await ada.createChannel('harbour');
  await post(ada, 1, 300);
  await ben.joinChannel('harbour');
  await ben.sees('line 1');
  await until('the first is on screen', () => onScreen(ben, 'line 1'));
  await ben.at('news').waitFor();
  await until('what is on screen is read', async () => (await marker(ben, 'harbour')).unread < 300);
  assert.ok((await marker(ben, 'harbour')).unread > 240);
  await stage.shoot('never-opened');
  await ben.at('read-all').click();
  await until('all is read', async () => (await marker(ben, 'harbour')).unread === 0);
  await ben.at('news').waitFor({ state: 'detached' });

  // Away for a while, and more came than fits: it opens at the first of it, after a reload too.
  await ben.page.goto('about:blank');
  await post(ada, 301, 400);
  await ben.page.goto(`/r/${ada.room()}`);
  await until('the first unread is on screen', () => onScreen(ben, 'line 301').catch(() => false));
  assert.ok((await marker(ben, 'harbour')).unread > 60);
});

story('what is deleted before it is read is not unread, at once and after a reload', async (stage) => {
  // [P8] [SB2]
  const [ada, ben] = await Promise.all([stage.person('Ada'), stage.person('Ben')]);
  await Promise.all([ada.signUp(), ben.signUp()]);
  await ada.createChannel('harbour');
  await ben.joinChannel('harbour');
  await ben.talkTo(ada);
  await post(ada, 1, 5);
  const address = `/api/v1/rooms/${ada.room()}/messages`;
  const { messages } = await (await ada.page.request.get(address)).json();
  const headers = { origin: stage.server.base };
  const remove = async ({ id }) => assert.ok((await ada.page.request.delete(`${address}/${id}`, { headers })).ok());
  await badge(ben, 'harbour').filter({ hasText: /^5/ }).waitFor();
  await remove(messages[0]);
  await remove(messages[4]);
  await badge(ben, 'harbour').filter({ hasText: /^3/ }).waitFor();
  await ben.page.reload();
  await badge(ben, 'harbour').filter({ hasText: /^3/ }).waitFor();
  for (const message of messages.slice(1, 4)) await remove(message);
  await badge(ben, 'harbour').waitFor({ state: 'detached' });
  await ben.page.reload();
  await ben.live();
  await badge(ben, 'harbour').waitFor({ state: 'detached' });
});
