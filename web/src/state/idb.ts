/**
 * The client's storage in IndexedDB: one database for each account, one transaction for each
 * commit. It knows nothing of what it keeps, except that an older summary never replaces a newer.
 */

import {
  newer,
  type Batch,
  type Draft,
  type OutboxRow,
  type Place,
  type RoomId,
  type RoomSummary,
  type Saved,
  type Storage,
  type Tail,
  type UserProfile,
} from '@tidings/client';

const VERSION = 1;
const STORES = ['meta', 'rooms', 'users', 'tails', 'outbox', 'drafts'] as const;
type StoreName = (typeof STORES)[number];

/** The name of an account's database. */
export function databaseOf(account: string): string {
  return `tidings-${account}`;
}

export class IdbStorage implements Storage {
  private readonly db: IDBDatabase;

  private constructor(db: IDBDatabase) {
    this.db = db;
    // Another tab wipes the account: let go, or it waits for ever.
    db.onversionchange = () => db.close();
  }

  static async open(account: string): Promise<IdbStorage> {
    const request = indexedDB.open(databaseOf(account), VERSION);
    request.onupgradeneeded = () => {
      const db = request.result;
      db.createObjectStore('meta');
      db.createObjectStore('rooms', { keyPath: 'id' });
      db.createObjectStore('users', { keyPath: 'id' });
      db.createObjectStore('tails', { keyPath: 'room' });
      db.createObjectStore('outbox', { keyPath: 'txn' });
      db.createObjectStore('drafts');
    };
    return new IdbStorage(await settled(request));
  }

  async load(): Promise<Saved> {
    try {
      const read = this.db.transaction(['meta', 'rooms', 'users', 'outbox'], 'readonly');
      const [place, rooms, users, rows] = await Promise.all([
        settled<Place | undefined>(read.objectStore('meta').get('place')),
        settled<RoomSummary[]>(read.objectStore('rooms').getAll()),
        settled<UserProfile[]>(read.objectStore('users').getAll()),
        settled<OutboxRow[]>(read.objectStore('outbox').getAll()),
      ]);
      return { place: place ?? null, rooms, users, rows };
    } catch {
      // One of all cannot be read. The rest is kept; without the place all rooms are asked for anew.
      const [rooms, users, rows] = await Promise.all([
        this.readable<RoomSummary>('rooms'),
        this.readable<UserProfile>('users'),
        this.readable<OutboxRow>('outbox'),
      ]);
      return { place: null, rooms, users, rows };
    }
  }

  async rows(): Promise<OutboxRow[]> {
    try {
      return await settled<OutboxRow[]>(this.read('outbox').getAll());
    } catch {
      return this.readable<OutboxRow>('outbox');
    }
  }

  async tail(room: RoomId): Promise<Tail | null> {
    return (await settled<Tail | undefined>(this.read('tails').get(room))) ?? null;
  }

  async commit(batch: Batch): Promise<void> {
    const write = this.db.transaction(STORES, 'readwrite');
    const done = committed(write);
    try {
      request(write, batch);
    } catch (error) {
      // What was asked for before would be committed without the rest.
      write.abort();
      await done.catch(() => undefined);
      throw error;
    }
    await done;
  }

  async draft(room: RoomId): Promise<Draft | null> {
    return (await settled<Draft | undefined>(this.read('drafts').get(room))) ?? null;
  }

  async putDraft(room: RoomId, draft: Draft | null): Promise<void> {
    const write = this.db.transaction('drafts', 'readwrite');
    if (draft) write.objectStore('drafts').put(draft, room);
    else write.objectStore('drafts').delete(room);
    await committed(write);
  }

  async wipe(): Promise<void> {
    this.db.close();
    await settled(indexedDB.deleteDatabase(this.db.name));
  }

  close(): void {
    this.db.close();
  }

  /** One by one, each in a transaction of its own: what cannot be read costs itself. */
  private async readable<T>(name: StoreName): Promise<T[]> {
    const keys = await settled(this.read(name).getAllKeys());
    const read = await Promise.allSettled(keys.map(async (key) => settled<T>(this.read(name).get(key))));
    return read.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  }

  private read(name: StoreName): IDBObjectStore {
    return this.db.transaction(name, 'readonly').objectStore(name);
  }
}

/** Asks for everything of a batch. */
function request(write: IDBTransaction, batch: Batch): void {
  const at = (name: StoreName) => write.objectStore(name);
  if (batch.reset) for (const name of ['meta', 'rooms', 'users', 'tails'] as const) at(name).clear();
  if (batch.place) at('meta').put(batch.place, 'place');
  for (const room of batch.left ?? []) {
    at('rooms').delete(room);
    at('tails').delete(room);
  }
  for (const room of batch.rooms ?? []) {
    const held = at('rooms').get(room.id) as IDBRequest<RoomSummary | undefined>;
    held.onsuccess = () => at('rooms').put(held.result ? newer(held.result, room) : room);
  }
  for (const user of batch.users ?? []) at('users').put(user);
  for (const tail of batch.tails ?? []) at('tails').put(tail);
  for (const row of batch.rows ?? []) at('outbox').put(row);
  for (const txn of batch.done ?? []) at('outbox').delete(txn);
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
}

function committed(write: IDBTransaction): Promise<void> {
  return new Promise((done, failed) => {
    write.oncomplete = () => done();
    write.onabort = () => failed(write.error);
  });
}
