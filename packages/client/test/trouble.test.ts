import type { Event, RoomId, ServerFrame } from '@tidings/protocol';
import { describe, expect, it } from 'vitest';
import { Client, MemoryStorage, NoLocks, Rest, Topics, type Storage } from '../src/index.ts';
import { FakeServer } from './fake-server.ts';
import { seeded, VirtualClock } from './virtual-clock.ts';

async function world(storage: Storage = new MemoryStorage()) {
  const time = new VirtualClock();
  const server = new FakeServer(time);
  const [ada, bob] = [server.addUser('ada'), server.addUser('bob')];
  const room = server.addRoom('a', [ada, bob]);
  const troubles: unknown[] = [];
  /** What the server says beside what it should. */
  let tell: (frame: unknown) => void = () => undefined;
  const transport = server.transport(ada);
  const client = await Client.open({
    rest: new Rest({ fetch: server.fetch(ada), base: '' }),
    transports: [
      {
        name: 'ws',
        connect: (events) => {
          tell = (frame) => events.frame(frame as ServerFrame);
          return transport.connect(events);
        },
      },
    ],
    storage,
    clock: time,
    random: seeded(1),
    locks: new NoLocks(),
    trouble: (error) => troubles.push(error),
  });
  client.start();
  await time.pass(1_000);
  const say = (text: string) => server.append(room, bob, { kind: 'message', text });
  const shown = () => client.store.timeline(room)?.messages().map(({ text }) => text);
  return { time, server, client, ada, bob, room, say, shown, troubles, tell: (frame: unknown) => tell(frame) };
}

describe('trouble of one frame or one view', () => {
  it('an event that cannot be read costs itself, and the room goes on', async () => {
    const { time, server, client, room, say, shown, troubles, bob } = await world();
    await client.show(room);
    await time.pass(1_000);
    say('one');
    // A server that does not keep its word: a message without a text.
    server.append(room, bob, { kind: 'message', text: undefined as unknown as string });
    await time.pass(1_000);
    say('two');
    await time.pass(1_000);
    expect(troubles.length).toBeGreaterThan(0);
    expect(shown()).toEqual(['one', undefined, 'two']);
    const txn = await client.send(room, 'three');
    await time.pass(1_000);
    expect(client.outbox.get(txn)).toBeUndefined();
    expect(shown()?.at(-1)).toBe('three');
  });

  it('a frame that is no frame costs itself', async () => {
    const { time, client, room, shown, say, troubles, tell } = await world();
    await client.show(room);
    await time.pass(1_000);
    tell({ type: 'rooms' });
    tell({ type: 'event', log: 7 });
    tell({ type: 'presence', users: null });
    expect(troubles).toHaveLength(3);
    say('on');
    await time.pass(1_000);
    expect(shown()).toEqual(['on']);
  });

  it('a view that fails costs nobody else the news', async () => {
    const { time, client, room, say, troubles } = await world();
    await client.show(room);
    await time.pass(1_000);
    let told = 0;
    client.store.topics.on(`timeline:${room}`, () => {
      throw new Error('a view broke');
    });
    client.store.topics.on(`timeline:${room}`, () => (told += 1));
    client.store.topics.on(`room:${room}`, () => (told += 10));
    say('one');
    await time.pass(1_000);
    expect(told).toBe(11);
    expect(troubles.map(String)).toEqual(['Error: a view broke']);
    const topics = new Topics();
    topics.on('me', () => {
      throw new Error('nobody takes it');
    });
    topics.touch('me');
    expect(() => topics.tell()).toThrow('nobody takes it');
  });
});

describe('a disk that cannot be read', () => {
  it('costs the start its speed, and what waits in it is sent later', async () => {
    const disk = new MemoryStorage();
    const gone: RoomId = 'room_gone';
    const summary = { id: gone, head: 1 } as never;
    const { room } = await world(disk);
    await disk.commit({
      rooms: [summary],
      rows: [
        {
          txn: '018bcfe5-6800-7000-8000-000000000000',
          room,
          command: {
            type: 'send',
            txn: '018bcfe5-6800-7000-8000-000000000000',
            room,
            content: { kind: 'text', text: 'kept' },
          },
          state: 'queued',
          attempts: 0,
          created: 0,
          owner: 'another tab',
        },
      ],
    });
    disk.load = () => Promise.reject(new Error('the disk is broken'));
    const { time, client, server } = await world(disk);
    await time.pass(5_000);
    expect(client.store.connection.phase).toBe('live');
    expect(server.room(room).log.map((event: Event) => event.content)).toContainEqual({
      kind: 'message',
      text: 'kept',
    });
    const saved = await MemoryStorage.prototype.load.call(disk);
    expect(saved.rooms.map(({ id }) => id), 'what could not be read is not trusted').toEqual([room]);
  });
});

describe('trouble of what was stored', () => {
  it('a spoilt row costs itself: the rest is there, and what is missing is asked for anew', async () => {
    const disk = new MemoryStorage();
    const first = await world(disk);
    await first.client.show(first.room);
    first.say('hello');
    await first.time.pass(60_000);
    await first.client.stop();
    const load = disk.load.bind(disk);
    disk.load = async () => {
      const saved = await load();
      const bad = [null, {}, { id: 'room_x' }, { id: 'room_y', head: 1, count: 1 }] as never[];
      return {
        ...saved,
        rooms: [...saved.rooms, ...bad],
        users: [...saved.users, ...bad],
        rows: [...saved.rows, ...bad],
      };
    };
    disk.tail = async () => ({ room: first.room, head: 4, from: 1, messages: [null] }) as never;
    const second = await world(disk);
    expect(second.client.store.rooms().map(({ id }) => id)).toEqual([first.room]);
    await second.client.show(second.room);
    await second.time.pass(1_000);
    second.say('again');
    await second.time.pass(1_000);
    expect(second.shown()).toEqual(['again']);
    expect(second.client.outbox.all()).toEqual([]);
    expect(second.troubles).toEqual([]);
  });
});
