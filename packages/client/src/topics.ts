/**
 * Who wants to hear of which part of the store. Parts have names (`rooms`, `timeline:room_…`), so
 * that a view is told of its own part only. News is told once a turn, however much changed.
 */

import type { RoomId } from '@tidings/protocol';

export type Topic =
  | 'connection'
  | 'me'
  | 'rooms'
  | 'users'
  | 'presence'
  | 'stranded'
  | `room:${RoomId}`
  | `timeline:${RoomId}`
  | `outbox:${RoomId}`
  | `members:${RoomId}`
  | `typing:${RoomId}`;

function raise(error: unknown): never {
  throw error;
}

export class Topics {
  private readonly listeners = new Map<Topic, Set<() => void>>();
  private readonly changed = new Set<Topic>();

  /** Calls after each turn in which the topic changed; gives back how to stop. */
  on(topic: Topic, call: () => void): () => void {
    let set = this.listeners.get(topic);
    if (!set) this.listeners.set(topic, (set = new Set()));
    set.add(call);
    return () => {
      set.delete(call);
      if (set.size === 0 && this.listeners.get(topic) === set) this.listeners.delete(topic);
    };
  }

  touch(...topics: Topic[]): void {
    for (const topic of topics) this.changed.add(topic);
  }

  /** Ends the turn: tells everyone once. One that fails keeps no other from hearing. */
  tell(failed: (error: unknown) => void = raise): void {
    while (this.changed.size) {
      const changed = [...this.changed];
      this.changed.clear();
      for (const topic of changed) {
        for (const call of [...(this.listeners.get(topic) ?? [])]) {
          try {
            call();
          } catch (error) {
            failed(error);
          }
        }
      }
    }
  }
}
