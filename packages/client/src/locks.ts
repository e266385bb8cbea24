/**
 * Which tab sends which rows of the outbox. Each tab holds a lock under its own name while it
 * lives; rows of a tab whose lock is free have no sender any more and may be taken over. Sending
 * twice would be harmless (the txn is the same), but two tabs should not do it for ever.
 */

export interface Locks {
  /** Holds the lock until the release is called, or the tab dies. */
  hold(name: string): () => void;
  /** Calls once, while nobody else holds the lock; gives back how to stop waiting. */
  whenFree(name: string, call: () => Promise<void>): () => void;
}

/** For programs with a single client: every lock is free. */
export class NoLocks implements Locks {
  hold(): () => void {
    return () => undefined;
  }

  whenFree(_name: string, call: () => Promise<void>): () => void {
    void call();
    return () => undefined;
  }
}
