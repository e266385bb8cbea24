/**
 * The timeline of one room: which messages are held, and of which stretches of the log they are
 * all there are. It changes by events in order and by pages of history; a stretch that was never
 * read is a gap that a window can ask for. Memory is bounded: what is far from any window goes.
 * It never knows what a screen shows (see window.ts), nor what waits in the outbox.
 */

import type { Event, EventId, Message, Messages, RoomId, Seq } from '@tidings/protocol';
import { change, messageOf, targetOf } from './fold.ts';
import type { PageQuery } from './rest.ts';

/** A stretch of the log, both ends included, of which every message is held. */
export interface Stretch {
  from: Seq;
  to: Seq;
}

/** The newest part of a timeline, to start from after a reload. */
export interface Tail {
  room: RoomId;
  head: Seq;
  count: number;
  /** The log from here to `head` is held. */
  from: Seq;
  messages: Message[];
}

/** Messages held of one room, at most. */
export const TIMELINE_MESSAGES_MAX = 2_000;
/** Messages of a stored tail. */
export const TAIL_MESSAGES = 60;
/** Events remembered for pages that were read before they were applied. */
const RECENT_MAX = 500;
/** Messages that stay at the end of the log and on each side of a window. */
const MARGIN = 400;

export class Timeline {
  readonly room: RoomId;
  /** The last event applied; 0 when nothing was read yet. */
  head: Seq = 0;
  private count = 0;
  private rows: Message[] = [];
  private stretches: Stretch[] = [];
  private recent: Event[] = [];
  /** Messages of pages newer than `head` already hold what these events say. */
  private readonly ahead = new Map<EventId, Seq>();
  private aheadMax: Seq = 0;
  /** What is on screen must not go. */
  private readonly pins = new Set<() => Stretch | null>();

  constructor(room: RoomId) {
    this.room = room;
  }

  /** Messages held, oldest first. Read it, never change it. */
  messages(): readonly Message[] {
    return this.rows;
  }

  /** The stretch that holds this place, if it is held. */
  stretchAt(seq: Seq): Stretch | null {
    return this.stretches.find(({ from, to }) => from <= seq && seq <= to) ?? null;
  }

  /** The stretch that reaches the head, where live events go. */
  end(): Stretch | null {
    const last = this.stretches.at(-1);
    return last && last.to === this.head ? last : null;
  }

  find(id: EventId): Message | undefined {
    return this.rows.find((row) => row.id === id);
  }

  pin(what: () => Stretch | null): () => void {
    this.pins.add(what);
    return () => this.pins.delete(what);
  }

  /** Starts over from the newest page. */
  reset(page: Messages): void {
    this.rows = [];
    this.stretches = [];
    this.recent = [];
    this.ahead.clear();
    this.aheadMax = 0;
    this.head = page.head;
    this.count = page.messages.at(-1)?.count ?? 0;
    this.rows = page.messages.filter((message) => message.seq <= page.head);
    const first = page.more_before ? (this.rows[0]?.seq ?? page.head) : 1;
    this.stretches = [{ from: first, to: page.head }];
  }

  /** Applies the next event of the log; the session sees to the order. */
  apply(event: Event): void {
    if (event.seq !== this.head + 1) return;
    const before = this.count;
    const end = this.end();
    if (end) end.to = event.seq;
    else this.stretches.push({ from: event.seq, to: event.seq });
    this.head = event.seq;
    this.count = event.count;
    if (this.head > this.aheadMax) this.ahead.clear();
    this.recent.push(event);
    if (this.recent.length > RECENT_MAX) this.recent.shift();
    const made = messageOf(event, before);
    if (made) {
      const message: Message = { ...made, room: this.room };
      if (event.txn !== undefined) message.txn = event.txn;
      this.put(message, false);
      this.trim();
      return;
    }
    this.changeRow(event);
  }

  /**
   * Takes a page of history. False when too much happened since it was read: read it again.
   */
  page(query: PageQuery, page: Messages): boolean {
    const oldest = this.recent[0]?.seq ?? this.head + 1;
    if (page.head < oldest - 1) return false;
    const late = this.recent.filter((event) => event.seq > page.head);
    for (const read of page.messages) {
      if (read.seq > this.head) continue;
      let message = read;
      for (const event of late) if (targetOf(event) === read.id) message = change(message, event);
      this.put(message, true);
      if (page.head > this.head) this.ahead.set(read.id, page.head);
    }
    this.aheadMax = Math.max(this.aheadMax, page.head);
    this.cover(query, page);
    this.trim();
    return true;
  }

  /** The newest messages, to be stored. */
  tail(): Tail | null {
    const end = this.end();
    if (!end) return null;
    let messages = this.between(end);
    let from = end.from;
    if (messages.length > TAIL_MESSAGES) {
      messages = messages.slice(-TAIL_MESSAGES);
      from = messages[0]?.seq ?? from;
    }
    return { room: this.room, head: this.head, count: this.count, from, messages };
  }

  /** Starts from a stored tail. */
  restore(tail: Tail): void {
    this.head = tail.head;
    this.count = tail.count;
    this.rows = [...tail.messages];
    this.stretches = [{ from: tail.from, to: tail.head }];
  }

  /** The messages of a stretch. */
  between({ from, to }: Stretch): Message[] {
    return this.rows.slice(this.indexOf(from), this.indexOf(to + 1));
  }

  /** The index of the first message at or after a place. */
  indexOf(seq: Seq): number {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.rows[middle]?.seq ?? 0) < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private put(message: Message, replace: boolean): void {
    const index = this.indexOf(message.seq);
    if (this.rows[index]?.seq !== message.seq) this.rows.splice(index, 0, message);
    else if (replace) this.rows[index] = message;
  }

  private changeRow(event: Event): void {
    const target = targetOf(event);
    if (!target) return;
    const seen = this.ahead.get(target);
    if (seen !== undefined) {
      if (seen >= event.seq) return;
      this.ahead.delete(target);
    }
    const content = event.content;
    const seq = content && 'target' in content ? content.target : 0;
    const index = this.indexOf(seq);
    const row = this.rows[index];
    if (row?.id === target) this.rows[index] = change(row, event);
  }

  /** Notes which part of the log the page is all of. */
  private cover(query: PageQuery, page: Messages): void {
    const first = page.more_before ? (page.messages[0]?.seq ?? Infinity) : 1;
    const last = page.more_after ? (page.messages.at(-1)?.seq ?? 0) : page.head;
    const from = query.after === undefined ? first : query.after + 1;
    // Events after the head come by themselves.
    const to = Math.min(this.head, query.before === undefined ? last : query.before - 1);
    if (from <= to) this.merge({ from, to });
  }

  private merge(stretch: Stretch): void {
    let { from, to } = stretch;
    const apart: Stretch[] = [];
    for (const other of this.stretches) {
      if (other.to < from - 1 || other.from > to + 1) {
        apart.push(other);
      } else {
        from = Math.min(from, other.from);
        to = Math.max(to, other.to);
      }
    }
    this.stretches = [...apart, { from, to }].sort((a, b) => a.from - b.from);
  }

  /** Lets go of what is far from the end and from every window. */
  private trim(): void {
    if (this.rows.length <= TIMELINE_MESSAGES_MAX) return;
    const keep = new Uint8Array(this.rows.length);
    keep.fill(1, Math.max(0, this.rows.length - MARGIN));
    for (const pin of this.pins) {
      const on = pin();
      if (!on) continue;
      const from = Math.max(0, this.indexOf(on.from) - MARGIN);
      keep.fill(1, from, Math.min(this.rows.length, this.indexOf(on.to + 1) + MARGIN));
    }
    const rows: Message[] = [];
    const stretches: Stretch[] = [];
    for (const stretch of this.stretches) {
      let open: Stretch | null = null;
      const to = this.indexOf(stretch.to + 1);
      const first = this.indexOf(stretch.from);
      for (let i = first; i < to; i++) {
        const row = this.rows[i];
        if (!row || !keep[i]) {
          open = null;
          continue;
        }
        rows.push(row);
        // The log between two kept neighbours is held, too.
        if (open) {
          open.to = row.seq;
          continue;
        }
        const from = i === first ? stretch.from : row.seq;
        stretches.push((open = { from, to: row.seq }));
      }
      if (open) open.to = stretch.to;
    }
    this.rows = rows;
    this.stretches = stretches;
  }
}
