/**
 * What one view holds of a timeline: a run of messages without a gap, at most `WINDOW_MAX` long.
 * It follows the end, or stands somewhere in the past; at its edges it says what to read next.
 * It never reads by itself and knows nothing of pixels.
 */

import type { Message, Seq } from '@tidings/protocol';
import type { PageQuery } from './rest.ts';
import type { Stretch, Timeline } from './timeline.ts';

/** Messages on screen, at most; more cost layout and nobody reads them at once. */
export const WINDOW_MAX = 240;
/** Messages before the place that is gone to. */
export const WINDOW_BEFORE = 20;
/** Messages by which it grows. */
export const WINDOW_STEP = 50;

/** What an edge needs: nothing (it moved), a page to be read, or there is nothing beyond. */
export type Edge = { moved: true } | { read: PageQuery } | { end: true };

export class TimelineWindow {
  private readonly timeline: Timeline;
  /** The first place on screen; null until it is first asked for. */
  private low: Seq | null = null;
  /** The last place on screen; null while it follows the end. */
  private high: Seq | null = null;
  private readonly unpin: () => void;

  constructor(timeline: Timeline) {
    this.timeline = timeline;
    this.unpin = timeline.pin(() => this.stretch());
  }

  /** Lets the timeline forget what was on screen. */
  close(): void {
    this.unpin();
  }

  /** Whether it looks at this timeline. */
  of(timeline: Timeline): boolean {
    return this.timeline === timeline;
  }

  /** Whether new messages appear in it by themselves. */
  followsEnd(): boolean {
    return this.high === null;
  }

  rows(): Message[] {
    const stretch = this.stretch();
    return stretch ? this.timeline.between(stretch) : [];
  }

  /** Whether the beginning of the room is on screen. */
  atStart(): boolean {
    const stretch = this.stretch();
    return stretch !== null && stretch.from <= 1;
  }

  /** Goes to a place of the log, if it is held; else says which page to read. */
  around(seq: Seq): Edge {
    const held = this.timeline.stretchAt(seq);
    if (!held) return { read: { around: seq, limit: WINDOW_STEP } };
    const rows = this.timeline.messages();
    const first = this.timeline.indexOf(held.from);
    const past = this.timeline.indexOf(held.to + 1);
    const at = this.timeline.indexOf(seq);
    const low = Math.max(first, at - WINDOW_BEFORE);
    const high = Math.min(past, at + WINDOW_STEP);
    this.low = low === first ? held.from : (rows[low]?.seq ?? held.from);
    if (high < past) this.high = rows[high - 1]?.seq ?? held.to;
    else this.high = held.to === this.timeline.head ? null : held.to;
    return { moved: true };
  }

  /** What it looked at is held no more, as after the room was read anew: the place it looked at. */
  lost(): Seq | null {
    return this.high !== null && !this.timeline.stretchAt(this.high) ? this.high : null;
  }

  /** Back to the newest messages. */
  toEnd(): void {
    this.low = null;
    this.high = null;
  }

  /** Takes older messages in; the newest leave when there are too many. */
  older(): Edge {
    const on = this.stretch();
    if (!on) return { read: { limit: WINDOW_STEP } };
    if (on.from <= 1) return { end: true };
    const held = this.timeline.stretchAt(on.from);
    const first = this.timeline.indexOf(on.from);
    const heldFirst = this.timeline.indexOf(held?.from ?? on.from);
    if (held && held.from < on.from) {
      const from = Math.max(heldFirst, first - WINDOW_STEP);
      const low = from === heldFirst ? held.from : this.timeline.messages()[from]?.seq;
      this.low = low ?? held.from;
      this.cutNewest();
      return { moved: true };
    }
    return { read: { before: on.from, limit: WINDOW_STEP } };
  }

  /** Takes newer messages in; the oldest leave when there are too many. */
  newer(): Edge {
    const on = this.stretch();
    if (this.high === null || !on) return { end: true };
    const held = this.timeline.stretchAt(on.to);
    if (!held) return { read: { after: on.to, limit: WINDOW_STEP } };
    const past = this.timeline.indexOf(on.to + 1);
    const heldPast = this.timeline.indexOf(held.to + 1);
    if (heldPast - past > WINDOW_STEP) {
      this.high = this.timeline.messages()[past + WINDOW_STEP - 1]?.seq ?? held.to;
    } else if (held.to === this.timeline.head) {
      this.high = null;
    } else if (held.to > on.to) {
      this.high = held.to;
    } else {
      return { read: { after: on.to, limit: WINDOW_STEP } };
    }
    this.cutOldest();
    return { moved: true };
  }

  /** At the end and read: lets go of what has scrolled far away. */
  settle(): void {
    if (this.high === null) this.cutOldest();
  }

  /** Read far from the end: new messages wait below, the window does not grow with them. */
  hold(): void {
    const rows = this.rows();
    if (this.high === null && rows.length > WINDOW_MAX) this.high = rows.at(-1)?.seq ?? null;
  }

  private stretch(): Stretch | null {
    const end = this.high === null ? this.timeline.end() : this.timeline.stretchAt(this.high);
    if (!end) return null;
    const to = this.high ?? end.to;
    if (this.low !== null && this.low <= to) {
      // Where nothing is held any more it does not reach, also when that is held again.
      this.low = Math.max(this.low, end.from);
      return { from: this.low, to };
    }
    const past = this.timeline.indexOf(to + 1);
    const first = this.timeline.indexOf(end.from);
    const row = past - first > WINDOW_STEP ? this.timeline.messages()[past - WINDOW_STEP] : null;
    // From here on it grows with new messages; what is on screen does not leave at the top.
    this.low = row?.seq ?? end.from;
    return { from: this.low, to };
  }

  private cutNewest(): void {
    const rows = this.rows();
    if (rows.length > WINDOW_MAX) this.high = rows[WINDOW_MAX - 1]?.seq ?? this.high;
  }

  private cutOldest(): void {
    const rows = this.rows();
    if (rows.length > WINDOW_MAX) this.low = rows[rows.length - WINDOW_STEP * 2]?.seq ?? this.low;
  }
}
