/** Who is there, as far as the server tells of it: users one watches `[SG3]`, counts of open rooms `[SG5]`. */

import type { Presence, RoomId, UserId, UserPresence } from '@tidings/protocol';

export class Presences {
  private readonly users = new Map<UserId, Presence>();
  private readonly counts = new Map<RoomId, number>();

  of(user: UserId): Presence {
    return this.users.get(user) ?? 'offline';
  }

  /** How many members of an open room are online or away, with oneself; undefined while nobody told. */
  countOf(room: RoomId): number | undefined {
    return this.counts.get(room);
  }

  put(users: readonly UserPresence[]): void {
    for (const { user, status } of users) this.users.set(user, status);
  }

  putCount(room: RoomId, count: number): void {
    this.counts.set(room, count);
  }

  /** Only theirs is told from here on; what was known of others grows stale. Whether anything was forgotten. */
  keep(users: readonly UserId[]): boolean {
    const kept = new Set(users);
    const before = this.users.size;
    for (const user of this.users.keys()) if (!kept.has(user)) this.users.delete(user);
    return this.users.size < before;
  }

  /** A room is closed: its count is told no more. Whether there was one. */
  forgetCount(room: RoomId): boolean {
    return this.counts.delete(room);
  }

  /** Nothing is known without a connection. Whether anything was; and the rooms that had a count. */
  clear(): { users: boolean; rooms: RoomId[] } {
    const known = { users: this.users.size > 0, rooms: [...this.counts.keys()] };
    this.users.clear();
    this.counts.clear();
    return known;
  }
}
