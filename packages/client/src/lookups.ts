/**
 * What the store turns out to miss, asked for by REST: profiles behind ids, rooms that only their
 * events told of. Questions are gathered for a moment and asked once; one that nobody answered is
 * asked again later, less and less often. A no is an answer.
 */

import type { RoomId, UserId } from '@tidings/protocol';
import { passes } from './backoff.ts';
import type { Clock } from './clock.ts';
import { RefusalError, type Rest } from './rest.ts';
import type { Store } from './store.ts';

/** How long profiles are gathered before they are asked for. */
const USERS_GATHER_MS = 30;
/** When a question without an answer is asked again: doubling from the first to the most. */
const AGAIN_FIRST_MS = 2_000;
const AGAIN_MS_MAX = 60_000;
/** Pages of members that are read; a list longer than this is not shown whole. */
const MEMBER_PAGES_MAX = 20;

export class Lookups {
  private readonly rest: Rest;
  private readonly store: Store;
  private readonly clock: Clock;
  /** Tells that the store learned something. */
  private readonly learned: () => void;
  private gathering = false;
  private failures = 0;
  private stopped = false;
  /** Rooms that are being asked for. */
  private readonly rooms = new Set<RoomId>();

  constructor(rest: Rest, store: Store, clock: Clock, learned: () => void) {
    this.rest = rest;
    this.store = store;
    this.clock = clock;
    this.learned = learned;
  }

  /** Asks for all that the store misses. */
  look(): void {
    if (this.stopped) return;
    for (const room of this.store.takeUnknown()) if (!this.rooms.has(room)) void this.room(room);
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

  /** Asks nothing more. */
  stop(): void {
    this.stopped = true;
  }

  /** One became a member, and the stream told it by events alone. */
  private async room(id: RoomId): Promise<void> {
    this.rooms.add(id);
    this.store.departed.delete(id);
    try {
      const room = await this.rest.room(id);
      this.failures = 0;
      this.rooms.delete(id);
      // Left while it was read: what was read may be of before.
      if (this.store.departed.has(id)) this.store.wantRoom(id);
      else if (room.role !== null) this.store.putRoom(room);
    } catch (error) {
      this.later(error, () => {
        this.rooms.delete(id);
        this.store.wantRoom(id);
      });
      if (isNo(error)) this.rooms.delete(id);
    }
    this.learned();
  }

  private async users(): Promise<void> {
    if (this.stopped) return;
    const ids = this.store.users.take();
    try {
      this.store.putUsers(await this.rest.users(ids));
      this.failures = 0;
    } catch (error) {
      this.later(error, () => this.askAgain(ids));
    }
    this.gathering = false;
    this.learned();
  }

  private askAgain(ids: readonly UserId[]): void {
    this.store.users.failed(ids);
    for (const id of ids) this.store.users.want(id);
  }

  /** Nobody answered: the question is put again in a while. */
  private later(error: unknown, ask: () => void): void {
    if (isNo(error)) return;
    const wait = Math.min(AGAIN_MS_MAX, AGAIN_FIRST_MS * 2 ** Math.min(this.failures++, 10));
    this.clock.after(wait, () => {
      if (this.stopped) return;
      ask();
      this.learned();
    });
  }
}

/** An answer that stays the same however often one asks. */
function isNo(error: unknown): boolean {
  return error instanceof RefusalError && !passes(error.refusal);
}
