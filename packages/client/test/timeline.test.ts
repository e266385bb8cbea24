import type { Event, Message, Messages, RoomId } from '@tidings/protocol';
import { describe, expect, it } from 'vitest';
import { Timeline, TimelineWindow } from '../src/index.ts';
import { TAIL_MESSAGES, TIMELINE_MESSAGES_MAX } from '../src/timeline.ts';
import { WINDOW_MAX, WINDOW_STEP } from '../src/window.ts';

const ROOM: RoomId = 'room_a';

function message(seq: number, more: Partial<Message> = {}): Message {
  return {
    id: `evt_${seq}`,
    room: ROOM,
    seq,
    at: '2026-11-20T21:00:00.000Z',
    actor: 'user_ada',
    count: seq,
    text: `${seq}`,
    ...more,
  };
}

function event(seq: number, content?: Event['content']): Event {
  const { id, at, actor, count } = message(seq);
  const body = content ?? { kind: 'message', text: `${seq}` };
  return { shard: 0, position: seq, log: ROOM, seq, id, at, actor, count, content: body };
}

/** A page of a log in which every event is a message. */
function page(from: number, to: number, head: number): Messages {
  const messages = Array.from({ length: to - from + 1 }, (_, i) => message(from + i));
  return { messages, head, more_before: from > 1, more_after: to < head };
}

const seqs = (list: readonly Message[]) => list.map(({ seq }) => seq);
const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('a timeline', () => {
  it('grows at both ends, and knows when the beginning is reached', () => {
    const timeline = new Timeline(ROOM);
    timeline.reset(page(51, 100, 100));
    timeline.apply(event(101));
    expect(timeline.end()).toEqual({ from: 51, to: 101 });
    expect(timeline.page({ before: 51 }, page(1, 50, 101))).toBe(true);
    expect(timeline.end()).toEqual({ from: 1, to: 101 });
    expect(seqs(timeline.messages())).toEqual(range(1, 101));
  });

  it('holds stretches apart until what is between was read', () => {
    const timeline = new Timeline(ROOM);
    timeline.reset(page(91, 100, 100));
    timeline.page({ around: 50 }, page(41, 60, 100));
    expect(timeline.stretchAt(50)).toEqual({ from: 41, to: 60 });
    expect(timeline.stretchAt(70)).toBeNull();
    timeline.page({ after: 60, limit: 30 }, page(61, 90, 100));
    expect(timeline.end()).toEqual({ from: 41, to: 100 });
  });

  it('brings a page that was read earlier up to date', () => {
    const timeline = new Timeline(ROOM);
    timeline.reset(page(11, 20, 20));
    const about = { message: 'evt_5', target: 5 } as const;
    timeline.apply(event(21, { kind: 'message_edited', ...about, text: 'new' }));
    timeline.apply(event(22, { kind: 'reaction_added', ...about, emoji: '👍' }));
    expect(timeline.page({ before: 11 }, page(1, 10, 20))).toBe(true);
    expect(timeline.messages()[4]).toMatchObject({ text: 'new', edited: 21 });
    expect(timeline.messages()[4]?.reactions).toHaveLength(1);
  });

  it('does not turn a page back that was read later', () => {
    const timeline = new Timeline(ROOM);
    timeline.reset(page(11, 20, 20));
    const read = page(1, 10, 22);
    read.messages[4] = message(5, { text: 'second', edited: 22 });
    timeline.page({ before: 11 }, read);
    const about = { message: 'evt_5', target: 5 } as const;
    timeline.apply(event(21, { kind: 'message_edited', ...about, text: 'first' }));
    expect(timeline.messages()[4]?.text).toBe('second');
    timeline.apply(event(22, { kind: 'message_edited', ...about, text: 'second' }));
    timeline.apply(event(23, { kind: 'message_edited', ...about, text: 'third' }));
    expect(timeline.messages()[4]?.text).toBe('third');
  });

  it('refuses a page that is older than what it remembers', () => {
    const timeline = new Timeline(ROOM);
    timeline.reset(page(1, 10, 10));
    for (let seq = 11; seq <= 700; seq++) timeline.apply(event(seq));
    expect(timeline.page({ before: 5 }, page(1, 4, 20))).toBe(false);
  });

  it('stores its end and starts from it again', () => {
    const timeline = new Timeline(ROOM);
    timeline.reset(page(1, 100, 100));
    const tail = timeline.tail();
    if (!tail) throw new Error('there is an end');
    expect(tail.messages).toHaveLength(TAIL_MESSAGES);
    const again = new Timeline(ROOM);
    again.restore(tail);
    again.apply(event(101));
    expect(again.end()).toEqual({ from: tail.from, to: 101 });
  });

  it('[P5] lets go of what is far from the end and from every window', () => {
    const timeline = new Timeline(ROOM);
    timeline.reset(page(1, 300, 300));
    const view = new TimelineWindow(timeline);
    while (!view.atStart()) view.older();
    for (let seq = 301; seq <= TIMELINE_MESSAGES_MAX + 200; seq++) timeline.apply(event(seq));
    expect(timeline.messages().length).toBeLessThanOrEqual(TIMELINE_MESSAGES_MAX);
    expect(seqs(view.rows())).toContain(10);
    expect(view.atStart()).toBe(true);
    expect(timeline.end()?.to).toBe(timeline.head);
    expect(timeline.end()?.from).toBeGreaterThan(100);
  });
});

describe('a window', () => {
  function held(to: number): { timeline: Timeline; view: TimelineWindow } {
    const timeline = new Timeline(ROOM);
    timeline.reset(page(1, to, to));
    return { timeline, view: new TimelineWindow(timeline) };
  }

  it('shows the end and grows with it', () => {
    const { timeline, view } = held(100);
    expect(seqs(view.rows())).toEqual(range(100 - WINDOW_STEP + 1, 100));
    timeline.apply(event(101));
    expect(seqs(view.rows()).at(-1)).toBe(101);
    expect(view.rows()).toHaveLength(WINDOW_STEP + 1);
  });

  it('asks for a page where nothing is held, and ends at the beginning', () => {
    const timeline = new Timeline(ROOM);
    timeline.reset(page(51, 100, 100));
    const view = new TimelineWindow(timeline);
    expect(view.older()).toEqual({ read: { before: 51, limit: WINDOW_STEP } });
    timeline.page({ before: 51, limit: WINDOW_STEP }, page(1, 50, 100));
    expect(view.older()).toEqual({ moved: true });
    expect(view.older()).toEqual({ end: true });
    expect(view.atStart()).toBe(true);
  });

  it('stays bounded on the way up and finds the end on the way down', () => {
    const { view } = held(1_000);
    view.rows();
    for (let i = 0; i < 10; i++) view.older();
    expect(view.rows()).toHaveLength(WINDOW_MAX);
    expect(view.followsEnd()).toBe(false);
    let steps = 0;
    while ('moved' in view.newer()) {
      expect(view.rows().length).toBeLessThanOrEqual(WINDOW_MAX);
      if (++steps > 40) throw new Error('the end is never found');
    }
    expect(view.followsEnd()).toBe(true);
    expect(seqs(view.rows()).at(-1)).toBe(1_000);
  });

  it('stays bounded on the way up after the room was read anew', () => {
    const { timeline, view } = held(70);
    expect(view.rows()[0]?.seq).toBe(21);
    timeline.reset(page(951, 1_000, 1_000));
    for (let pages = 0; pages < 10; pages++) {
      const from = view.rows()[0]?.seq ?? 0;
      expect(view.older()).toEqual({ read: { before: from, limit: WINDOW_STEP } });
      timeline.page({ before: from, limit: WINDOW_STEP }, page(from - WINDOW_STEP, from - 1, 1_000));
      expect(view.older()).toEqual({ moved: true });
      expect(view.rows().length).toBeLessThanOrEqual(WINDOW_MAX);
    }
    expect(view.followsEnd()).toBe(false);
  });

  it('does not grow without end while one reads above', () => {
    const { timeline, view } = held(60);
    view.rows();
    for (let seq = 61; seq <= 400; seq++) {
      timeline.apply(event(seq));
      view.hold();
    }
    expect(view.followsEnd()).toBe(false);
    expect(view.rows().length).toBeLessThanOrEqual(WINDOW_MAX + 1);
    view.toEnd();
    expect(seqs(view.rows()).at(-1)).toBe(400);
  });

  it('lets old messages leave at the top while one reads the end', () => {
    const { timeline, view } = held(60);
    for (let seq = 61; seq <= 2_000; seq++) {
      timeline.apply(event(seq));
      view.settle();
      expect(view.rows().length).toBeLessThanOrEqual(WINDOW_MAX);
    }
  });

  it('goes to a place far away, asks for its page, and finds the way to the end', () => {
    const timeline = new Timeline(ROOM);
    timeline.reset(page(4_951, 5_000, 5_000));
    const view = new TimelineWindow(timeline);
    expect(view.around(121)).toEqual({ read: { around: 121, limit: WINDOW_STEP } });
    timeline.page({ around: 121, limit: WINDOW_STEP }, page(96, 145, 5_000));
    expect(view.around(121)).toEqual({ moved: true });
    expect(seqs(view.rows())).toEqual(range(101, 145));
    expect(view.followsEnd()).toBe(false);
    expect(view.newer()).toEqual({ read: { after: 145, limit: WINDOW_STEP } });
    expect(view.lost()).toBeNull();
    timeline.reset(page(4_951, 5_000, 5_000));
    expect(view.lost()).toBe(145);
    view.toEnd();
    expect(view.lost()).toBeNull();
    expect(seqs(view.rows()).at(-1)).toBe(5_000);
  });

  it('goes to a place that is held at once, and follows the end where that is near', () => {
    const { timeline, view } = held(100);
    expect(view.around(90)).toEqual({ moved: true });
    expect(seqs(view.rows())).toEqual(range(70, 100));
    timeline.apply(event(101));
    expect(seqs(view.rows()).at(-1)).toBe(101);
  });
});
