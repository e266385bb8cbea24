import type { Event, Message, RoomHead, RoomSummary, UserId } from '@tidings/protocol';
import { describe, expect, it } from 'vitest';
import { newer, Store, unread } from '../src/index.ts';
import { follow, mark, move, read } from '../src/rooms.ts';

const ADA: UserId = 'user_ada';
const BOB: UserId = 'user_bob';

function room(more: Partial<RoomSummary> = {}): RoomSummary {
  return {
    id: 'room_a',
    kind: 'group',
    visibility: 'private',
    name: 'a',
    created_at: '2026-11-20T21:00:00.000Z',
    head: 10,
    count: 8,
    members: 2,
    role: 'member',
    marker: { seq: 6, count: 5 },
    last: null,
    ...more,
  };
}

function event(seq: number, actor: UserId, content: Event['content'], count: number): Event {
  const at = '2026-11-20T21:00:00.000Z';
  return { shard: 0, position: seq, log: 'room_a', seq, id: `evt_${seq}`, at, actor, count, content };
}

describe('[P8] unread', () => {
  it('is subtraction', () => {
    expect(unread(room())).toBe(3);
    expect(unread(room({ marker: { seq: 10, count: 8 } }))).toBe(0);
    expect(unread(room({ count: 2 }))).toBe(0);
  });

  it('counts a marker that is on its way', () => {
    expect(unread(room(), { seq: 9, count: 7 })).toBe(1);
    expect(unread(room(), { seq: 2, count: 2 })).toBe(3);
  });

  it('does not count what was deleted before it was read', () => {
    const about = (target: number) => ({ kind: 'message_deleted', message: `evt_${target}`, target }) as const;
    const first = follow(room(), event(11, BOB, about(9), 8), ADA);
    expect(unread(first)).toBe(2);
    // At the marker or before it: both counts hold it.
    const read = follow(first, event(12, BOB, about(6), 8), ADA);
    expect(unread(read)).toBe(2);
    // By a summary, more than once, and in any order.
    const head: RoomHead = { room: 'room_a', head: 13, count: 8, gone: [6, 8, 9] };
    const moved = move(move(read, head, ADA), head, ADA);
    expect([unread(moved), moved.gone]).toEqual([1, [6, 8, 9]]);
    expect(unread(moved, { seq: 8, count: 7 })).toBe(0);
    // A summary that was read afresh names only what stands after the marker.
    expect(unread(newer(moved, room({ head: 13, gone: [8, 9] })))).toBe(1);
  });

  it('is never too low, however much was deleted', () => {
    const gone = Array.from({ length: 40 }, (_, index) => index + 1);
    const all = gone.reduce(
      (held, target) => {
        const content = { kind: 'message_deleted', message: `evt_${target}`, target } as const;
        return follow(held, event(40 + target, BOB, content, 41), ADA);
      },
      room({ head: 40, count: 41, marker: { seq: 0, count: 0 } }),
    );
    expect(all.gone?.length).toBe(32);
    expect(unread(all)).toBe(41 - 32);
  });

  it('is nothing where one is no member', () => {
    expect(unread(room({ role: null }))).toBe(0);
  });

  it('grows with the messages of others, not with reactions', () => {
    const heard = follow(room(), event(11, BOB, { kind: 'message', text: 'hi' }, 9), ADA);
    expect(unread(heard)).toBe(4);
    const about = { message: 'evt_11', target: 11, emoji: '👍' } as const;
    const liked = follow(heard, event(12, BOB, { kind: 'reaction_added', ...about }, 9), ADA);
    expect(unread(liked)).toBe(4);
    expect(liked.head).toBe(12);
  });
});

describe('[RM9] the own role', () => {
  it('is the one that was given last', () => {
    const given = { kind: 'role_changed', role: 'owner' } as const;
    expect(follow(room(), event(11, BOB, { ...given, user: ADA }, 8), ADA).role).toBe('owner');
    expect(follow(room(), event(11, BOB, { ...given, user: BOB }, 8), ADA).role).toBe('member');
  });
});

describe('[FO4] the own marker', () => {
  it('moves with what one writes, in whatever order it is heard', () => {
    const own = event(11, ADA, { kind: 'message', text: 'hi' }, 9);
    expect(follow(room(), own, ADA).marker).toEqual({ seq: 11, count: 9 });
    // The summary was ahead of the event.
    const ahead = room({ head: 12, count: 10 });
    expect(unread(follow(ahead, own, ADA))).toBe(1);
    const last = { id: 'evt_11', seq: 11, at: own.at, actor: ADA, text: 'hi' } as const;
    expect(unread(move(room(), { room: 'room_a', head: 11, count: 9, last }, ADA))).toBe(0);
  });

  it('never goes back', () => {
    expect(mark(room(), { seq: 4, count: 3 }).marker).toEqual({ seq: 6, count: 5 });
    const old = room({ head: 4, marker: { seq: 9, count: 7 } });
    expect(newer(old, room()).marker).toEqual({ seq: 9, count: 7 });
  });
});

describe('a summary', () => {
  it('[SB2] ignores a head that is older than what it knows', () => {
    const known = room();
    expect(move(known, { room: 'room_a', head: 9, count: 7 }, ADA)).toBe(known);
    expect(follow(known, event(10, BOB, { kind: 'room_renamed', name: 'b' }, 8), ADA)).toBe(known);
  });

  it('follows names, members and the last line', () => {
    let now = follow(room(), event(11, BOB, { kind: 'message', text: 'one' }, 9), ADA);
    const about = { message: 'evt_11', target: 11 } as const;
    now = follow(now, event(12, BOB, { kind: 'message_edited', ...about, text: 'two' }, 9), ADA);
    expect(now.last?.text).toBe('two');
    now = follow(now, event(13, BOB, { kind: 'message_deleted', ...about }, 9), ADA);
    expect(now.last?.text).toBeNull();
    now = follow(now, event(14, BOB, { kind: 'room_renamed', name: 'b' }, 9), ADA);
    now = follow(now, event(15, BOB, { kind: 'member_joined', user: BOB, role: 'admin' }, 9), ADA);
    expect(now).toMatchObject({ name: 'b', members: 3, role: 'member' });
  });

  it('[SB4] holds what the newest page covers', () => {
    const row = (seq: number, actor: UserId, count: number): Message => {
      const { id, at } = event(seq, actor, null, count);
      return { id, room: 'room_a', seq, at, actor, count, text: `${seq}` };
    };
    const page = { head: 20, more_before: true, more_after: false };
    const messages = [row(16, ADA, 13), row(18, BOB, 14)];
    const now = read(room(), { ...page, messages }, ADA);
    expect(now).toMatchObject({ head: 20, count: 14, marker: { seq: 16, count: 13 } });
    expect([now.last?.text, unread(now)]).toEqual(['18', 1]);
    expect(read(room(), { ...page, messages: [] }, ADA)).toEqual(room({ head: 20 }));
    const ahead = room({ head: 21, count: 15 });
    expect(read(ahead, { ...page, messages: [] }, ADA)).toEqual(ahead);
  });
});

describe('[ID4] the list of rooms', () => {
  const at = (id: `room_${string}`, time: string, seq = 5) =>
    room({ id, last: { id: `evt_${id}`, seq, at: time, actor: BOB, text: 'hi' } });
  const me = {
    id: ADA,
    username: 'ada',
    display_name: 'Ada',
    kind: 'person',
    role: 'member',
    created_at: '2026-11-20T21:00:00.000Z',
  } as const;
  const NOW = '2026-11-20T21:00:00.000Z';
  const FAR = '2026-12-20T21:00:00.000Z';
  const PAST = '1970-01-01T00:00:00.000Z';
  const order = (store: Store) => store.rooms().map(({ id }) => id);

  function listed(): Store {
    const store = new Store();
    store.restore(me, [at('room_b', NOW), at('room_far', FAR), at('room_a', PAST)], []);
    return store;
  }

  const moves = (store: Store, id: `room_${string}`, seq: number, time: string) => {
    const last = { id: `evt_${id}${seq}`, seq, at: time, actor: BOB, text: 'news' } as const;
    store.pass({ type: 'rooms', rooms: [{ room: id, head: seq + 20, count: seq, last }] }, 0);
  };

  it('is in the order of times where nothing else is known', () => {
    expect(order(listed())).toEqual(['room_far', 'room_b', 'room_a']);
  });

  it('has the room first that moved last, by arrival, whatever its time says', () => {
    const store = listed();
    moves(store, 'room_b', 6, NOW);
    expect(order(store)).toEqual(['room_b', 'room_far', 'room_a']);
    moves(store, 'room_a', 6, PAST);
    expect(order(store)).toEqual(['room_a', 'room_b', 'room_far']);
  });

  it('is not moved by reading, nor by what changes a message', () => {
    const store = listed();
    moves(store, 'room_b', 6, NOW);
    const far = store.room('room_far');
    if (far) store.putRoom({ ...far, head: 90, marker: { seq: 80, count: 7 } });
    expect(order(store)).toEqual(['room_b', 'room_far', 'room_a']);
  });

  it('is the same after it was stored', () => {
    const store = listed();
    moves(store, 'room_a', 6, PAST);
    const again = new Store();
    again.restore(me, JSON.parse(JSON.stringify(store.rooms())), []);
    expect(order(again)).toEqual(['room_a', 'room_far', 'room_b']);
    moves(again, 'room_b', 6, PAST);
    expect(order(again)).toEqual(['room_b', 'room_a', 'room_far']);
  });
});
