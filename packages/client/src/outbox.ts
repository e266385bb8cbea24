/**
 * The outbox: what the user did and the server has not answered yet. It survives reloads, keeps
 * the order of each room, and sends the same `txn` until there is an answer. `[CM2]` `[CM7]`
 * It owns rows and their fate; it never touches a disk (the driver stores rows before they are
 * shown) and never mixes with confirmed state.
 */

import type { Command, Refusal, RoomId, Seq, TxnId, UserId } from '@tidings/protocol';
import { backoffMax, passes } from './backoff.ts';

/** The commands that wait in the outbox. */
export type OutboxCommand = Extract<
  Command,
  { type: 'send' | 'edit' | 'delete' | 'react' | 'unreact' }
>;

/** A room that one is not in any more: its name, and who took one out of it, as far as that was told. */
export interface Gone {
  name: string | null;
  by: UserId | null;
}

export interface OutboxRow {
  txn: TxnId;
  room: RoomId;
  command: OutboxCommand;
  /** Waits for its turn, waits for its answer, or was refused and waits for the user. */
  state: 'queued' | 'sent' | 'failed';
  /** How often it was sent. */
  attempts: number;
  /** Milliseconds since 1970. */
  created: number;
  /** Which tab sends it. */
  owner: string;
  /** Why it failed. */
  refusal?: Refusal;
  /** The room that it was for is out of reach. */
  gone?: Gone;
}

/** How long an answer may take before the command is sent again. */
const ANSWER_MS = 20_000;

/** Why a row failed whose frame ended the session. Its code is the name of the close code. `[CL1]` */
const FAULT: Refusal = {
  code: 'bad_frame',
  message: 'The server could not read it, and ended the connection.',
};

const GONE: Refusal = { code: 'not_found', message: 'You are not in this room any more.' };

/** What is kept in memory of a row's sending. */
interface Attempt {
  /** Not before. */
  notBefore: number;
  /** Since when its answer is awaited. */
  sentAt: number | null;
}

export class Outbox {
  private readonly rows = new Map<TxnId, OutboxRow>();
  private readonly attempts = new Map<TxnId, Attempt>();
  /** One of these ended a session; each is sent alone until it is known which. `[CM10]` */
  private readonly suspects = new Set<TxnId>();
  /** Answered, with where their events will stand: shown until those come in their place. `[CM9]` */
  private readonly landing = new Map<TxnId, { row: OutboxRow; seq: Seq }>();

  /** All rows, in the order in which they were made. */
  all(): OutboxRow[] {
    return [...this.rows.values()];
  }

  get(txn: TxnId): OutboxRow | undefined {
    return this.rows.get(txn);
  }

  /** What is to be seen in a room on top of its timeline. */
  of(room: RoomId): OutboxRow[] {
    const landing = [...this.landing.values()].map(({ row }) => row);
    return [...landing, ...this.rows.values()].filter((row) => row.room === room);
  }

  /** Takes rows: one just made, or those found on disk. A `txn` known already is skipped. */
  add(...rows: OutboxRow[]): void {
    let sort = false;
    for (const row of rows) {
      if (this.rows.has(row.txn)) continue;
      this.rows.set(row.txn, row.state === 'sent' ? { ...row, state: 'queued' } : row);
      sort = true;
    }
    if (!sort) return;
    // A txn is a UUIDv7: its text grows with time.
    const sorted = [...this.rows.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
    this.rows.clear();
    for (const [txn, row] of sorted) this.rows.set(txn, row);
  }

  /**
   * The commands to send now: of each room the first that waits, when nothing of it is under way,
   * and no more than `most` of all rooms. `[CM8]`
   */
  due(now: number, most = Infinity): OutboxCommand[] {
    const due: OutboxCommand[] = [];
    const underWay = this.underWay();
    let left = (this.suspects.size ? Math.min(1, most) : most) - underWay;
    for (const row of this.first()) {
      const attempt = this.attempts.get(row.txn);
      const late = attempt?.sentAt != null && now >= attempt.sentAt + ANSWER_MS;
      if (row.state === 'sent' && !late) continue;
      if (attempt && now < attempt.notBefore) continue;
      // What is sent again was counted before.
      if (!late && left-- <= 0) continue;
      this.rows.set(row.txn, { ...row, state: 'sent', attempts: row.attempts + 1 });
      this.attempts.set(row.txn, { notBefore: 0, sentAt: now });
      due.push(row.command);
    }
    return due;
  }

  /** When `due` may have more, if only time is missing. */
  wakeAt(most = Infinity): number | null {
    let first: number | null = null;
    const full = this.underWay() >= (this.suspects.size ? Math.min(1, most) : most);
    for (const row of this.first()) {
      // An answer makes room for it, not time.
      if (full && row.state === 'queued') continue;
      const attempt = this.attempts.get(row.txn);
      const at = row.state === 'sent' ? (attempt?.sentAt ?? 0) + ANSWER_MS : (attempt?.notBefore ?? 0);
      first = first === null ? at : Math.min(first, at);
    }
    return first;
  }

  /**
   * Of each room the first that waits or is under way; while there are suspects, of their rooms
   * alone: what stands before one in its room goes alone, too.
   */
  private *first(): Generator<OutboxRow> {
    const suspected = new Set<RoomId>();
    for (const txn of this.suspects) {
      const row = this.rows.get(txn);
      if (row) suspected.add(row.room);
    }
    const seen = new Set<RoomId>();
    for (const row of this.rows.values()) {
      if (row.state === 'failed' || seen.has(row.room)) continue;
      seen.add(row.room);
      if (!suspected.size || suspected.has(row.room)) yield row;
    }
  }

  /** Since when an answer is awaited; null when none is. */
  awaits(): number | null {
    let first: number | null = null;
    for (const { txn, state } of this.rows.values()) {
      const at = state === 'sent' ? this.attempts.get(txn)?.sentAt : null;
      if (at != null) first = Math.min(first ?? at, at);
    }
    return first;
  }

  private underWay(): number {
    let count = 0;
    for (const { state } of this.rows.values()) if (state === 'sent') count += 1;
    return count;
  }

  /** It happened, or there was nothing to change. Gives the row that is done. */
  done(txn: TxnId): OutboxRow | undefined {
    const row = this.rows.get(txn);
    this.rows.delete(txn);
    this.attempts.delete(txn);
    this.suspects.delete(txn);
    return row;
  }

  /** It happened, but its event is still to come in its place. Gives the row that is done. */
  lands(txn: TxnId, seq: Seq): OutboxRow | undefined {
    const row = this.done(txn);
    if (row) this.landing.set(txn, { row: { ...row, state: 'sent' }, seq });
    return row;
  }

  /** A room's timeline reaches here, or nobody looks at it any more; true when that changes `of`. */
  landed(room: RoomId, head: Seq = Infinity): boolean {
    const before = this.landing.size;
    for (const [txn, { row, seq }] of this.landing) {
      if (row.room === room && seq <= head) this.landing.delete(txn);
    }
    return this.landing.size < before;
  }

  /** It was refused: tried again when the refusal will pass, else shown to the user. */
  refused(txn: TxnId, refusal: Refusal, now: number, unit: number): OutboxRow | undefined {
    const row = this.rows.get(txn);
    if (!row || row.state === 'failed') return row;
    if (passes(refusal)) {
      const most = backoffMax(1006, row.attempts) ?? 0;
      const wait = refusal.retry_after_ms ?? Math.floor(most * (0.5 + unit / 2));
      this.attempts.set(txn, { notBefore: now + wait, sentAt: null });
      this.rows.set(txn, { ...row, state: 'queued' });
    } else {
      this.fail(row, refusal);
    }
    return this.rows.get(txn);
  }

  /**
   * The session ended by a fault of a frame. The one that was under way is not sent again; of
   * several, each is tried alone. Gives the rows that failed; null when none was under way, and so
   * none is to blame. `[CM10]`
   */
  faulted(): OutboxRow[] | null {
    const sent = [...this.rows.values()].filter(({ state }) => state === 'sent');
    const [first, second] = sent;
    if (!first) return null;
    if (!second) return [this.fail(first, FAULT)];
    for (const { txn } of sent) this.suspects.add(txn);
    return [];
  }

  /** The connection is gone: what was sent may or may not have happened, so it is sent again. */
  disconnected(): void {
    for (const row of this.rows.values()) {
      if (row.state !== 'sent') continue;
      this.rows.set(row.txn, { ...row, state: 'queued' });
      this.attempts.delete(row.txn);
    }
  }

  /** The user wants a failed one tried again; the same txn may succeed now. `[CM4]` */
  retry(txn: TxnId): OutboxRow | undefined {
    const row = this.rows.get(txn);
    if (row?.state !== 'failed') return undefined;
    const { refusal: _refusal, gone: _gone, ...rest } = row;
    const queued: OutboxRow = { ...rest, state: 'queued' };
    if (row.refusal?.code === FAULT.code) this.suspects.add(txn);
    this.rows.set(txn, queued);
    return queued;
  }

  /**
   * The room of a row is out of reach. What was written stays, failed, so that its author can have it
   * back; what would only have changed something goes. Gives the row, or undefined when it went.
   */
  strand(txn: TxnId, gone: Gone): OutboxRow | undefined {
    const row = this.rows.get(txn);
    if (!row || !('content' in row.command)) {
      this.done(txn);
      return undefined;
    }
    return this.fail({ ...row, gone }, row.refusal ?? GONE);
  }

  private fail(row: OutboxRow, refusal: Refusal): OutboxRow {
    const failed: OutboxRow = { ...row, state: 'failed', refusal };
    this.attempts.delete(row.txn);
    this.suspects.delete(row.txn);
    this.rows.set(row.txn, failed);
    return failed;
  }

  /** The user gives one up. One under way stays: nobody could say whether it happened. */
  discard(txn: TxnId): OutboxRow | undefined {
    return this.rows.get(txn)?.state === 'sent' ? undefined : this.done(txn);
  }
}
