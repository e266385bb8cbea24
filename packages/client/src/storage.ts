/**
 * What the client keeps across reloads, and how it is asked to be kept. Each `commit` is one
 * transaction: a cursor is never stored without what came before it.
 * `MemoryStorage` is for bots that start anew and for tests.
 */

import type { Cursor, RoomId, RoomSummary, Seq, TxnId, UserProfile } from '@tidings/protocol';
import type { OutboxRow } from './outbox.ts';
import { newer } from './rooms.ts';
import type { Tail } from './timeline.ts';

/** The account's own place. */
export interface Place {
  me: UserProfile;
  cursor: Cursor;
  userSeq: Seq;
}

export interface Saved {
  place: Place | null;
  rooms: RoomSummary[];
  users: UserProfile[];
  rows: OutboxRow[];
}

/** What is being written in a room: the next message, and a change of an earlier one, half done. */
export interface Draft {
  draft: string;
  change: { kind: 'edit' | 'rewrite'; id: string; was: string; text: string } | null;
}

/** What changed; parts that are left out stay as they are. */
export interface Batch {
  /** First forget rooms, users, tails and the place; the outbox and drafts stay. */
  reset?: boolean;
  place?: Place;
  /** An older summary never replaces a newer one: another tab may be ahead. */
  rooms?: RoomSummary[];
  /** Rooms to forget, with their tails. Drafts stay: one may be let in again. */
  left?: RoomId[];
  users?: UserProfile[];
  tails?: Tail[];
  rows?: OutboxRow[];
  /** Rows to forget. */
  done?: TxnId[];
}

export interface Storage {
  load(): Promise<Saved>;
  /** The rows of the outbox as they are now, those of other tabs too. */
  rows(): Promise<OutboxRow[]>;
  tail(room: RoomId): Promise<Tail | null>;
  commit(batch: Batch): Promise<void>;
  draft(room: RoomId): Promise<Draft | null>;
  /** Null forgets it. */
  putDraft(room: RoomId, draft: Draft | null): Promise<void>;
  /** Forgets everything. */
  wipe(): Promise<void>;
  /** Lets go of it; nothing may be asked afterwards. */
  close(): void;
}

export class MemoryStorage implements Storage {
  private place: Place | null = null;
  private readonly summaries = new Map<RoomId, RoomSummary>();
  private readonly users = new Map<string, UserProfile>();
  private readonly tails = new Map<RoomId, Tail>();
  private readonly outbox = new Map<TxnId, OutboxRow>();
  private readonly drafts = new Map<RoomId, Draft>();

  async load(): Promise<Saved> {
    return structured({
      place: this.place,
      rooms: [...this.summaries.values()],
      users: [...this.users.values()],
      rows: [...this.outbox.values()],
    });
  }

  async rows(): Promise<OutboxRow[]> {
    return structured([...this.outbox.values()]);
  }

  async tail(room: RoomId): Promise<Tail | null> {
    return structured(this.tails.get(room) ?? null);
  }

  async commit(given: Batch): Promise<void> {
    const batch = structured(given);
    if (batch.reset) {
      this.place = null;
      this.summaries.clear();
      this.users.clear();
      this.tails.clear();
    }
    if (batch.place) this.place = batch.place;
    for (const room of batch.left ?? []) {
      this.summaries.delete(room);
      this.tails.delete(room);
    }
    for (const room of batch.rooms ?? []) {
      const held = this.summaries.get(room.id);
      this.summaries.set(room.id, held ? newer(held, room) : room);
    }
    for (const user of batch.users ?? []) this.users.set(user.id, user);
    for (const tail of batch.tails ?? []) this.tails.set(tail.room, tail);
    for (const row of batch.rows ?? []) this.outbox.set(row.txn, row);
    for (const txn of batch.done ?? []) this.outbox.delete(txn);
  }

  async draft(room: RoomId): Promise<Draft | null> {
    return this.drafts.get(room) ?? null;
  }

  async putDraft(room: RoomId, draft: Draft | null): Promise<void> {
    if (draft) this.drafts.set(room, draft);
    else this.drafts.delete(room);
  }

  async wipe(): Promise<void> {
    await this.commit({ reset: true });
    this.outbox.clear();
    this.drafts.clear();
  }

  close(): void {
    // Nothing is open.
  }
}

/**
 * What was stored, without what is no such thing: a row that a disk, another version or a stranger
 * spoilt costs itself. Without one of its rooms the place is of no use: all rooms are asked for anew.
 */
export function sound(saved: Saved): Saved {
  const rooms = saved.rooms.filter(
    (room) => isId(room?.id) && [room.head, room.count, room.marker?.seq].every(isNumber),
  );
  const users = saved.users.filter((user) => isId(user?.id) && isText(user.display_name));
  const rows = saved.rows.filter(
    (row) => isId(row?.room) && [row.txn, row.command?.type, row.owner].every(isText),
  );
  const { place } = saved;
  const whole = place && isId(place.me?.id) && isText(place.cursor) && rooms.length === saved.rooms.length;
  return { place: whole ? place : null, rooms, users, rows };
}

/** A stored tail, or null for what is none. */
export function soundTail(tail: Tail | null): Tail | null {
  if (!tail || !isNumber(tail.head) || !isNumber(tail.from) || !Array.isArray(tail.messages)) return null;
  return tail.messages.every((message) => isNumber(message?.seq) && isId(message.id)) ? tail : null;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function isId(value: unknown): boolean {
  return isText(value) && /^[a-z]+_./.test(value as string);
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' && value >= 0;
}

/** A copy, as a disk would give it back. */
function structured<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
