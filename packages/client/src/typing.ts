/** Who types where. A signal that is not renewed goes stale. `[SG2]` */

import { TYPING_MS_MAX, type RoomId, type UserId } from '@tidings/protocol';

/** How often one's own typing is told while it lasts. */
export const TYPING_RENEW_MS = 3_000;

export class Typing {
  private readonly rooms = new Map<RoomId, Map<UserId, number>>();

  of(room: RoomId): UserId[] {
    return [...(this.rooms.get(room)?.keys() ?? [])];
  }

  /** Takes a signal; true when the list changed. */
  put(room: RoomId, user: UserId, on: boolean, now: number): boolean {
    const users = this.rooms.get(room);
    if (!on) return users?.delete(user) ?? false;
    const fresh = !users?.has(user);
    if (users) users.set(user, now + TYPING_MS_MAX);
    else this.rooms.set(room, new Map([[user, now + TYPING_MS_MAX]]));
    return fresh;
  }

  /** Drops what is stale; gives the rooms whose list changed. */
  expire(now: number): RoomId[] {
    const changed: RoomId[] = [];
    for (const [room, users] of this.rooms) {
      const before = users.size;
      for (const [user, until] of users) if (until <= now) users.delete(user);
      if (users.size !== before) changed.push(room);
      if (users.size === 0) this.rooms.delete(room);
    }
    return changed;
  }

  wakeAt(): number | null {
    let first: number | null = null;
    for (const users of this.rooms.values()) {
      for (const until of users.values()) first = first === null ? until : Math.min(first, until);
    }
    return first;
  }

  /** Nothing is known without a connection; gives the rooms whose list changed. */
  clear(): RoomId[] {
    const rooms = [...this.rooms.keys()];
    this.rooms.clear();
    return rooms;
  }
}
