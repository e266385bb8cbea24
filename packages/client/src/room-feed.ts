/**
 * One open room's place in its log: what was applied, what waits behind a gap, what is being read.
 * It owns that events reach the store once and in the order of `seq`; it never holds the messages.
 */

import type { Event, OpenRoom, RoomId, Seq } from '@tidings/protocol';
import type { Effect } from './session.ts';

/** Events that wait behind a gap; with more the room starts over at its head. */
export const GAP_BUFFER_MAX = 1_000;
/** How long a gap may stay before the room is opened anew. */
export const GAP_PATIENCE_MS = 10_000;
/** The longest wait before a failed read is tried again. */
const READ_AGAIN_MS_MAX = 30_000;

export class RoomFeed {
  private readonly room: RoomId;
  /** The last event applied; null while the newest page is read. */
  private held: Seq | null;
  private waiting = new Map<Seq, Event>();
  /** The log is known to reach here. */
  private known: Seq = 0;
  private gapSince: number | null = null;
  private reading = false;
  private readFailures = 0;
  private readAgainAt: number | null = null;
  private openAgainAt: number | null = null;

  constructor(room: RoomId, held: Seq | null) {
    this.room = room;
    this.held = held;
  }

  /** How it is asked for in `hello` and `open`. */
  asked(now: number): OpenRoom {
    if (this.gapSince !== null) this.gapSince = now;
    this.openAgainAt = null;
    return this.held === null ? { room: this.room } : { room: this.room, after: this.held };
  }

  /** Whether nothing waits to be applied. */
  settled(): boolean {
    return this.held !== null && this.waiting.size === 0 && this.known <= this.held;
  }

  /** Whether this is the event that continues what was applied. */
  isNext(seq: Seq): boolean {
    return this.held !== null && seq === this.held + 1;
  }

  wakeAt(): number | null {
    const gap = this.gapSince === null ? null : this.gapSince + GAP_PATIENCE_MS;
    const times = [gap, this.readAgainAt, this.openAgainAt].flatMap((time) => time ?? []);
    return times.length ? Math.min(...times) : null;
  }

  disconnected(): void {
    // What waits behind a gap is replayed after the next `open`.
    this.waiting.clear();
    this.gapSince = null;
  }

  /** The server goes on after `from`. `[SB3]` `[SB4]` */
  opened(now: number, from: Seq, head: Seq, effects: Effect[]): void {
    const behind = this.held !== null && (from > this.held || head < this.held);
    if (behind) this.reload(effects);
    this.known = Math.max(this.known, head);
    this.advance(now, effects);
  }

  /** The log is known to reach here; the event itself is on its way. `[CM9]` */
  reaches(now: number, seq: Seq): void {
    this.known = Math.max(this.known, seq);
    if (this.held !== null && this.known > this.held) this.gapSince ??= now;
  }

  event(now: number, event: Event, effects: Effect[]): void {
    if (this.held !== null && event.seq <= this.held) return;
    this.known = Math.max(this.known, event.seq);
    this.waiting.set(event.seq, event);
    if (this.held === null) {
      // The page being read is newer than the oldest that wait.
      if (this.waiting.size > GAP_BUFFER_MAX) this.waiting.clear();
      return;
    }
    this.advance(now, effects);
    if (this.waiting.size > GAP_BUFFER_MAX) return this.reload(effects);
    if (this.waiting.size > 0) this.read(effects);
  }

  /** The newest page was read, at `head`; false when it is not wanted any more. */
  loaded(now: number, head: Seq, effects: Effect[]): boolean {
    if (this.held !== null) return false;
    this.readDone();
    this.held = head;
    this.advance(now, effects);
    // Events after the page that were let go, or were sent before the room was open.
    if (this.known > this.held) this.read(effects);
    return true;
  }

  fetched(now: number, events: Event[], effects: Effect[]): void {
    if (this.held === null) return;
    this.readDone();
    const before = this.held;
    for (const event of events) if (event.seq > this.held) this.waiting.set(event.seq, event);
    this.advance(now, effects);
    // No progress means that the log that was read is behind; the watchdog asks again.
    if (this.held > before && this.known > this.held) this.read(effects);
  }

  failed(now: number, unit: number): void {
    this.reading = false;
    const most = Math.min(READ_AGAIN_MS_MAX, 1_000 * 2 ** Math.min(this.readFailures++, 10));
    this.readAgainAt = now + Math.floor(most * (0.5 + unit / 2));
  }

  /** The server cannot follow it right now. */
  openLater(at: number): void {
    this.openAgainAt = at;
  }

  tick(now: number, effects: Effect[]): void {
    if (this.openAgainAt !== null && now >= this.openAgainAt) {
      effects.push({ do: 'send', frame: { type: 'open', ...this.asked(now) } });
    }
    if (this.readAgainAt !== null && now >= this.readAgainAt) {
      this.readAgainAt = null;
      if (this.held === null) this.reload(effects);
      else if (this.known > this.held) this.read(effects);
    }
    if (this.gapSince === null || now < this.gapSince + GAP_PATIENCE_MS) return;
    // Watchdog: whatever was to fill the gap is lost.
    this.gapSince = now;
    this.reading = false;
    const { room } = this;
    effects.push({ do: 'send', frame: { type: 'close', room } });
    effects.push({ do: 'send', frame: { type: 'open', ...this.asked(now) } });
  }

  /** Forgets what is held and asks for the newest page. */
  reload(effects: Effect[]): void {
    this.known = 0;
    if (this.held === null && this.reading) return;
    this.held = null;
    this.waiting.clear();
    this.gapSince = null;
    this.reading = true;
    this.readAgainAt = null;
    effects.push({ do: 'reload', room: this.room });
  }

  /** Applies what continues the log. */
  private advance(now: number, effects: Effect[]): void {
    if (this.held === null) return;
    for (const seq of this.waiting.keys()) if (seq <= this.held) this.waiting.delete(seq);
    for (let next = this.held + 1; ; next++) {
      const event = this.waiting.get(next);
      if (!event) break;
      this.waiting.delete(next);
      this.held = next;
      effects.push({ do: 'apply', event, open: true });
    }
    if (this.known <= this.held) this.gapSince = null;
    else this.gapSince ??= now;
  }

  private read(effects: Effect[]): void {
    if (this.reading || this.held === null || this.readAgainAt !== null) return;
    this.reading = true;
    effects.push({ do: 'fetch', room: this.room, after: this.held });
  }

  private readDone(): void {
    this.reading = false;
    this.readFailures = 0;
    this.readAgainAt = null;
  }
}
