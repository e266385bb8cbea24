/**
 * What the store turns out to miss, asked for by REST: profiles behind ids, rooms that only their
 * events told of. Questions are gathered for a moment and asked once; a failed one is asked again
 * when somebody looks.
 */

import type { RoomId } from '@tidings/protocol';
import type { Clock } from './clock.ts';
import type { Rest } from './rest.ts';
import type { Store } from './store.ts';

/** How long profiles are gathered before they are asked for. */
const USERS_GATHER_MS = 30;
/** Pages of members that are read; a list longer than this is not shown whole. */
const MEMBER_PAGES_MAX = 20;

export class Lookups {
  private readonly rest: Rest;
  private readonly store: Store;
  private readonly clock: Clock;
  /** Tells that the store learned something. */
  private readonly learned: () => void;
  private gathering = false;

  constructor(rest: Rest, store: Store, clock: Clock, learned: () => void) {
    this.rest = rest;
    this.store = store;
    this.clock = clock;
    this.learned = learned;
  }

  /** Asks for all that the store misses. */
  look(): void {
    for (const room of this.store.takeUnknown()) void this.room(room);
    if (this.gathering || !this.store.users.wants()) return;
    this.gathering = true;
    this.clock.after(USERS_GATHER_MS, () => void this.users());
  }

  /** Reads who is in a room. */
  async members(room: RoomId): Promise<void> {
    let page = await this.rest.members(room);
    const members = [...page.members];
    for (let pages = 1; page.next && pages < MEMBER_PAGES_MAX; pages++) {
      page = await this.rest.members(room, page.next);
      members.push(...page.members);
    }
    this.store.putMembers(room, members);
    this.learned();
  }

  /** One became a member, and the stream told it by events alone. */
  private async room(id: RoomId): Promise<void> {
    const room = await this.rest.room(id).catch(() => null);
    if (!room || room.role === null) return;
    this.store.putRoom(room);
    this.learned();
  }

  private async users(): Promise<void> {
    const ids = this.store.users.take();
    try {
      this.store.putUsers(await this.rest.users(ids));
    } catch {
      this.store.users.failed(ids);
    }
    this.gathering = false;
    this.learned();
  }
}
