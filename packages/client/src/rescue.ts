/**
 * Takes over the rows of the outbox whose tab lives no more. It looks when the client starts, when
 * it goes live, when the page returns and now and then, for a tab may be opened, queue and be
 * closed while this one goes on. It never takes a row while the lock of its tab is held.
 */

import type { Locks } from './locks.ts';
import type { OutboxRow } from './outbox.ts';
import type { Storage } from './storage.ts';

/** How often a client that is live looks for rows that were left. */
export const LOOK_MS = 60_000;

export class Rescue {
  private readonly storage: Storage;
  private readonly locks: Locks;
  private readonly tab: string;
  private readonly taken: (rows: OutboxRow[]) => void;
  /** Tabs whose lock is waited for, and how to stop that. */
  private readonly waiting = new Map<string, () => void>();
  private readonly release: () => void;
  private lookedAt = 0;
  private stopped = false;

  /** `taken` gets rows that are stored as this tab's own already. */
  constructor(storage: Storage, locks: Locks, tab: string, taken: (rows: OutboxRow[]) => void) {
    this.storage = storage;
    this.locks = locks;
    this.tab = tab;
    this.taken = taken;
    this.release = locks.hold(lockOf(tab));
  }

  /** When to look next, while live. */
  wakeAt(): number {
    return this.lookedAt + LOOK_MS;
  }

  /** Reads what is stored and adopts what others left. */
  async look(now: number): Promise<void> {
    this.lookedAt = now;
    try {
      this.adopt(await this.storage.rows());
    } catch {
      // A disk that cannot be read now may be read the next time.
    }
  }

  /** Waits for the tabs of these rows to be gone, then takes what they left. */
  adopt(rows: readonly OutboxRow[]): void {
    for (const owner of new Set(rows.map((row) => row.owner))) {
      if (this.stopped || owner === this.tab || this.waiting.has(owner)) continue;
      this.waiting.set(owner, () => undefined);
      this.waiting.set(owner, this.locks.whenFree(lockOf(owner), () => this.take(owner)));
    }
  }

  stop(): void {
    this.stopped = true;
    for (const stop of this.waiting.values()) stop();
    this.waiting.clear();
    this.release();
  }

  private async take(owner: string): Promise<void> {
    try {
      const left = (await this.storage.rows()).filter((row) => row.owner === owner);
      if (this.stopped || !left.length) return;
      const mine = left.map((row) => ({ ...row, owner: this.tab }));
      await this.storage.commit({ rows: mine });
      if (!this.stopped) this.taken(mine);
    } catch {
      // They are still stored as they were: the next look finds them again.
    } finally {
      this.waiting.delete(owner);
    }
  }
}

function lockOf(tab: string): string {
  return `tidings-tab-${tab}`;
}
