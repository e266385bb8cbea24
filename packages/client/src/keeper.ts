/**
 * Writes what changed to storage, a moment after it changed, one transaction at a time.
 * It owns one rule: the cursor goes in only together with everything up to it. So what a failed
 * write could not keep is part of the next one, and no write begins before the last has ended.
 */

import type { TxnId } from '@tidings/protocol';
import type { Clock } from './clock.ts';
import type { Session } from './session.ts';
import type { Batch, Storage } from './storage.ts';
import type { Dirty, Store } from './store.ts';

/** How long changes are gathered before they are written. */
const GATHER_MS = 250;
/** How long after a write failed the next is tried: doubling from the first to the most. */
const AGAIN_FIRST_MS = 1_000;
const AGAIN_MS_MAX = 60_000;

/** What goes into one write, and what has to be asked for again when it fails. */
interface Write {
  batch: Batch;
  dirty: Dirty;
  done: TxnId[];
  reset: boolean;
}

export class Keeper {
  private readonly storage: Storage;
  private readonly store: Store;
  private readonly session: Session;
  private readonly clock: Clock;
  private done: TxnId[] = [];
  private reset = false;
  private stored: string | null = null;
  private failures = 0;
  private stopped = false;
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
    if (this.cancel || !this.wanted()) return;
    this.cancel = this.clock.after(GATHER_MS, () => void this.flush());
  }

  /** Writes now; settled when it is on disk, or could not be put there. */
  flush(): Promise<void> {
    this.cancel?.();
    this.cancel = null;
    this.last = this.last.then(() => this.write());
    return this.last;
  }

  /** Writes nothing more by itself. */
  stop(): void {
    this.stopped = true;
    this.cancel?.();
    this.cancel = null;
  }

  private wanted(): boolean {
    const moved = this.session.place().cursor !== this.stored && this.session.settled();
    return moved || this.store.isDirty() || this.done.length > 0 || this.reset;
  }

  private async write(): Promise<void> {
    if (!this.wanted()) return;
    const write = this.take();
    try {
      await this.storage.commit(write.batch);
      this.stored = write.batch.place?.cursor ?? this.stored;
      this.failures = 0;
    } catch {
      // A full or forbidden disk costs the next visit time, never this one its work.
      this.putBack(write);
    }
  }

  private take(): Write {
    const { store, done, reset } = this;
    const dirty = store.takeDirty();
    const batch: Batch = {
      reset,
      done,
      left: [...dirty.left],
      rooms: [...dirty.rooms].flatMap((id) => store.room(id) ?? []),
      users: [...dirty.users].flatMap((id) => store.users.get(id) ?? []),
      tails: [...dirty.tails].flatMap((id) => store.timeline(id)?.tail() ?? []),
    };
    const { cursor, userSeq } = this.session.place();
    if (store.me && cursor !== null && userSeq !== null && this.session.settled()) {
      batch.place = { me: store.me, cursor, userSeq };
    }
    this.reset = false;
    this.done = [];
    return { batch, dirty, done, reset };
  }

  private putBack({ dirty, done, reset }: Write): void {
    this.store.putDirty(dirty);
    this.done = [...done, ...this.done];
    this.reset ||= reset;
    this.cancel?.();
    this.cancel = null;
    if (this.stopped) return;
    const wait = Math.min(AGAIN_MS_MAX, AGAIN_FIRST_MS * 2 ** Math.min(this.failures++, 10));
    this.cancel = this.clock.after(wait, () => void this.flush());
  }
}
