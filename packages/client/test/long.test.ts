import type { MessageReaction, RoomId, RoomSummary, UserId, UserProfile } from '@tidings/protocol';
import { describe, expect, it } from 'vitest';
import { Client, MemoryStorage, NoLocks, Outbox, Rest, Store, Unreachable, type FetchLike } from '../src/index.ts';
import { compareText, react, unreact } from '../src/fold.ts';
import { Marks } from '../src/marks.ts';
import { EventStreamReader } from '../src/transport/event-stream.ts';
import { FakeServer } from './fake-server.ts';
import { seeded, VirtualClock } from './virtual-clock.ts';

const AT = '2026-11-20T21:00:00.000Z';

describe('what grows does not take the square of it', () => {
  it('the reactions of a message that everybody reacts to', () => {
    // Sorting all of them for each would not end today.
    const users = Array.from({ length: 10_000 }, (_, i): UserId => `user_${(i * 7_919) % 10_000}`);
    let rows: MessageReaction[] | undefined;
    for (const user of users) rows = react(rows, '👍', user);
    expect(rows?.[0]?.users).toEqual([...users].sort());
    for (const user of users.slice(1)) rows = unreact(rows, '👍', user);
    expect(rows).toEqual([{ emoji: '👍', users: [users[0]] }]);
  });

  it('the order of text is that of code points', () => {
    const texts = ['', 'a', 'ab', 'b', '\uFFFD', '\u{1F44D}', '\u{1F44D}\u{1F3FD}', 'é'];
    const bytes = (text: string) => Buffer.from(text);
    for (const a of texts) {
      for (const b of texts) {
        expect(Math.sign(compareText(a, b)), `${a} ${b}`).toBe(Buffer.compare(bytes(a), bytes(b)));
      }
    }
  });

  it('[SE1] a long frame that comes in small pieces', () => {
    const reader = new EventStreamReader();
    const text = 'a'.repeat(3_000_000);
    const whole = `id: c1\r\ndata: ${text}\r\n\r\n`;
    const events = [...whole].flatMap((piece) => reader.push(piece));
    expect(events).toHaveLength(1);
    expect(events[0]?.data).toBe(text);
  });

  it('the list of rooms is sorted once for each change, however often it is read', () => {
    const store = new Store();
    const room = (i: number): RoomSummary => ({
      id: `room_${i}`,
      kind: 'group',
      visibility: 'private',
      name: `${i}`,
      created_at: AT,
      head: 1,
      count: 1,
      members: 1,
      role: 'member',
      marker: { seq: 0, count: 0 },
      last: { id: `evt_${i}`, seq: 1, at: AT, actor: 'user_bob', text: '' },
    });
    for (let i = 0; i < 100; i++) store.putRoom(room(i));
    const before = store.rooms();
    expect(store.rooms()).toBe(before);
    const moved = { ...room(50), head: 2, last: { ...room(50).last, seq: 2 } };
    store.putRoom(moved as RoomSummary);
    expect(store.rooms()[0]?.id).toBe('room_50');
    expect(before[0]?.id).not.toBe('room_50');
    store.leave('room_50');
    expect(store.rooms()).toHaveLength(99);
    const me: UserProfile = {
      id: 'user_ada',
      username: 'ada',
      display_name: 'Ada',
      kind: 'person',
      role: 'member',
      created_at: AT,
    };
    store.restore(me, [moved as RoomSummary], []);
    expect(store.rooms()).toHaveLength(100);
  });
});

describe('many rooms at once', () => {
  it('[CM8] never has more commands under way than the server takes', () => {
    const outbox = new Outbox();
    for (let i = 100; i < 400; i++) {
      const [txn, room]: [string, RoomId] = [`${i}`, `room_${i}`];
      outbox.add({
        txn,
        room,
        command: { type: 'send', txn, room, content: { kind: 'text', text: '' } },
        state: 'queued',
        attempts: 0,
        created: 0,
        owner: 'tab',
      });
    }
    expect(outbox.due(0, 100).map(({ txn }) => txn)).toHaveLength(100);
    expect(outbox.due(1, 100)).toEqual([]);
    outbox.done('100');
    outbox.done('105');
    expect(outbox.due(2, 100).map(({ txn }) => txn)).toEqual(['200', '201']);
    outbox.disconnected();
    expect(outbox.due(3, 100)).toHaveLength(100);
    const marks = new Marks();
    for (let i = 0; i < 300; i++) marks.want(`room_${i}`, 1, 1, `m${i}`);
    expect(marks.due(0, 100)).toHaveLength(100);
    expect(marks.due(1, 100)).toEqual([]);
    marks.done('m3');
    expect(marks.due(2, 100)).toHaveLength(1);
  });

  it('[CM8] what was written in very many rooms while offline goes out, never too much at once', async () => {
    const time = new VirtualClock();
    const server = new FakeServer(time);
    const ada = server.addUser('ada');
    const rooms = Array.from({ length: 300 }, (_, i) => server.addRoom(`r${i}`, [ada]));
    let waiting = 0;
    let most = 0;
    const client = await Client.open({
      rest: new Rest({ fetch: server.fetch(ada), base: '' }),
      transports: [
        {
          name: 'ws',
          connect(events) {
            const connection = server.transport(ada).connect({
              ...events,
              frame: (frame) => {
                if (frame.type === 'event' && frame.txn) waiting -= 1;
                events.frame(frame);
              },
            });
            return {
              send: (frame) => {
                if ('txn' in frame) most = Math.max(most, ++waiting);
                connection.send(frame);
              },
              close: (code) => connection.close(code),
            };
          },
        },
      ],
      storage: new MemoryStorage(),
      clock: time,
      random: seeded(1),
      locks: new NoLocks(),
    });
    for (const room of rooms) await client.send(room, 'hello');
    client.start();
    await time.pass(10_000);
    expect(client.outbox.all()).toEqual([]);
    expect(most).toBeLessThanOrEqual(128);
    expect(most).toBeGreaterThan(32);
  });
});

describe('a page that is open for a week', () => {
  it('[SG3] forgets the presence of those whom nobody looks at any more', async () => {
    const { client, time } = await world();
    const people = Array.from({ length: 50 }, (_, i): UserId => `user_${i}`);
    for (const user of people) {
      client.watch([user]);
      client.learn((store) => store.pass({ type: 'presence', users: [{ user, status: 'online' }] }, 0));
    }
    await time.pass(100);
    const online = people.filter((user) => client.store.presenceOf(user) === 'online');
    expect(online).toEqual(['user_49']);
  });

  it('[SG5] forgets how many are there when it closes a room, leaves it or loses the connection', async () => {
    const { client, server, ada, bob, room, time } = await world();
    const others = ['b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'].map((name) => server.addRoom(name, [ada, bob]));
    client.start();
    await time.pass(1_000);
    let told = 0;
    client.store.topics.on('presence', () => (told += 1));
    const counted = async (count: number) => {
      const before = told;
      client.learn((store) => store.pass({ type: 'presence_count', room, count }, 0));
      await time.pass(100);
      expect(client.store.presentIn(room)).toBe(count);
      expect(told).toBe(before + 1);
    };
    await client.show(room);
    expect(client.store.presentIn(room)).toBeUndefined();
    await counted(2);
    await counted(3);
    for (const other of others) await client.show(other);
    expect(client.store.presentIn(room)).toBeUndefined();
    await client.show(room);
    await counted(4);
    server.cut(4000);
    expect(client.store.presentIn(room)).toBeUndefined();
    await time.pass(100);
    await counted(5);
    client.learn((store) => store.leave(room));
    expect(client.store.presentIn(room)).toBeUndefined();
  });
});

async function world(fetchOf: (fetch: FetchLike) => FetchLike = (fetch) => fetch) {
  const time = new VirtualClock();
  const server = new FakeServer(time);
  const [ada, bob] = [server.addUser('ada'), server.addUser('bob')];
  const room = server.addRoom('a', [ada, bob]);
  const client = await Client.open({
    rest: new Rest({ fetch: fetchOf(server.fetch(ada)), base: '' }),
    transports: [server.transport(ada)],
    storage: new MemoryStorage(),
    clock: time,
    random: seeded(1),
    locks: new NoLocks(),
  });
  client.start();
  await time.pass(1_000);
  return { time, server, client, ada, bob, room };
}

describe('what is looked up', () => {
  it('is asked for again when nobody answered, less and less often, until somebody does', async () => {
    let down = true;
    const asked: string[] = [];
    const { client, time, bob } = await world((fetch) => async (url, request) => {
      if (!url.includes('/users?')) return fetch(url, request);
      asked.push(url);
      if (down) throw new Unreachable('offline');
      return fetch(url, request);
    });
    client.user(bob);
    await time.pass(600_000);
    expect(asked.length).toBeGreaterThan(5);
    expect(asked.length).toBeLessThan(25);
    down = false;
    await time.pass(61_000);
    expect(client.store.users.get(bob)?.display_name).toBe('bob');
    const enough = asked.length;
    await time.pass(600_000);
    expect(asked.length).toBe(enough);
    down = true;
    client.user('user_nobody');
    await time.pass(10_000);
    await client.stop();
    const atEnd = asked.length;
    await time.pass(600_000);
    expect(asked.length, 'nothing after the end').toBe(atEnd);
  });

  it('is not asked for again when the answer is no', async () => {
    const asked: string[] = [];
    const { client, time } = await world((fetch) => async (url, request) => {
      if (!url.includes('/users?')) return fetch(url, request);
      asked.push(url);
      return { ok: false, status: 400, headers: { get: () => null }, body: null, json: async () => ({}) };
    });
    client.user('user_nobody');
    await time.pass(600_000);
    expect(asked).toHaveLength(1);
  });

  it('a room is asked for once, however many of its events come meanwhile, and again when that failed', async () => {
    let down = true;
    let asked = 0;
    const { client, time, server, ada, bob } = await world((fetch) => async (url, request) => {
      if (!/\/rooms\/room_late$/.test(url)) return fetch(url, request);
      asked += 1;
      if (down) throw new Unreachable('offline');
      return fetch(url, request);
    });
    for (const session of [...server.sessions]) session.close();
    const late = server.addRoom('late', [bob, ada]);
    for (let i = 0; i < 50; i++) {
      server.append(late, bob, { kind: 'message', text: `${i}` });
      const event = server.room(late).log.at(-1);
      if (event) client.learn((store) => store.apply(event, false));
    }
    await time.pass(500);
    expect(asked).toBe(1);
    down = false;
    await time.pass(20_000);
    expect(asked).toBe(2);
    expect(client.store.room(late)?.count).toBe(50);
  });
});
