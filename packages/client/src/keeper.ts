/**
 * Writes what changed to storage, a moment after it changed, one transaction at a time.
 * It owns one rule: the cursor goes in only together with everything up to it.
 */

import type { TxnId } from '@tidings/protocol';
import type { Clock } from './clock.ts';
import type { Session } from './session.ts';
import type { Batch, Storage } from './storage.ts';
import type { Store } from './store.ts';

/** How long changes are gathered before they are written. */
const GATHER_MS = 250;

export class Keeper {
  private readonly storage: Storage;
  private readonly store: Store;
  private readonly session: Session;
  private readonly clock: Clock;
  private done: TxnId[] = [];
  private reset = false;
  private stored: string | null = null;
  private cancel: (() => void) | null = null;
  private last: Promise<void> = Promise.resolve();

  constructor(storage: Storage, store: Store, session: Session, clock: Clock) {
    this.storage = storage;
    this.store = store;
    this.session = session;
    this.clock = clock;
  }

  /** A row of the outbox has its answer; it goes with the events that came with it. */
  rowDone(txn: TxnId): void {
    this.done.push(txn);
  }

  /** What is stored is of no use any more. */
  forget(): void {
    this.reset = true;
    this.stored = null;
  }

  /** Writes soon, if there is anything to write. */
  nudge(): void {
    if (this.cancel) return;
    const moved = this.session.place().cursor !== this.stored && this.session.settled();
    if (!moved && !this.store.isDirty() && !this.done.length && !this.reset) return;
    this.cancel = this.clock.after(GATHER_MS, () => void this.flush());
  }

  /** Writes now; settled when it is on disk. */
  flush(): Promise<void> {
    this.cancel?.();
    this.cancel = null;
    const batch = this.batch();
    // A full or forbidden disk costs the next visit time, never this one its work.
    this.last = this.last.then(() => this.storage.commit(batch)).catch(() => undefined);
    return this.last;
  }

  /** Writes nothing more. */
  stop(): void {
    this.cancel?.();
    this.cancel = null;
  }

  private batch(): Batch {
    const { store } = this;
    const dirty = store.takeDirty();
    const batch: Batch = {
      reset: this.reset,
      done: this.done,
      left: [...dirty.left],
      rooms: [...dirty.rooms].flatMap((id) => store.room(id) ?? []),
      users: [...dirty.users].flatMap((id) => store.users.get(id) ?? []),
      tails: [...dirty.tails].flatMap((id) => store.timeline(id)?.tail() ?? []),
    };
    const { cursor, userSeq } = this.session.place();
    if (store.me && cursor !== null && userSeq !== null && this.session.settled()) {
      batch.place = { me: store.me, cursor, userSeq };
      this.stored = cursor;
    }
    this.reset = false;
    this.done = [];
    return batch;
  }
}
