import type { RoomId } from '@tidings/protocol';
import { describe, expect, it } from 'vitest';
import { Client, MemoryStorage, NoLocks, Rest, type Batch } from '../src/index.ts';
import { FakeServer } from './fake-server.ts';
import { seeded, VirtualClock } from './virtual-clock.ts';

/** A disk that refuses to write when a test says so, as a full one does. */
class Disk extends MemoryStorage {
  readonly written: Batch[] = [];
  asked = 0;
  full: (batch: Batch) => boolean = () => false;
  /** Writes wait for this. */
  slow: Promise<void> | null = null;

  override async commit(batch: Batch): Promise<void> {
    this.asked += 1;
    const full = this.full(batch);
    if (this.slow) await this.slow;
    if (full) throw new Error('the disk is full');
    this.written.push(batch);
    await super.commit(batch);
  }
}

async function world() {
  const time = new VirtualClock();
  const server = new FakeServer(time);
  const ada = server.addUser('ada');
  const bob = server.addUser('bob');
  const disk = new Disk();
  let seed = 1;
  const open = async () => {
    const client = await Client.open({
      rest: new Rest({ fetch: server.fetch(ada), base: '' }),
      transports: [server.transport(ada)],
      storage: disk,
      clock: time,
      random: seeded(seed++),
      locks: new NoLocks(),
    });
    client.start();
    await time.pass(1_000);
    return client;
  };
  const say = (room: RoomId, text: string) => server.append(room, bob, { kind: 'message', text });
  return { time, server, ada, bob, disk, open, say };
}

/** The process ends without a last write. */
function die(server: FakeServer): void {
  for (const session of [...server.sessions]) session.close();
}

describe('a disk that fails for a while', () => {
  it('[P4] never holds a cursor that is past what it lost', async () => {
    const { time, server, ada, bob, disk, open, say } = await world();
    const [one, two] = [server.addRoom('a', [ada, bob]), server.addRoom('b', [ada, bob])];
    await open();
    let left = 1;
    disk.full = () => left-- > 0;
    say(one, 'lost with the first write');
    await time.pass(300);
    expect(left, 'the first write failed').toBeLessThanOrEqual(0);
    say(two, 'in the second');
    await time.pass(60_000);
    die(server);
    const { place, rooms } = await disk.load();
    expect(place?.cursor).toBe(server.cursor());
    expect(rooms.map(({ id, count }) => [id, count]).sort()).toEqual([
      [one, 1],
      [two, 1],
    ]);
    const again = await open();
    expect([again.unread(one), again.unread(two)]).toEqual([1, 1]);
  });

  it('[P4] a write that was asked for meanwhile does not overtake one that fails', async () => {
    const { time, server, ada, bob, disk, open, say } = await world();
    const [one, two] = [server.addRoom('a', [ada, bob]), server.addRoom('b', [ada, bob])];
    const client = await open();
    let go: () => void = () => undefined;
    disk.slow = new Promise((done) => (go = done));
    disk.full = () => true;
    say(one, 'lost with the first write');
    await time.pass(10);
    const first = client.flush();
    await time.pass(10);
    disk.full = () => false;
    say(two, 'in the second');
    await time.pass(10);
    const second = client.flush();
    disk.slow = null;
    go();
    await Promise.all([first, second]);
    const { place, rooms } = await disk.load();
    expect(rooms.map(({ count }) => count)).toEqual([1, 1]);
    expect(place?.cursor).toBe(server.cursor());
  });

  it('[CU3] forgets what a reset made useless, if only at the second try', async () => {
    const { time, server, ada, bob, disk, open } = await world();
    const gone = server.addRoom('gone', [ada, bob]);
    const kept = server.addRoom('kept', [ada, bob]);
    await open();
    let left = 1;
    disk.full = (batch) => batch.reset === true && left-- > 0;
    server.rooms.delete(gone);
    server.epoch += 1;
    server.cut(1006);
    await time.pass(120_000);
    expect(left, 'the first write of the reset failed').toBeLessThanOrEqual(0);
    expect((await disk.load()).rooms.map(({ id }) => id)).toEqual([kept]);
  });

  it('forgets a room that was left, if only at the second try', async () => {
    const { time, server, ada, bob, disk, open } = await world();
    const room = server.addRoom('a', [ada, bob]);
    const client = await open();
    let left = 1;
    disk.full = (batch) => (batch.left?.length ?? 0) > 0 && left-- > 0;
    client.learn((store) => store.leave(room));
    await time.pass(60_000);
    expect(left).toBeLessThanOrEqual(0);
    expect((await disk.load()).rooms).toEqual([]);
  });

  it('keeps what was written in a room that one came back to while the write failed', async () => {
    const { time, server, ada, bob, disk, open } = await world();
    const room = server.addRoom('a', [ada, bob]);
    const client = await open();
    const summary = client.store.room(room);
    if (!summary) throw new Error('there is a room');
    let go: () => void = () => undefined;
    disk.slow = new Promise((done) => (go = done));
    disk.full = () => true;
    client.learn((store) => store.leave(room));
    const flushed = client.flush();
    await time.pass(10);
    disk.full = () => false;
    disk.slow = null;
    client.learn((store) => store.putRoom(summary));
    await client.putDraft(room, { draft: 'half a sen', change: null });
    go();
    await flushed;
    await time.pass(60_000);
    expect((await disk.load()).rooms.map(({ id }) => id)).toEqual([room]);
    expect((await client.draft(room))?.draft).toBe('half a sen');
  });

  it('forgets a row that has its answer, if only at the second try', async () => {
    const { time, server, ada, bob, disk, open } = await world();
    const room = server.addRoom('a', [ada, bob]);
    const client = await open();
    let left = 1;
    disk.full = (batch) => (batch.done?.length ?? 0) > 0 && left-- > 0;
    await client.send(room, 'hello');
    await time.pass(60_000);
    expect(left).toBeLessThanOrEqual(0);
    expect((await disk.load()).rows).toEqual([]);
  });

  it('is asked less and less often while it stays full, and at once when the page goes', async () => {
    const { time, server, ada, bob, disk, open, say } = await world();
    const room = server.addRoom('a', [ada, bob]);
    const client = await open();
    disk.full = () => true;
    disk.asked = 0;
    for (let i = 0; i < 600; i++) {
      say(room, `${i}`);
      await time.pass(1_000);
    }
    expect(disk.asked).toBeGreaterThan(5);
    expect(disk.asked).toBeLessThan(30);
    disk.full = () => false;
    await client.flush();
    expect((await disk.load()).rooms.map(({ count }) => count)).toEqual([600]);
  });
});
