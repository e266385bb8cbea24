import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Event, Message, Role, RoomContent, RoomId, UserId } from '@tidings/protocol';
import { describe, expect, it } from 'vitest';
import { apply, emptyRoom, type MessageState, type RoomState } from '../src/index.ts';

/** A room's state as the vectors write it. */
interface Written {
  room: RoomId;
  kind: RoomState['kind'];
  visibility: RoomState['visibility'];
  name: string | null;
  head: number;
  count: number;
  members: Record<UserId, Role>;
  gone?: number[];
  messages: MessageState[];
}

interface Vector {
  name: string;
  state: Written | null;
  events: Event[];
  expected: Written;
}

const folder = fileURLToPath(new URL('../../../spec/vectors/', import.meta.url));

function read(state: Written): RoomState {
  return {
    ...state,
    members: new Map(Object.entries(state.members) as [UserId, Role][]),
    gone: state.gone ?? [],
    messages: new Map(state.messages.map((message) => [message.id, message])),
  };
}

function write({ gone, ...state }: RoomState): Written {
  return {
    ...state,
    ...(gone.length > 0 && { gone }),
    members: Object.fromEntries(state.members) as Record<UserId, Role>,
    messages: [...state.messages.values()],
  };
}

/** Every kind of a room's log; the compiler asks for one that is missing here. */
const KINDS: Record<RoomContent['kind'], true> = {
  room_created: true,
  room_renamed: true,
  member_joined: true,
  member_left: true,
  role_changed: true,
  message: true,
  message_edited: true,
  message_deleted: true,
  reaction_added: true,
  reaction_removed: true,
};

describe('[FO1] the vectors of the fold', () => {
  // A folder that is not there fails here.
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  const told = new Set<string | undefined>();

  for (const file of files) {
    const content: unknown = JSON.parse(readFileSync(folder + file, 'utf8'));
    for (const vector of (Array.isArray(content) ? content : [content]) as Vector[]) {
      for (const { content } of vector.events) told.add(content?.kind);
      it(`${file}: ${vector.name}`, () => {
        const first = vector.events[0]?.log as RoomId;
        const state = vector.state ? read(vector.state) : emptyRoom(first);
        for (const event of vector.events) apply(state, event);
        expect(write(state)).toEqual(vector.expected);
      });
    }
  }

  it('tell of every kind', () => {
    expect([...told]).toEqual(expect.arrayContaining(Object.keys(KINDS)));
  });
});

const ROOM: RoomId = 'room_a';
const ADA: UserId = 'user_ada';
const BOB: UserId = 'user_bob';

function event(seq: number, content: Event['content'], more: Partial<Event> = {}): Event {
  const count = content?.kind === 'message' ? seq : 0;
  return {
    shard: 0,
    position: seq,
    log: ROOM,
    seq,
    id: `evt_${seq}`,
    at: '2026-11-20T21:00:00.000Z',
    actor: ADA,
    count,
    content,
    ...more,
  };
}

describe('the fold', () => {
  it('[FO1] skips repeats and stops at gaps', () => {
    const state = emptyRoom(ROOM);
    const first = event(1, { kind: 'message', text: 'one' });
    expect(apply(state, first)).toBe('applied');
    expect(apply(state, first)).toBe('repeat');
    expect(apply(state, event(3, null))).toBe('gap');
    expect(apply(state, event(2, null, { log: 'room_b' }))).toBe('repeat');
    const answer = event(2, { kind: 'message', text: 'two' }, { answer: true });
    expect(apply(state, answer), 'it comes again in its place').toBe('repeat');
    expect(state.head).toBe(1);
  });

  it('[FO2] edits, deletes and keeps reactions in order', () => {
    const state = emptyRoom(ROOM);
    const about = { message: 'evt_1', target: 1 } as const;
    apply(state, event(1, { kind: 'message', text: 'one' }));
    apply(state, event(2, { kind: 'message_edited', ...about, text: 'two' }, { count: 1 }));
    apply(state, event(3, { kind: 'reaction_added', ...about, emoji: '👍' }, { actor: BOB, count: 1 }));
    apply(state, event(4, { kind: 'reaction_added', ...about, emoji: '👍' }, { count: 1 }));
    apply(state, event(5, { kind: 'reaction_added', ...about, emoji: '❤️' }, { count: 1 }));
    expect(state.messages.get('evt_1')).toMatchObject({
      text: 'two',
      edited: 2,
      reactions: [
        { emoji: '❤️', users: [ADA] },
        { emoji: '👍', users: [ADA, BOB] },
      ],
    });
    apply(state, event(6, { kind: 'message_deleted', ...about }, { count: 1 }));
    apply(state, event(7, { kind: 'reaction_added', ...about, emoji: '👍' }, { count: 1 }));
    const { text, deleted, edited, reactions } = state.messages.get('evt_1') as Message;
    expect({ text, deleted, edited, reactions }).toEqual({ text: null, deleted: 6 });
  });

  it('[EV2] an erased message is a message, an erased edit is nothing', () => {
    const state = emptyRoom(ROOM);
    apply(state, event(1, null, { count: 1 }));
    apply(state, event(2, null, { count: 1 }));
    expect([...state.messages.values()].map(({ seq, text }) => ({ seq, text }))).toEqual([
      { seq: 1, text: null },
    ]);
  });

  it('[EV5] counts an unknown kind and skips it', () => {
    const state = emptyRoom(ROOM);
    expect(apply(state, event(1, { kind: 'poll' } as unknown as Event['content']))).toBe('applied');
    expect(state.head).toBe(1);
    expect(state.messages.size).toBe(0);
  });
});
