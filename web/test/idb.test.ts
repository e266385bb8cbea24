import 'fake-indexeddb/auto';
import type { OutboxRow, RoomId, RoomSummary, Tail, UserProfile } from '@tidings/client';
import { expect, it } from 'vitest';
import { databaseOf, IdbStorage } from '../src/state/idb.ts';

const ROOM: RoomId = 'room_a';
const AT = '2026-11-20T21:00:00.000Z';

const me: UserProfile = {
  id: 'user_ada',
  username: 'ada',
  display_name: 'Ada',
  kind: 'person',
  role: 'member',
  created_at: AT,
};

const summary: RoomSummary = {
  id: ROOM,
  kind: 'group',
  visibility: 'private',
  name: 'a',
  created_at: AT,
  head: 5,
  count: 4,
  members: 2,
  role: 'member',
  marker: { seq: 2, count: 1 },
  last: null,
};

const row: OutboxRow = {
  txn: '1',
  room: ROOM,
  command: { type: 'send', txn: '1', room: ROOM, content: { kind: 'text', text: 'hi' } },
  state: 'queued',
  attempts: 0,
  created: 0,
  owner: 'tab',
};

const tail: Tail = { room: ROOM, head: 5, count: 4, from: 1, messages: [] };
const place = { me, cursor: 'c1', userSeq: 3 };

let accounts = 0;
const open = (account = `user_${++accounts}`) => IdbStorage.open(account);

it('gives back what was kept, after the page was closed', async () => {
  const first = await open('user_kept');
  await first.commit({ place, rooms: [summary], users: [me], rows: [row], tails: [tail] });
  const draft = { draft: 'half a sen', change: { kind: 'edit', id: 'evt_1', was: 'a', text: 'b' } } as const;
  await first.putDraft(ROOM, draft);
  first.close();
  const second = await open('user_kept');
  expect(await second.load()).toEqual({ place, rooms: [summary], users: [me], rows: [row] });
  expect(await second.tail(ROOM)).toEqual(tail);
  expect(await second.draft(ROOM)).toEqual(draft);
  await second.putDraft(ROOM, null);
  expect(await second.draft(ROOM)).toBeNull();
});

it('removes a row of the outbox in the transaction that stores its event', async () => {
  const storage = await open();
  await storage.commit({ rows: [row] });
  await storage.commit({ place, tails: [tail], done: ['1'] });
  expect((await storage.load()).rows).toEqual([]);
});

it('never replaces a newer summary by an older one of another tab', async () => {
  const storage = await open();
  await storage.commit({ rooms: [summary] });
  const older = { ...summary, head: 3, count: 2, marker: { seq: 3, count: 2 } };
  await storage.commit({ rooms: [older] });
  const [held] = (await storage.load()).rooms;
  expect(held).toEqual({ ...summary, marker: older.marker });
});

it('stores all of a batch or nothing', async () => {
  const storage = await open();
  const broken = { ...row, command: () => undefined } as unknown as OutboxRow;
  await expect(storage.commit({ place, rows: [broken] })).rejects.toThrow();
  expect((await storage.load()).place).toBeNull();
});

it('forgets on reset, but not what the user wrote', async () => {
  const storage = await open();
  await storage.commit({ place, rooms: [summary], users: [me], rows: [row], tails: [tail] });
  const draft = { draft: 'draft', change: null };
  await storage.putDraft(ROOM, draft);
  await storage.commit({ reset: true });
  expect(await storage.load()).toEqual({ place: null, rooms: [], users: [], rows: [row] });
  expect(await storage.tail(ROOM)).toBeNull();
  expect(await storage.draft(ROOM)).toEqual(draft);
});

it('forgets a room that was left, but not what one was writing there', async () => {
  const storage = await open();
  await storage.putDraft(ROOM, { draft: 'draft', change: null });
  await storage.commit({ rooms: [summary], tails: [tail] });
  await storage.commit({ left: [ROOM] });
  expect((await storage.load()).rooms).toEqual([]);
  expect(await storage.tail(ROOM)).toBeNull();
  expect((await storage.draft(ROOM))?.draft).toBe('draft');
});

it('leaves nothing behind when the account is wiped, even with another tab open', async () => {
  const first = await open('user_wiped');
  const second = await open('user_wiped');
  await first.commit({ place });
  await second.wipe();
  const names = (await indexedDB.databases()).map(({ name }) => name);
  expect(names).not.toContain(databaseOf('user_wiped'));
});

it('loses only what cannot be read', async () => {
  const storage = await open();
  const other = { ...summary, id: 'room_b' as RoomId };
  await storage.commit({ place, rooms: [summary, other], users: [me], rows: [row] });
  const { get, getAll } = IDBObjectStore.prototype;
  const spoilt = () => {
    throw new DOMException('Failed to read large IndexedDB value', 'DataError');
  };
  IDBObjectStore.prototype.getAll = spoilt;
  IDBObjectStore.prototype.get = function (key) {
    return key === ROOM ? spoilt() : get.call(this, key);
  };
  try {
    expect(await storage.load()).toEqual({ place: null, rooms: [other], users: [me], rows: [row] });
    expect(await storage.rows()).toEqual([row]);
  } finally {
    Object.assign(IDBObjectStore.prototype, { get, getAll });
  }
});
