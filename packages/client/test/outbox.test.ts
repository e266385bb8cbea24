import type { RoomId } from '@tidings/protocol';
import { describe, expect, it } from 'vitest';
import {
  Client,
  MemoryStorage,
  NoLocks,
  Outbox,
  overlay,
  Rest,
  TxnMaker,
  type Locks,
  type OutboxRow,
  type Transport,
} from '../src/index.ts';
import { jsonOf, wellFormed } from '../src/text.ts';
import { FakeServer, type FakeSession } from './fake-server.ts';
import { seeded, VirtualClock } from './virtual-clock.ts';

const ROOM: RoomId = 'room_a';
const OTHER: RoomId = 'room_b';

function row(txn: string, room: RoomId = ROOM): OutboxRow {
  return {
    txn,
    room,
    command: { type: 'send', txn, room, content: { kind: 'text', text: txn } },
    state: 'queued',
    attempts: 0,
    created: 0,
    owner: 'tab',
  };
}

const txns = (commands: { txn: string }[]) => commands.map(({ txn }) => txn);

describe('the outbox', () => {
  it('sends one at a time in each room, in order', () => {
    const outbox = new Outbox();
    outbox.add(row('2'), row('1'), row('3', OTHER));
    expect(txns(outbox.due(0))).toEqual(['1', '3']);
    expect(outbox.due(1)).toEqual([]);
    outbox.done('1');
    expect(txns(outbox.due(2))).toEqual(['2']);
  });

  it('[CM7] sends again after the connection was lost, with the same txn', () => {
    const outbox = new Outbox();
    outbox.add(row('1'));
    outbox.due(0);
    outbox.disconnected();
    expect(txns(outbox.due(1))).toEqual(['1']);
    expect(outbox.get('1')?.attempts).toBe(2);
  });

  it('sends again when the answer does not come', () => {
    const outbox = new Outbox();
    outbox.add(row('1'));
    outbox.due(0);
    const at = outbox.wakeAt() ?? 0;
    expect(outbox.due(at - 1)).toEqual([]);
    expect(txns(outbox.due(at))).toEqual(['1']);
  });

  it('waits when the server asks to, and keeps the order meanwhile', () => {
    const outbox = new Outbox();
    outbox.add(row('1'), row('2'));
    outbox.due(0);
    outbox.refused('1', { code: 'rate_limited', message: '', retry_after_ms: 700 }, 0, 0.5);
    expect(outbox.due(699)).toEqual([]);
    expect(txns(outbox.due(700))).toEqual(['1']);
  });

  it('[CM10] finds the one at fault also behind others of its room, and sleeps meanwhile', () => {
    const outbox = new Outbox();
    outbox.add(row('1'), row('2'));
    outbox.due(0);
    outbox.refused('1', { code: 'forbidden', message: 'no' }, 0, 0.5);
    outbox.due(1);
    expect(outbox.faulted()).toMatchObject([{ txn: '2' }]);
    outbox.disconnected();
    // Both are wanted again, and something else waits: nothing stands still.
    outbox.retry('1');
    outbox.retry('2');
    outbox.add({ ...row('3'), room: 'room_other' });
    expect(txns(outbox.due(2))).toEqual(['1']);
    outbox.done('1');
    expect(txns(outbox.due(3))).toEqual(['2']);
    outbox.refused('2', { code: 'unavailable', message: '', retry_after_ms: 700 }, 3, 0.5);
    expect(outbox.due(4)).toEqual([]);
    expect(outbox.wakeAt(), 'not before that one may go again').toBe(703);
    expect(txns(outbox.due(703))).toEqual(['2']);
    outbox.done('2');
    expect(txns(outbox.due(704))).toEqual(['3']);
  });

  it('[CM4] shows a refusal, lets others pass, and tries again on demand', () => {
    const outbox = new Outbox();
    outbox.add(row('1'), row('2'));
    outbox.due(0);
    const failed = outbox.refused('1', { code: 'forbidden', message: 'no' }, 0, 0.5);
    expect(failed).toMatchObject({ state: 'failed', refusal: { code: 'forbidden' } });
    expect(txns(outbox.due(1))).toEqual(['2']);
    outbox.done('2');
    outbox.retry('1');
    expect(txns(outbox.due(2))).toEqual(['1']);
    expect(outbox.discard('1'), 'one under way stays').toBeUndefined();
  });

  it('shows on top of confirmed state what is on its way', () => {
    const message = {
      id: 'evt_1',
      room: ROOM,
      seq: 1,
      at: '',
      actor: 'user_ada',
      count: 1,
      text: 'one',
    } as const;
    const about = { room: ROOM, message: 'evt_1' } as const;
    const edit: OutboxRow = {
      ...row('1'),
      command: { type: 'edit', txn: '1', ...about, content: { kind: 'text', text: 'two' } },
    };
    const react: OutboxRow = {
      ...row('2'),
      command: { type: 'react', txn: '2', ...about, emoji: '👍' },
    };
    expect(overlay(message, [], 'user_bob')).toBe(message);
    expect(overlay(message, [edit, react], 'user_bob')).toMatchObject({
      text: 'two',
      reactions: [{ emoji: '👍', users: ['user_bob'] }],
    });
    expect(overlay(message, [{ ...edit, state: 'failed' }], 'user_bob').text).toBe('one');
  });
});

const clockAt = (wall: () => number) => ({ now: () => 0, wall, after: () => () => undefined });

describe('txns', () => {
  it('[CM1] grow and never repeat, even when the clock stands or turns back', () => {
    const now = { at: 1_700_000_000_000 };
    const maker = new TxnMaker(clockAt(() => now.at), seeded(1));
    const made: string[] = [];
    for (let i = 0; i < 10_000; i++) {
      if (i === 5_000) now.at -= 60_000;
      made.push(maker.next());
    }
    expect(new Set(made).size).toBe(made.length);
    expect([...made].sort()).toEqual(made);
    expect(made[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe('after a reload', () => {
  it('txns follow those that wait, though the clock was set back', () => {
    const early = new TxnMaker(clockAt(() => 1_700_000_000_000), seeded(1));
    const late = new TxnMaker(clockAt(() => 1_700_000_500_000), seeded(2));
    const waiting = Array.from({ length: 5_000 }, () => late.next());
    for (const txn of waiting) early.follow(txn);
    early.follow('not-a-uuid');
    const made = Array.from({ length: 10 }, () => early.next());
    expect([...waiting, ...made].sort()).toEqual([...waiting, ...made]);
    expect(made[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('what was written first is sent first, though the clock was set back', async () => {
    const time = new VirtualClock();
    const server = new FakeServer(time);
    const ada = server.addUser('ada');
    const room = server.addRoom('a', [ada]);
    const disk = new MemoryStorage();
    const open = (ahead: number) =>
      Client.open({
        rest: new Rest({ fetch: server.fetch(ada), base: '' }),
        transports: [server.transport(ada)],
        storage: disk,
        clock: {
          now: () => time.now(),
          wall: () => time.wall() + ahead,
          after: (ms, call) => time.after(ms, call),
        },
        random: seeded(ahead + 1),
        locks: new NoLocks(),
      });
    const first = await open(3_600_000);
    await first.send(room, 'first');
    await first.stop();
    const second = await open(0);
    await second.send(room, 'second');
    second.start();
    await time.pass(30_000);
    const texts = [...server.room(room).state.messages.values()].map(({ text }) => text);
    expect(texts).toEqual(['first', 'second']);
  });
});

/** The locks of one machine, for several clients in one test. */
class Machine {
  private readonly held = new Set<string>();
  private readonly waiting = new Map<string, () => Promise<void>>();

  locks(): Locks {
    return {
      hold: (name) => {
        this.held.add(name);
        return () => {
          this.held.delete(name);
          void this.waiting.get(name)?.();
          this.waiting.delete(name);
        };
      },
      whenFree: (name, call) => {
        if (this.held.has(name)) this.waiting.set(name, call);
        else void call();
        return () => this.waiting.delete(name);
      },
    };
  }
}

describe('two tabs of one account', () => {
  async function world() {
    const time = new VirtualClock();
    const server = new FakeServer(time);
    const ada = server.addUser('ada');
    const room = server.addRoom('a', [ada]);
    const disk = new MemoryStorage();
    let seed = 1;
    const open = (locks: Locks) =>
      Client.open({
        rest: new Rest({ fetch: server.fetch(ada), base: '' }),
        transports: [server.transport(ada)],
        storage: disk,
        clock: time,
        random: seeded(seed++),
        locks,
      });
    return { time, server, ada, room, open, disk };
  }

  it('leave each other’s rows alone, until the other is gone', async () => {
    const { time, server, room, open } = await world();
    const machine = new Machine();
    const first = await open(machine.locks());
    await first.send(room, 'from the first tab');
    const second = await open(machine.locks());
    second.start();
    await time.pass(2_000);
    expect(server.room(room).state.messages.size).toBe(0);
    await first.stop();
    await time.pass(2_000);
    expect(server.room(room).state.messages.size).toBe(1);
    expect(second.outbox.all()).toEqual([]);
  });

  it('send what a tab that came and went in the meantime left behind', async () => {
    const { time, server, room, open, disk } = await world();
    const machine = new Machine();
    const first = await open(machine.locks());
    first.start();
    await time.pass(2_000);
    const second = await open(machine.locks());
    await second.send(room, 'from the second tab');
    await time.pass(200_000);
    expect(server.room(room).state.messages.size, 'not while the second lives').toBe(0);
    expect(first.outbox.all()).toEqual([]);
    await second.stop();
    await time.pass(2_000);
    expect(server.room(room).state.messages.size).toBe(1);
    expect(first.outbox.all()).toEqual([]);
    await time.pass(2_000);
    expect((await disk.load()).rows).toEqual([]);
  });

  it('find what was left within a minute, at once when the page returns or the network does', async () => {
    for (const soon of ['wake', 'live', null]) {
      const { time, server, room, open } = await world();
      const machine = new Machine();
      const first = await open(machine.locks());
      first.start();
      await time.pass(2_000);
      const second = await open(machine.locks());
      await second.send(room, 'from the second tab');
      await second.stop();
      if (soon === 'wake') first.wake();
      if (soon === 'live') server.cut(4000);
      await time.pass(soon ? 2_000 : 60_000);
      expect(server.room(room).state.messages.size, `${soon}`).toBe(1);
      await first.stop();
    }
  });

  it('find what was left twice by the same tab', async () => {
    const { time, server, room, open } = await world();
    const first = await open(new NoLocks());
    const second = await open(new NoLocks());
    first.start();
    for (let i = 1; i <= 3; i++) {
      await second.send(room, `${i}`);
      await time.pass(61_000);
      expect(server.room(room).state.messages.size).toBe(i);
    }
  });

  it('try again when what was left cannot be read', async () => {
    const { time, server, room, open, disk } = await world();
    const first = await open(new NoLocks());
    first.start();
    const second = await open(new NoLocks());
    await second.send(room, 'hello');
    const rows = disk.rows.bind(disk);
    let asked = 0;
    disk.rows = () => (++asked < 4 ? Promise.reject(new Error('the disk is away')) : rows());
    await time.pass(300_000);
    expect(server.room(room).state.messages.size).toBe(1);
  });

  it('may both send the same row: it happens once', async () => {
    const { time, server, room, open } = await world();
    const first = await open(new NoLocks());
    await first.send(room, 'once');
    const second = await open(new NoLocks());
    first.start();
    second.start();
    await time.pass(30_000);
    expect(server.room(room).state.messages.size).toBe(1);
    expect([...first.outbox.all(), ...second.outbox.all()]).toEqual([]);
  });
});

describe('[CM10] what the server cannot read', () => {
  it('is made well-formed before it is stored, with and without toWellFormed', () => {
    const native = (String.prototype as { toWellFormed?: unknown }).toWellFormed;
    for (const made of [native, undefined]) {
      Object.defineProperty(String.prototype, 'toWellFormed', { value: made, configurable: true, writable: true });
      expect(wellFormed('half \ud83d of it')).toBe('half \ufffd of it');
      expect(wellFormed('\udc4d\ud83d\udc4d\ud83d')).toBe('\ufffd\ud83d\udc4d\ufffd');
      expect(wellFormed('whole 👍🏽')).toBe('whole 👍🏽');
      expect(jsonOf({ a: ['\ud83d'], n: 1, none: null })).toBe('{"a":["\ufffd"],"n":1,"none":null}');
    }
    Object.defineProperty(String.prototype, 'toWellFormed', { value: native, configurable: true, writable: true });
  });

  it('alone under way, it fails and is never sent again by itself', () => {
    const outbox = new Outbox();
    outbox.add(row('1'), row('2'));
    outbox.due(0);
    expect(outbox.faulted()).toMatchObject([{ txn: '1', state: 'failed', refusal: { code: 'bad_frame' } }]);
    outbox.disconnected();
    expect(txns(outbox.due(1))).toEqual(['2']);
    expect(outbox.wakeAt()).not.toBeNull();
    outbox.done('2');
    expect(outbox.due(1e9)).toEqual([]);
    expect(outbox.discard('1')?.txn).toBe('1');
  });

  it('among several under way it is found by sending each alone', () => {
    const outbox = new Outbox();
    outbox.add(row('1'), row('2', OTHER), row('3', 'room_c'), row('4', OTHER));
    expect(txns(outbox.due(0))).toEqual(['1', '2', '3']);
    expect(outbox.faulted()).toEqual([]);
    outbox.disconnected();
    expect(txns(outbox.due(1))).toEqual(['1']);
    expect(outbox.due(2)).toEqual([]);
    outbox.done('1');
    expect(txns(outbox.due(3))).toEqual(['2']);
    expect(outbox.faulted()).toMatchObject([{ txn: '2' }]);
    outbox.disconnected();
    expect(txns(outbox.due(4))).toEqual(['3']);
    outbox.done('3');
    expect(txns(outbox.due(5))).toEqual(['4']);
  });

  it('tried again on demand, it is sent alone', () => {
    const outbox = new Outbox();
    outbox.add(row('1'), row('2', OTHER));
    outbox.due(0, 1);
    outbox.faulted();
    outbox.retry('1');
    expect(txns(outbox.due(1))).toEqual(['1']);
  });

  it('is nobody’s doing when nothing was under way', () => {
    const outbox = new Outbox();
    outbox.add(row('1'));
    expect(outbox.faulted()).toBeNull();
  });

  it.each([4203, 1007, 1009, 1002])('a client comes back without it after %i, reloads included', async (code) => {
    const time = new VirtualClock();
    const server = new FakeServer(time);
    const ada = server.addUser('ada');
    const rooms = ['a', 'b', 'c'].map((name) => server.addRoom(name, [ada]));
    const disk = new MemoryStorage();
    let sessions = 0;
    const transport: Transport = {
      name: 'ws',
      connect(events) {
        sessions += 1;
        const inner = server.transport(ada).connect(events);
        return {
          send(frame) {
            if (JSON.stringify(frame).includes('poison')) (inner as FakeSession).end(code);
            else inner.send(frame);
          },
          close: (end) => inner.close(end),
        };
      },
    };
    const open = (seed: number) =>
      Client.open({
        rest: new Rest({ fetch: server.fetch(ada), base: '' }),
        transports: [transport],
        storage: disk,
        clock: time,
        random: seeded(seed),
        locks: new NoLocks(),
      });
    const client = await open(1);
    for (const room of rooms) await client.send(room, room === rooms[1] ? 'poison' : 'water');
    client.start();
    await time.pass(60_000);
    expect(client.store.connection.phase).toBe('live');
    expect(client.outbox.all()).toMatchObject([{ room: rooms[1], state: 'failed', refusal: { code: 'bad_frame' } }]);
    for (const room of rooms) expect(server.room(room).state.messages.size).toBe(room === rooms[1] ? 0 : 1);
    await client.stop();
    const before = sessions;
    const second = await open(2);
    second.start();
    await time.pass(60_000);
    expect(sessions).toBe(before + 1);
    const [failed] = second.outbox.all();
    if (failed) await second.discard(failed.txn);
    await time.pass(2_000);
    expect((await disk.load()).rows).toEqual([]);
  });

  it('a session that ends so without a frame of the outbox stays ended', async () => {
    const time = new VirtualClock();
    const server = new FakeServer(time);
    const ada = server.addUser('ada');
    const client = await Client.open({
      rest: new Rest({ fetch: server.fetch(ada), base: '' }),
      transports: [server.transport(ada)],
      storage: new MemoryStorage(),
      clock: time,
      random: seeded(1),
      locks: new NoLocks(),
    });
    client.start();
    await time.pass(2_000);
    server.cut(4203);
    await time.pass(60_000);
    expect(client.store.connection).toMatchObject({ phase: 'ended', endedBy: 4203 });
  });
});

describe('a room that one is removed from', () => {
  async function world() {
    const time = new VirtualClock();
    const server = new FakeServer(time);
    const [ada, bob] = [server.addUser('ada'), server.addUser('bob')];
    const room = server.addRoom('strict', [ada, bob]);
    const disk = new MemoryStorage();
    const open = async (seed: number) => {
      const client = await Client.open({
        rest: new Rest({ fetch: server.fetch(bob), base: '' }),
        transports: [server.transport(bob)],
        storage: disk,
        clock: time,
        random: seeded(seed),
        locks: new NoLocks(),
      });
      client.start();
      await time.pass(2_000);
      return client;
    };
    const remove = () => server.append(room, ada, { kind: 'member_left', user: bob });
    return { time, server, ada, bob, room, disk, open, remove };
  }

  it('while away: what was written stays, with what is known, over reloads, until it is discarded', async () => {
    const { time, server, ada, room, open, remove, disk } = await world();
    const client = await open(1);
    await client.show(room);
    await time.pass(1_000);
    const [message] = [await client.send(room, 'before')];
    await time.pass(2_000);
    expect(client.outbox.get(message)).toBeUndefined();
    server.down = true;
    server.cut(1006);
    await client.send(room, 'not sent');
    await client.react(room, server.messageIds(room)[0] ?? 'evt_x', '👍', true);
    remove();
    server.down = false;
    await time.pass(120_000);
    expect(client.store.room(room)).toBeUndefined();
    const gone = { name: 'strict', by: ada };
    expect(client.outbox.all()).toMatchObject([{ state: 'failed', gone, command: { content: { text: 'not sent' } } }]);
    await client.stop();
    const again = await open(2);
    await time.pass(60_000);
    expect(again.outbox.all()).toMatchObject([{ state: 'failed', gone }]);
    // It is stored that they are gone before that is shown: a page that ends then does not bring them back.
    const shown: number[] = [];
    again.store.topics.on('stranded', () => void disk.load().then(({ rows }) => shown.push(rows.length)));
    for (const { txn } of again.outbox.all()) again.discard(txn);
    await time.pass(0);
    expect(shown.length).toBeGreaterThan(0);
    expect(shown.at(0)).toBe(0);
    expect((await disk.load()).rows).toEqual([]);
  });

  it('while there: it is known who did it', async () => {
    const { time, room, ada, open, remove } = await world();
    const client = await open(1);
    await client.show(room);
    await time.pass(1_000);
    const sending = client.send(room, 'too late');
    remove();
    await sending;
    await time.pass(5_000);
    expect(client.outbox.all()).toMatchObject([{ state: 'failed', gone: { name: 'strict', by: ada } }]);
  });
});
