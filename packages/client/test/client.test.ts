import type { ClientFrame, Content, RoomId, ServerFrame, UserId } from '@tidings/protocol';
import { describe, expect, it } from 'vitest';
import {
  Client,
  MemoryStorage,
  NoLocks,
  Rest,
  TimelineWindow,
  type Storage,
  type Transport,
  type TransportEvents,
} from '../src/index.ts';
import { FakeServer, NO_FAULTS } from './fake-server.ts';
import { seeded, VirtualClock } from './virtual-clock.ts';

async function world() {
  const time = new VirtualClock();
  const server = new FakeServer(time);
  const ada = server.addUser('ada');
  const bob = server.addUser('bob');
  let seed = 1;
  const open = async (user: UserId, storage: Storage = new MemoryStorage()) => {
    const client = await Client.open({
      rest: new Rest({ fetch: server.fetch(user), base: '' }),
      transports: [server.transport(user)],
      storage,
      clock: time,
      random: seeded(seed++),
      locks: new NoLocks(),
    });
    client.start();
    await time.pass(1_000);
    return client;
  };
  const say = (room: RoomId, text: string, from = bob) =>
    server.append(room, from, { kind: 'message', text });
  return { time, server, ada, bob, open, say };
}

const texts = (client: Client, room: RoomId) =>
  client.store.timeline(room)?.messages().map(({ text }) => text);

describe('the client', () => {
  it('shows what is stored without a network, and sends when there is one', async () => {
    const { time, server, ada, bob, open, say } = await world();
    const room = server.addRoom('a', [ada, bob]);
    say(room, 'one');
    const disk = new MemoryStorage();
    const first = await open(ada, disk);
    await first.show(room);
    await time.pass(1_000);
    await first.stop();

    server.down = true;
    const second = await open(ada, disk);
    await second.show(room);
    expect(second.store.rooms().map(({ id }) => id)).toEqual([room]);
    expect(texts(second, room)).toEqual(['one']);
    const txn = await second.send(room, 'two');
    await time.pass(5_000);
    expect(second.outbox.get(txn)).toMatchObject({ state: 'queued', attempts: 0 });

    server.down = false;
    await time.pass(61_000);
    expect(texts(second, room)).toEqual(['one', 'two']);
    expect(second.outbox.all()).toEqual([]);
    expect((await disk.load()).rows).toEqual([]);
  });

  it('reconnects, asks again and pings when the clock of the machine is set back', async () => {
    const { time, server, ada, bob, open } = await world();
    const room = server.addRoom('a', [ada, bob]);
    const client = await open(ada);
    server.down = true;
    server.cut(1006);
    await client.send(room, 'hello');
    await time.pass(5_000);
    time.wallOffset -= 3_600_000;
    server.down = false;
    await time.pass(61_000);
    expect(client.store.connection.phase).toBe('live');
    expect(client.outbox.all()).toEqual([]);
    const [session] = server.sessions;
    if (!session) throw new Error('there is a session');
    time.wallOffset -= 3_600_000;
    // The network goes silent, and nobody says so.
    session.send = () => undefined;
    await time.pass(60_000);
    expect(server.sessions.has(session)).toBe(false);
    expect(client.store.connection.phase).toBe('live');
  });

  it('[CM9] shows what is answered until its event comes in its place', async () => {
    const { time, server, ada, bob, open, say } = await world();
    const room = server.addRoom('a', [ada, bob]);
    const client = await open(ada);
    await client.show(room);
    await time.pass(1_000);
    const head = client.store.timeline(room)?.head;
    // The event itself is lost on the way, and the command is sent again.
    let losses = 1;
    server.faults = { ...NO_FAULTS, dropsEvent: () => losses-- > 0 };
    const txn = await client.send(room, 'hello');
    await time.pass(21_000);
    expect(client.outbox.all(), 'it is answered').toEqual([]);
    expect(client.store.timeline(room)?.head).toBe(head);
    expect(client.outbox.of(room).map((row) => [row.txn, row.state])).toEqual([[txn, 'sent']]);
    let told = 0;
    client.store.topics.on(`outbox:${room}`, () => (told += 1));
    await time.pass(15_000);
    expect(texts(client, room)).toEqual(['hello']);
    expect(client.outbox.of(room)).toEqual([]);
    expect(told).toBeGreaterThan(0);
    say(room, 'goes on');
    await time.pass(1_000);
    expect(texts(client, room)).toEqual(['hello', 'goes on']);
  });

  it('[CM9] does not wait for the place of what is answered in a room that nobody follows', async () => {
    const { time, server, ada, bob, open, say } = await world();
    const rooms = Array.from({ length: 8 }, (_, i) => server.addRoom(`r${i}`, [ada, bob]));
    const client = await open(ada);
    const [first] = rooms;
    if (!first) throw new Error('there are rooms');
    await client.send(first, 'unseen');
    await time.pass(1_000);
    expect(client.outbox.of(first)).toEqual([]);
    expect(client.store.room(first)).toMatchObject({ count: 1, last: { text: 'unseen' } });
    expect(client.unread(first)).toBe(0);
    // Left while its event is on the way.
    await client.show(first);
    await time.pass(1_000);
    let losses = 1;
    server.faults = { ...NO_FAULTS, dropsEvent: () => losses-- > 0 };
    await client.send(first, 'lost');
    await time.pass(21_000);
    expect(client.outbox.of(first)).toHaveLength(1);
    for (const room of rooms.slice(1)) await client.show(room);
    await time.pass(1_000);
    expect(client.outbox.of(first)).toEqual([]);
    say(first, 'seen');
    await client.show(first);
    await time.pass(1_000);
    expect(texts(client, first)).toEqual(['unseen', 'lost', 'seen']);
  });

  it('[P8] counts a listed room, and reads it on all of one’s clients', async () => {
    const { time, server, ada, bob, open, say } = await world();
    const room = server.addRoom('a', [ada, bob]);
    const desk = await open(ada);
    const phone = await open(ada);
    say(room, 'one');
    const last = say(room, 'two');
    await time.pass(1_000);
    expect([desk.unread(room), phone.unread(room)]).toEqual([2, 2]);
    desk.mark(room, last.seq, last.count);
    expect(desk.unread(room), 'at once, before the answer').toBe(0);
    await time.pass(1_000);
    expect([desk.unread(room), phone.unread(room)]).toEqual([0, 0]);
    expect(desk.store.room(room)?.marker).toEqual({ seq: last.seq, count: last.count });
  });

  it('[CU3] forgets everything when the server starts over, and keeps the outbox', async () => {
    const { time, server, ada, bob, open, say } = await world();
    const room = server.addRoom('a', [ada, bob]);
    say(room, 'kept');
    say(room, 'lost');
    const disk = new MemoryStorage();
    const client = await open(ada, disk);
    await client.show(room);
    await time.pass(1_000);
    expect(texts(client, room)).toEqual(['kept', 'lost']);

    // A backup from before the second message comes back.
    server.down = true;
    server.cut(1006);
    await client.send(room, 'mine');
    const held = server.room(room);
    held.log.pop();
    held.state.messages.delete([...held.state.messages.keys()].at(-1) ?? 'evt_');
    held.state.head -= 1;
    held.state.count -= 1;
    server.epoch += 1;
    server.down = false;
    await time.pass(61_000);
    expect(texts(client, room)).toEqual(['kept', 'mine']);
    expect(client.store.room(room)?.count).toBe(2);
    expect((await disk.tail(room))?.messages.map(({ text }) => text)).toEqual(['kept', 'mine']);
  });

  it('asks what a room is when its events come first', async () => {
    const { time, server, ada, bob, open, say } = await world();
    const client = await open(ada);
    const room = server.addRoom('late', [bob, ada]);
    say(room, 'hello');
    const frame = server.room(room).log.at(-1);
    if (!frame) throw new Error('there is an event');
    client.learn((store) => store.apply(frame, false));
    await time.pass(1_000);
    expect(client.store.room(room)).toMatchObject({ name: 'late', count: 1 });
    expect(client.unread(room)).toBe(1);
  });

  it('follows few rooms with every event, and catches up on the others', async () => {
    const { time, server, ada, bob, open, say } = await world();
    const rooms = Array.from({ length: 9 }, (_, i) => server.addRoom(`r${i}`, [ada, bob]));
    const client = await open(ada);
    for (const room of rooms) {
      await client.show(room);
      await time.pass(100);
    }
    const [first] = rooms;
    if (!first) throw new Error('there are rooms');
    for (let i = 0; i < 30; i++) say(first, `${i}`);
    await time.pass(1_000);
    expect(texts(client, first)).toEqual([]);
    expect(client.unread(first)).toBe(30);
    await client.show(first);
    await time.pass(1_000);
    expect(texts(client, first)).toHaveLength(30);
  });

  it('[SB4] reads what a room is, too, when it starts over', async () => {
    const { time, server, ada, bob, open, say } = await world();
    const room = server.addRoom('a', [bob, ada]);
    const client = await open(ada);
    await client.show(room);
    await time.pass(1_000);
    expect(client.store.room(room)).toMatchObject({ name: 'a', members: 2, role: 'member' });
    const cleo = server.addUser('cleo');
    // No event of these comes: the page covers them.
    server.passOver(() => {
      server.append(room, bob, { kind: 'role_changed', user: ada, role: 'admin' });
      server.append(room, bob, { kind: 'room_renamed', name: 'harbour' });
      server.append(room, bob, { kind: 'member_joined', user: cleo, role: 'member' });
      say(room, 'one', ada);
      for (let i = 0; i < 60; i++) say(room, `${i}`);
    });
    await time.pass(2_000);
    expect(client.store.room(room)).toMatchObject(server.summary(room, ada));
    expect(client.store.room(room)).toMatchObject({ name: 'harbour', members: 3, role: 'admin' });
    expect(client.unread(room)).toBe(60);
    say(room, 'goes on');
    await time.pass(1_000);
    expect(client.store.room(room)).toMatchObject({ name: 'harbour', members: 3, count: 62 });
    expect(client.unread(room)).toBe(61);
  });

  it('[SB4] reads a room again that it read before its page', async () => {
    const { time, server, ada, bob, open } = await world();
    const room = server.addRoom('a', [bob, ada]);
    const client = await open(ada);
    const read = client.rest.messages.bind(client.rest);
    client.rest.messages = async (...query) => {
      await new Promise<void>((done) => time.after(500, done));
      server.passOver(() => {
        server.append(room, bob, { kind: 'room_renamed', name: 'harbour' });
      });
      return read(...query);
    };
    await client.show(room);
    await time.pass(2_000);
    expect(client.store.timeline(room)?.head).toBe(4);
    expect(client.store.room(room)).toMatchObject(server.summary(room, ada));
  });

  it('reads history page by page, to the beginning', async () => {
    const { time, server, ada, bob, open, say } = await world();
    const room = server.addRoom('a', [ada, bob]);
    for (let i = 0; i < 180; i++) say(room, `${i}`);
    const client = await open(ada);
    await client.show(room);
    await time.pass(1_000);
    const timeline = client.store.timeline(room);
    if (!timeline) throw new Error('there is a timeline');
    const view = new TimelineWindow(timeline);
    expect(view.rows()).toHaveLength(50);
    for (let i = 0; i < 9 && !view.atStart(); i++) {
      const grown = client.grow(room, view, 'older');
      await time.pass(100);
      await grown;
    }
    expect(view.atStart()).toBe(true);
    expect(view.rows().map(({ text }) => text)).toEqual(Array.from({ length: 180 }, (_, i) => `${i}`));
  });

  it('[SG2] forgets who types when nobody renews it', async () => {
    const { time, server, ada, bob, open } = await world();
    const room = server.addRoom('a', [ada, bob]);
    const client = await open(ada);
    let told = 0;
    client.store.topics.on(`typing:${room}`, () => (told += 1));
    client.learn((store) => store.pass({ type: 'typing', room, user: bob, on: true }, time.now()));
    expect(client.store.typing.of(room)).toEqual([bob]);
    await time.pass(6_001);
    expect(client.store.typing.of(room)).toEqual([]);
    expect(told).toBe(2);
  });

  describe('over a stream that tells by events alone', () => {
    // [SE2] No `left` and no `room` come over it.
    const streamed = async () => {
      const { time, server, ada, bob, say } = await world();
      const room = server.addRoom('a', [ada, bob]);
      say(room, 'one');
      let events: TransportEvents | undefined;
      const tell = (...frames: ServerFrame[]) => {
        for (const frame of frames) events?.frame(frame);
      };
      const transport: Transport = {
        name: 'sse',
        connect: (told) => {
          events = told;
          time.after(1, () => told.opened());
          const send = (frame: ClientFrame) => {
            const head = server.room(room).log.length;
            if (frame.type === 'hello') tell(server.welcome(ada, undefined));
            if (frame.type === 'open') tell({ type: 'opened', room, from: frame.after ?? head, head });
          };
          return { send, close: () => undefined };
        },
      };
      const rest = { read: server.fetch(ada) };
      const client = await Client.open({
        rest: new Rest({ fetch: (...query) => rest.read(...query), base: '' }),
        transports: [transport],
        storage: new MemoryStorage(),
        clock: time,
        random: seeded(1),
        locks: new NoLocks(),
      });
      client.start();
      await time.pass(1_000);
      const commit = (content: Content) =>
        tell({ type: 'event', ...server.append(room, bob, content) });
      const leave = () => commit({ kind: 'member_left', user: ada });
      const join = () => commit({ kind: 'member_joined', user: ada, role: 'member' });
      return { time, room, client, rest, leave, join, say: (text: string) => say(room, text) };
    };

    it('[SB7] shows a room whole that was left and joined again', async () => {
      const { time, room, client, leave, join, say } = await streamed();
      await client.show(room);
      await time.pass(1_000);
      expect(texts(client, room)).toEqual(['one']);
      leave();
      expect(client.store.rooms()).toEqual([]);
      say('two');
      await time.pass(1_000);
      join();
      await time.pass(1_000);
      expect(client.store.rooms().map(({ id }) => id)).toEqual([room]);
      await client.show(room);
      await time.pass(30_000);
      expect(texts(client, room)).toEqual(['one', 'two']);
    });

    it('[SB8] lists no room that was left while it was being read', async () => {
      const { time, room, client, rest, leave, join } = await streamed();
      leave();
      await time.pass(1_000);
      const { read } = rest;
      rest.read = async (...query) => {
        const answer = await read(...query);
        rest.read = read;
        leave();
        return answer;
      };
      join();
      await time.pass(30_000);
      expect(client.store.room(room)).toBeUndefined();
      join();
      await time.pass(1_000);
      expect(client.store.room(room)?.role).toBe('member');
    });
  });

  it('tells a view of its own part only', async () => {
    const { time, server, ada, bob, open, say } = await world();
    const [one, two] = [server.addRoom('a', [ada, bob]), server.addRoom('b', [ada, bob])];
    const client = await open(ada);
    await client.show(one);
    await client.show(two);
    await time.pass(1_000);
    const told: string[] = [];
    for (const topic of [`timeline:${one}`, `timeline:${two}`, `typing:${one}`, 'me'] as const) {
      client.store.topics.on(topic, () => told.push(topic));
    }
    say(one, 'hello');
    await time.pass(1_000);
    expect(new Set(told)).toEqual(new Set([`timeline:${one}`]));
  });
});
