/**
 * Read markers on their way to the server. Only the furthest of each room counts, so nothing is
 * queued: one command a room is under way, and a later wish waits behind it.
 */

import type { ClientFrame, RoomId, Seq, TxnId } from '@tidings/protocol';

/** How long an answer may take before the marker is sent again. */
const ANSWER_MS = 20_000;
/** How long to wait after a refusal. */
const AGAIN_MS = 5_000;

interface Wish {
  seq: Seq;
  /** The count of the room's messages there, for the number that is shown meanwhile. */
  count: number;
  txn: TxnId;
  notBefore: number;
}

export class Marks {
  private readonly wishes = new Map<RoomId, Wish>();

  /** The user has read up to here. */
  want(room: RoomId, seq: Seq, count: number, txn: TxnId): boolean {
    const wish = this.wishes.get(room);
    if (wish && wish.seq >= seq) return false;
    this.wishes.set(room, { seq, count, txn, notBefore: 0 });
    return true;
  }

  /** What is wished but not confirmed. */
  pending(room: RoomId): { seq: Seq; count: number } | null {
    return this.wishes.get(room) ?? null;
  }

  /** What to send now, with no more than `most` under way. `[CM8]` */
  due(now: number, most = Infinity): ClientFrame[] {
    const frames: ClientFrame[] = [];
    let left = most - this.tried();
    for (const [room, wish] of this.wishes) {
      if (now < wish.notBefore) continue;
      // What is sent again was counted before.
      if (wish.notBefore === 0 && left-- <= 0) continue;
      wish.notBefore = now + ANSWER_MS;
      frames.push({ type: 'mark', txn: wish.txn, room, seq: wish.seq });
    }
    return frames;
  }

  wakeAt(most = Infinity): number | null {
    let first: number | null = null;
    const full = this.tried() >= most;
    for (const { notBefore } of this.wishes.values()) {
      // An answer makes room for it, not time.
      if (full && notBefore === 0) continue;
      first = first === null ? notBefore : Math.min(first, notBefore);
    }
    return first;
  }

  /** How many were sent since there is a connection. */
  private tried(): number {
    let count = 0;
    for (const { notBefore } of this.wishes.values()) if (notBefore > 0) count += 1;
    return count;
  }

  /** The command was answered; true when it was one of these. */
  done(txn: TxnId): RoomId | null {
    for (const [room, wish] of this.wishes) {
      if (wish.txn !== txn) continue;
      this.wishes.delete(room);
      return room;
    }
    return null;
  }

  /** It was refused: later again if that can help, else forgotten. */
  refused(txn: TxnId, passing: boolean, now: number): void {
    for (const [room, wish] of this.wishes) {
      if (wish.txn !== txn) continue;
      if (passing) wish.notBefore = now + AGAIN_MS;
      else this.wishes.delete(room);
    }
  }

  /** The session ended by a fault of a frame: the next reading says it anew. True when one was under way. */
  faulted(): boolean {
    const before = this.wishes.size;
    for (const [room, { notBefore }] of this.wishes) if (notBefore > 0) this.wishes.delete(room);
    return this.wishes.size < before;
  }

  disconnected(): void {
    for (const wish of this.wishes.values()) wish.notBefore = 0;
  }

  forget(room: RoomId): void {
    this.wishes.delete(room);
  }
}
