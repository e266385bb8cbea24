/**
 * The rooms that are followed with every event: which they are, and what is read of their logs, from
 * storage first and by REST. It owns their order and their number, and never what their events mean.
 */

import type { Messages, RoomId, RoomSummary, Seq } from '@tidings/protocol';
import type { Clock } from './clock.ts';
import type { Rest } from './rest.ts';
import type { Session } from './session.ts';
import { soundTail, type Storage } from './storage.ts';
import type { Store } from './store.ts';
import type { TimelineWindow } from './window.ts';

const PAGE = 50;
/** Events of one read of the log. */
const FETCH_EVENTS = 200;

/** What it works with. */
export interface OpenRoomsNeeds {
  rest: Rest;
  store: Store;
  session: Session;
  storage: Storage;
  clock: Clock;
  /** So many at once; those left longest ago go back to summaries. */
  most: number;
  /** What waits for a place in this timeline finds none any more. */
  landed: (room: RoomId) => void;
  run: () => void;
  stopped: () => boolean;
}

export class OpenRooms {
  private readonly rest: Rest;
  private readonly store: Store;
  private readonly session: Session;
  private readonly storage: Storage;
  private readonly clock: Clock;
  private readonly most: number;
  private readonly landed: (room: RoomId) => void;
  private readonly run: () => void;
  private readonly stopped: () => boolean;
  /** The one shown last stands last. */
  private opened: RoomId[] = [];

  constructor(needs: OpenRoomsNeeds) {
    this.rest = needs.rest;
    this.store = needs.store;
    this.session = needs.session;
    this.storage = needs.storage;
    this.clock = needs.clock;
    this.most = needs.most;
    this.landed = needs.landed;
    this.run = needs.run;
    this.stopped = needs.stopped;
  }

  has(room: RoomId): boolean {
    return this.opened.includes(room);
  }

  /** Follows a room with every event from here on. */
  async show(room: RoomId): Promise<void> {
    this.opened = [...this.opened.filter((other) => other !== room), room];
    const timeline = this.store.useTimeline(room, (other) => this.has(other));
    if (timeline.head === 0 && !this.session.isOpen(room)) {
      const tail = soundTail(await this.storage.tail(room).catch(() => null));
      if (tail && timeline.head === 0 && !this.session.isOpen(room)) {
        timeline.restore(tail);
        this.store.wantAuthors(tail.messages);
        this.store.touchTimeline(room);
      }
    }
    if (this.stopped() || !this.has(room)) return;
    this.session.open(this.clock.now(), room, timeline.head || null);
    for (const other of this.opened.splice(0, this.opened.length - this.most)) {
      this.session.close(other);
      this.store.forgetCount(other);
      this.landed(other);
    }
    this.run();
  }

  /** Lets a window reach further, or go to a place; resolves when it did, or when there is nothing more. */
  async grow(room: RoomId, window: TimelineWindow, way: 'older' | 'newer' | Seq): Promise<void> {
    const step = () => (typeof way === 'number' ? window.around(way) : window[way]());
    for (let tries = 0; tries < 3; tries++) {
      const edge = step();
      if (!('read' in edge)) return;
      const page = await this.rest.messages(room, edge.read);
      const timeline = this.store.timeline(room);
      if (!timeline) return;
      this.store.wantAuthors(page.messages);
      if (!timeline.page(edge.read, page)) continue;
      step();
      this.store.touchTimeline(room);
      this.run();
      return;
    }
  }

  /** Reads what a stream left out. */
  async fetch(room: RoomId, after: Seq): Promise<void> {
    try {
      const { events } = await this.rest.events(room, after, FETCH_EVENTS);
      this.session.fetched(this.clock.now(), room, events);
    } catch {
      this.session.failed(this.clock.now(), room);
    }
    this.run();
  }

  /** Starts a room over from its newest page. */
  async reload(room: RoomId): Promise<void> {
    try {
      const [page, summary] = await this.newest(room);
      if (this.session.loaded(this.clock.now(), room, page.head)) {
        this.store.useTimeline(room, (other) => this.has(other)).reset(page);
        this.store.putRoom(summary);
        this.store.readNewest(room, page);
        // What the newest page does not hold is of another epoch, or comes again by its own.
        this.landed(room);
      }
    } catch {
      this.session.failed(this.clock.now(), room);
    }
    this.run();
  }

  /** The newest page, and what the room is: no event tells what happened before the page. `[SB4]` */
  private async newest(room: RoomId): Promise<[Messages, RoomSummary]> {
    const page = this.rest.messages(room, { limit: PAGE });
    const [read, summary] = await Promise.all([page, this.rest.room(room)]);
    // Read before the page, it lacks what happened in between.
    return [read, summary.head < read.head ? await this.rest.room(room) : summary];
  }
}
