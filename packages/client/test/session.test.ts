import type { ClientFrame, Event, RoomId, ServerFrame, UserId, Welcome } from '@tidings/protocol';
import { CLOSE } from '@tidings/protocol';
import { describe, expect, it } from 'vitest';
import { backoffMax, Session, type Effect } from '../src/index.ts';
import { GAP_BUFFER_MAX, GAP_PATIENCE_MS } from '../src/room-feed.ts';

const ROOM: RoomId = 'room_a';
const ADA: UserId = 'user_ada';

function welcome(more: Partial<Welcome> = {}): Welcome {
  return {
    me: {
      id: ADA,
      username: 'ada',
      display_name: 'Ada',
      kind: 'person',
      role: 'member',
      created_at: '2026-11-20T21:00:00.000Z',
    },
    rooms: [],
    user_seq: 3,
    cursor: 'c1',
    limits: {
      message_text_bytes_max: 1,
      frame_bytes_max: 1,
      open_rooms_max: 1,
      commands_in_flight_max: 1,
      heartbeat_ms: 18_000,
    },
    ...more,
  };
}

function event(seq: number, more: Partial<Event> = {}): ServerFrame & { type: 'event' } {
  return {
    type: 'event',
    shard: 0,
    position: seq,
    log: ROOM,
    seq,
    id: `evt_${seq}`,
    at: '2026-11-20T21:00:00.000Z',
    actor: ADA,
    count: seq,
    content: { kind: 'message', text: `${seq}` },
    ...more,
  };
}

/** A session with a time of its own and its effects sorted by what they are. */
class Bench {
  now = 0;
  readonly session: Session;
  effects: Effect[] = [];

  constructor(options: Partial<ConstructorParameters<typeof Session>[0]> = {}) {
    this.session = new Session({
      transports: ['ws', 'sse'],
      cursor: null,
      userSeq: null,
      me: null,
      unit: () => 0.5,
      ...options,
    });
  }

  /** Lets time pass to where the session wants to be woken. */
  wake(): number {
    this.now = this.session.wakeAt() ?? this.now;
    this.session.tick(this.now);
    return this.now;
  }

  frame(frame: ServerFrame): void {
    this.session.frame(this.now, frame);
  }

  live(): this {
    this.session.start(this.now);
    this.session.opened(this.now);
    this.frame({ type: 'ready', ...welcome() });
    this.take();
    return this;
  }

  take(): Effect[] {
    this.effects = this.session.take();
    return this.effects;
  }

  sent(): ClientFrame[] {
    return this.take().flatMap((effect) => (effect.do === 'send' ? [effect.frame] : []));
  }

  applied(): number[] {
    return this.take().flatMap((effect) => (effect.do === 'apply' ? [effect.event.seq] : []));
  }

  did(what: Effect['do']): Effect[] {
    return this.effects.filter((effect) => effect.do === what);
  }
}

describe('the greeting', () => {
  it('[HS1] tells the cursor, the user log and the open rooms', () => {
    const bench = new Bench({ cursor: 'c0', userSeq: 2 });
    bench.session.open(0, ROOM, 7);
    bench.session.start(0);
    bench.session.opened(0);
    expect(bench.sent()).toEqual([
      {
        type: 'hello',
        follow: 'listed',
        since: 'c0',
        user_seq: 2,
        open: [{ room: ROOM, after: 7 }],
      },
    ]);
  });

  it('[SB3] tells what was opened and closed while it waited for the answer to hello', () => {
    const bench = new Bench();
    bench.session.open(0, ROOM, 7);
    bench.session.start(0);
    bench.session.opened(0);
    bench.session.open(0, 'room_b', 4);
    bench.session.close(ROOM);
    expect(bench.sent().map(({ type }) => type)).toEqual(['hello']);
    bench.frame({ type: 'ready', ...welcome() });
    expect(bench.sent()).toEqual([
      { type: 'open', room: 'room_b', after: 4 },
      { type: 'close', room: ROOM },
    ]);
  });

  it('[SB6] a room that was opened though nobody wants it is closed', () => {
    const bench = new Bench();
    bench.session.start(0);
    bench.session.opened(0);
    bench.frame({ type: 'ready', ...welcome() });
    bench.session.open(0, ROOM, 7);
    bench.frame({ type: 'left', room: ROOM });
    bench.take();
    bench.frame({ type: 'opened', room: ROOM, from: 9, head: 9 });
    expect(bench.sent()).toEqual([{ type: 'close', room: ROOM }]);
  });

  it('[HS2] a reset reads every open room anew', () => {
    const bench = new Bench({ cursor: 'old', userSeq: 9 });
    bench.session.open(0, ROOM, 7);
    bench.session.start(0);
    bench.session.opened(0);
    bench.frame({ type: 'reset', ...welcome() });
    bench.take();
    expect(bench.did('reload')).toEqual([{ do: 'reload', room: ROOM }]);
    expect(bench.session.place()).toEqual({ cursor: 'c1', userSeq: 3 });
    expect(bench.session.settled()).toBe(false);
  });

  it('ends when somebody else signed in with the same cookie', () => {
    const bench = new Bench({ me: 'user_bob' });
    bench.session.start(0);
    bench.session.opened(0);
    bench.frame({ type: 'ready', ...welcome() });
    expect(bench.session.state()).toMatchObject({ phase: 'ended', endedBy: CLOSE.unauthenticated });
  });

  it('[CM9] an answer of the own log leaves those before it to come', () => {
    const bench = new Bench().live();
    bench.frame(event(10, { log: ADA }));
    bench.frame(event(13, { log: ADA, txn: 't1', answer: true }));
    expect(bench.session.place().userSeq).toBe(10);
    for (const seq of [11, 12, 13]) bench.frame(event(seq, { log: ADA }));
    expect(bench.applied()).toEqual([10, 11, 12, 13]);
  });

  it('[P4] comes back for what the own log has lost on the way', () => {
    const bench = new Bench().live();
    bench.frame(event(4, { log: ADA }));
    bench.frame(event(6, { log: ADA }));
    expect(bench.session.place().userSeq).toBe(4);
    expect(bench.session.state().phase).toBe('waiting');
    bench.wake();
    bench.session.opened(bench.now);
    expect(bench.sent()).toContainEqual({ type: 'hello', follow: 'listed', since: 'c1', user_seq: 4 });
    bench.frame({ type: 'ready', ...welcome() });
    bench.frame(event(6, { log: ADA }));
    bench.frame(event(7, { log: ADA }));
    expect(bench.applied(), 'the server has no more of it').toEqual([6, 7]);
  });

  it('[HS4] applies the own log once, though it may start later', () => {
    const bench = new Bench().live();
    for (const seq of [3, 6, 6, 5, 7]) bench.frame(event(seq, { log: ADA }));
    expect(bench.applied()).toEqual([6, 7]);
  });
});

describe('coming back', () => {
  it('[CL1] [CL3] waits as long as the close code says', () => {
    const most = (code: number) => [0, 1, 2, 6, 7, 40].map((attempt) => backoffMax(code, attempt));
    expect(most(1006)).toEqual([500, 1_000, 2_000, 32_000, 60_000, 60_000]);
    expect(most(CLOSE.restarting)).toEqual(most(1006));
    expect(most(CLOSE.rate_limited)).toEqual([8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    expect(most(CLOSE.bad_frame)).toEqual([null, null, null, null, null, null]);
  });

  it('doubles its patience while it fails and starts over after a good connection', () => {
    const bench = new Bench();
    bench.session.start(0);
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      const at = bench.now;
      bench.session.closed(at, 1006);
      waits.push(bench.wake() - at);
    }
    expect(waits).toEqual([250, 500, 1_000, 2_000]);
    bench.session.opened(bench.now);
    bench.frame({ type: 'ready', ...welcome() });
    bench.now += 60_000;
    bench.session.closed(bench.now, 1006);
    expect(bench.session.state().retryAt).toBe(bench.now + 250);
  });

  it('ends for good where coming back would not help', () => {
    const bench = new Bench().live();
    bench.session.closed(0, CLOSE.device_removed);
    expect(bench.session.state()).toMatchObject({ phase: 'ended', endedBy: CLOSE.device_removed });
    expect(bench.session.wakeAt()).toBeNull();
  });

  it('[CL2] spreads over the time that a leaving server asks for', () => {
    const bench = new Bench().live();
    bench.frame({ type: 'reconnect', jitter_ms: 10_000 });
    bench.session.closed(0, CLOSE.restarting);
    expect(bench.session.state().retryAt).toBe(5_000);
  });

  it('tries at once when the network or the page is back', () => {
    const bench = new Bench();
    bench.session.start(0);
    bench.session.closed(0, CLOSE.rate_limited);
    bench.take();
    bench.session.wake(1);
    bench.take();
    expect(bench.did('connect')).toHaveLength(1);
  });

  it('[CL3] gives up an attempt that hangs since before the network returned, once for each return', () => {
    for (const greeting of [false, true]) {
      const bench = new Bench();
      bench.session.start(0);
      if (greeting) bench.session.opened(0);
      bench.take();
      bench.session.wake(1_000);
      expect(bench.take(), 'it may still come').toEqual([]);
      bench.session.wake(8_000);
      expect(bench.take().map((effect) => effect.do)).toEqual(['disconnect', 'connect', 'connection']);
      bench.session.wake(8_001);
      expect(bench.take()).toEqual([]);
      bench.session.opened(8_100);
      bench.now = 8_200;
      bench.frame({ type: 'ready', ...welcome() });
      expect(bench.session.state()).toMatchObject({ phase: 'live', transport: 'ws' });
    }
  });

  it('falls back when WebSocket failed to open twice, and tries both in turn', () => {
    const bench = new Bench();
    const used: string[] = [];
    bench.session.start(0);
    for (let i = 0; i < 5; i++) {
      for (const effect of bench.take()) if (effect.do === 'connect') used.push(effect.transport);
      bench.session.closed(bench.now, 1006);
      bench.wake();
    }
    expect(used).toEqual(['ws', 'ws', 'sse', 'ws', 'sse']);
  });

  it('goes back to WebSocket: soon when it worked before, seldom where it never does', () => {
    const fails = (bench: Bench) => {
      for (let i = 0; i < 2; i++) {
        bench.session.closed(bench.now, 1006);
        bench.wake();
      }
    };
    const settles = (bench: Bench) => {
      bench.session.opened(bench.now);
      bench.frame({ type: 'ready', ...welcome() });
      bench.take();
      return bench.session.state().transport;
    };
    /** Milliseconds until it leaves the fallback by itself; the far side answers all the while. */
    const stays = (bench: Bench) => {
      const began = bench.now;
      for (let i = 0; i < 1_000; i++) {
        bench.wake();
        const left = bench.take().some((effect) => effect.do === 'disconnect');
        if (left) {
          const waited = bench.now - began;
          bench.wake();
          return waited;
        }
        bench.session.heard(bench.now);
      }
      throw new Error('it never leaves');
    };
    const bench = new Bench().live();
    bench.session.closed(bench.now, 1006);
    bench.wake();
    fails(bench);
    expect(settles(bench), 'it worked before: it is tried again at once').toBe('ws');
    expect(bench.session.state().phase).toBe('connecting');
    bench.session.closed(bench.now, 1006);
    bench.wake();
    expect(settles(bench)).toBe('sse');
    expect(stays(bench)).toBe(15_000);
    expect(settles(bench)).toBe('ws');

    const blocked = new Bench();
    blocked.session.start(0);
    const waits: number[] = [];
    for (let i = 0; i < 6; i++) {
      fails(blocked);
      expect(settles(blocked)).toBe('sse');
      waits.push(stays(blocked) / 60_000);
    }
    expect(waits).toEqual([5, 10, 20, 40, 60, 60]);
  });

  it('tells within three seconds that the network is gone, unless the server still answers', () => {
    const gone = new Bench().live();
    gone.now = 10_000;
    gone.session.offline(gone.now);
    expect(gone.sent()).toEqual([{ type: 'ping' }]);
    expect(gone.wake()).toBe(12_000);
    expect(gone.session.state().phase).toBe('waiting');

    const here = new Bench().live();
    here.session.offline(here.now);
    here.frame({ type: 'pong' });
    expect(here.wake()).toBe(18_000);
    expect(here.session.state().phase).toBe('live');
  });

  it('asks whether anybody is there when an answer does not come, as long as nothing else is heard', () => {
    const bench = new Bench().live();
    bench.take();
    bench.now = 1_000;
    bench.session.awaits(bench.now);
    expect(bench.wake()).toBe(4_000);
    expect(bench.sent()).toEqual([{ type: 'ping' }]);
    bench.frame({ type: 'pong' });
    expect(bench.wake(), 'the server is slow, and there').toBe(7_000);
    expect(bench.sent()).toEqual([{ type: 'ping' }]);
    expect(bench.wake(), 'it is gone').toBe(12_000);
    expect(bench.session.state().phase).toBe('waiting');

    const answered = new Bench().live();
    answered.session.awaits(0);
    answered.session.awaits(null);
    expect(answered.wake()).toBe(18_000);
  });

  it('[HB1] [HB2] asks after 18 s of silence and gives up after 38 s', () => {
    const bench = new Bench().live();
    expect(bench.wake()).toBe(18_000);
    expect(bench.sent()).toEqual([{ type: 'ping' }]);
    bench.frame({ type: 'pong' });
    expect(bench.wake()).toBe(36_000);
    expect(bench.wake()).toBe(56_000);
    bench.take();
    expect(bench.did('disconnect')).toEqual([{ do: 'disconnect', code: CLOSE.silent }]);
    expect(bench.session.state().phase).toBe('waiting');
  });

  it('gives a connection one more chance when the machine slept, not when it was merely silent', () => {
    for (const pinged of [false, true]) {
      const bench = new Bench().live();
      if (pinged) expect(bench.wake()).toBe(18_000);
      bench.take();
      bench.now = 3_600_000;
      bench.session.tick(bench.now);
      expect(bench.sent(), `pinged: ${pinged}`).toEqual([{ type: 'ping' }]);
      expect(bench.session.state().phase).toBe('live');
      const later = bench.wake();
      expect(later).toBe(3_605_000);
      bench.take();
      expect(bench.did('disconnect')).toEqual([{ do: 'disconnect', code: CLOSE.silent }]);
    }
    const alive = new Bench().live();
    alive.now = 3_600_000;
    alive.session.wake(alive.now);
    expect(alive.sent()).toEqual([{ type: 'ping' }]);
    alive.frame({ type: 'pong' });
    expect(alive.wake()).toBe(3_618_000);
    expect(alive.session.state().phase).toBe('live');
  });

  it('leaves a room at once though what was before is missing [RM5] [SB8]', () => {
    const bench = new Bench({ transports: ['sse'] }).live();
    bench.session.open(bench.now, ROOM, 4);
    bench.take();
    const content = { kind: 'member_left', user: ADA } as const;
    bench.frame(event(9, { content }));
    expect(bench.take()).toMatchObject([{ do: 'apply', event: { seq: 9 }, open: false }]);
    expect(bench.session.isOpen(ROOM)).toBe(false);
    // Another's leaving waits for what is before it.
    bench.session.open(bench.now, ROOM, 4);
    bench.take();
    bench.frame(event(9, { content: { kind: 'member_left', user: 'user_lin' } }));
    expect(bench.take().map((effect) => effect.do)).toEqual(['fetch']);
  });

  it('keeps the cursor that comes in the middle of much [SB9]', () => {
    const bench = new Bench().live();
    bench.frame({ type: 'cursor', cursor: 'c2' });
    expect(bench.session.place().cursor).toBe('c2');
  });

  it('does not end a living stream that answers no pings because the page returned', () => {
    const bench = new Bench({ transports: ['sse'] }).live();
    bench.now = 17_000;
    bench.session.wake(bench.now);
    bench.now = 35_000;
    bench.session.tick(bench.now);
    expect(bench.session.state().phase).toBe('live');
    bench.session.heard(bench.now);
    bench.wake();
    expect(bench.session.state().phase).toBe('live');
  });

  it('makes sure soon that a connection lived through sleep', () => {
    const bench = new Bench().live();
    bench.now = 10_000;
    bench.session.wake(bench.now);
    expect(bench.sent()).toEqual([{ type: 'ping' }]);
    expect(bench.wake()).toBe(15_000);
    expect(bench.session.state().phase).toBe('waiting');
  });
});

describe('an open room', () => {
  function opened(held: number | null, from: number, head: number): Bench {
    const bench = new Bench().live();
    bench.session.open(0, ROOM, held);
    bench.frame({ type: 'opened', room: ROOM, from, head });
    return bench;
  }

  it('[EV3] [CU2] applies each event once, in order', () => {
    const bench = opened(2, 2, 4);
    for (const seq of [2, 3, 3, 4, 1, 5]) bench.frame(event(seq));
    expect(bench.applied()).toEqual([3, 4, 5]);
    expect(bench.session.settled()).toBe(true);
  });

  it('[SB4] starts over when it is too far behind', () => {
    const bench = opened(2, 900, 900);
    bench.take();
    expect(bench.did('reload')).toHaveLength(1);
    bench.frame(event(901));
    bench.frame(event(902));
    expect(bench.session.loaded(0, ROOM, 901)).toBe(true);
    expect(bench.applied()).toEqual([902]);
    expect(bench.session.loaded(0, ROOM, 901)).toBe(false);
  });

  it('fills a gap from the log, then goes on with what waited', () => {
    const bench = opened(1, 1, 1);
    bench.take();
    bench.frame(event(4));
    bench.frame(event(5));
    bench.take();
    expect(bench.did('fetch')).toEqual([{ do: 'fetch', room: ROOM, after: 1 }]);
    expect(bench.did('apply')).toEqual([]);
    expect(bench.session.settled()).toBe(false);
    bench.session.fetched(0, ROOM, [event(2), event(3), event(4)]);
    expect(bench.applied()).toEqual([2, 3, 4, 5]);
    expect(bench.session.settled()).toBe(true);
  });

  it('opens the room anew when a gap stays', () => {
    const bench = opened(1, 1, 1);
    bench.frame(event(3));
    bench.session.failed(0, ROOM);
    bench.take();
    bench.now = GAP_PATIENCE_MS;
    bench.session.heard(bench.now);
    bench.session.tick(bench.now);
    expect(bench.sent().filter(({ type }) => type === 'open' || type === 'close')).toEqual([
      { type: 'close', room: ROOM },
      { type: 'open', room: ROOM, after: 1 },
    ]);
  });

  it('[P5] never holds more behind a gap than it may', () => {
    const bench = opened(1, 1, 1);
    for (let seq = 3; seq < GAP_BUFFER_MAX + 10; seq++) bench.frame(event(seq));
    bench.take();
    expect(bench.did('reload')).toHaveLength(1);
  });

  it('a room that was left or refused is not asked for again', () => {
    const bench = opened(1, 1, 1);
    bench.frame({ type: 'left', room: ROOM });
    bench.session.closed(0, 1006);
    bench.wake();
    bench.take();
    bench.session.opened(bench.now);
    expect(bench.sent()).toEqual([
      { type: 'hello', follow: 'listed', since: 'c1', user_seq: 3 },
    ]);
  });

  it('a room that cannot be opened right now is opened later', () => {
    const bench = new Bench().live();
    bench.session.open(0, ROOM, 1);
    bench.take();
    const refusal = { code: 'rate_limited', message: '', retry_after_ms: 700 };
    bench.frame({ type: 'refused', room: ROOM, refusal });
    expect(bench.wake()).toBe(700);
    expect(bench.sent()).toEqual([{ type: 'open', room: ROOM, after: 1 }]);
    bench.frame({ type: 'refused', room: ROOM, refusal: { code: 'not_found', message: '' } });
    bench.take();
    expect(bench.did('pass')).toHaveLength(1);
    expect(bench.session.isOpen(ROOM)).toBe(false);
  });

  it('[SG5] a count that comes after its room was closed is not kept', () => {
    const bench = opened(1, 1, 1);
    bench.take();
    const count: ServerFrame = { type: 'presence_count', room: ROOM, count: 2 };
    bench.frame(count);
    bench.session.close(ROOM);
    bench.frame(count);
    bench.take();
    expect(bench.did('pass')).toEqual([{ do: 'pass', frame: count }]);
  });

  it('[CM9] [FO1] an event that answers out of its place is not folded, and is awaited in it', () => {
    const bench = opened(5, 5, 5);
    bench.take();
    bench.frame(event(7, { txn: 't1', answer: true }));
    bench.take();
    expect(bench.did('answer')).toHaveLength(1);
    expect(bench.effects.filter((effect) => effect.do !== 'answer')).toEqual([]);
    expect(bench.session.settled(), 'the cursor may not pass it').toBe(false);
    bench.frame(event(6));
    bench.frame(event(7, { txn: 't1' }));
    expect(bench.applied()).toEqual([6, 7]);
    expect(bench.session.settled()).toBe(true);
  });

  it('[CM9] opens the room anew when an answer never comes in its place', () => {
    const bench = opened(5, 5, 5);
    bench.frame(event(6, { txn: 't1', answer: true }));
    bench.take();
    bench.now = GAP_PATIENCE_MS;
    bench.session.heard(bench.now);
    bench.session.tick(bench.now);
    expect(bench.sent().filter(({ type }) => type === 'open')).toEqual([
      { type: 'open', room: ROOM, after: 5 },
    ]);
  });

  it('[CM9] an answer of a room that is only listed changes nothing held', () => {
    const bench = new Bench().live();
    bench.frame(event(7, { txn: 't1', answer: true }));
    expect(bench.take().map((effect) => effect.do)).toEqual(['answer']);
  });

  it('[CM2] an answer is an answer, however old its event', () => {
    const bench = opened(5, 5, 5);
    bench.take();
    bench.frame(event(3, { txn: 't1' }));
    bench.take();
    expect(bench.did('answer')).toHaveLength(1);
    expect(bench.did('apply')).toHaveLength(0);
  });

  it('[FR2] skips types that it does not know', () => {
    const bench = opened(1, 1, 1);
    bench.take();
    bench.frame({ type: 'weather' } as unknown as ServerFrame);
    expect(bench.take()).toEqual([]);
  });
});
