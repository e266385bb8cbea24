/**
 * The rows of a timeline as they are shown: messages in the order of the log, days above them,
 * groups of one author, the line above what is new. Pure. Times inform, they order nothing: a clock
 * that jumped moves no message, and repeats none. `[ID4]`
 */

import type { OutboxRow } from '@tidings/client';
import type { EventId, Message, Seq, UserId } from '@tidings/protocol';
import { dayOf } from './dates.ts';

/** Messages of one author this close together stand in one group. */
const GROUP_MS = 5 * 60_000;
/** A time that goes back by less comes from clocks that differ, and begins no day. */
const SKEW_MS = 60 * 60_000;

/** What a row of the outbox, or a message, looks like on screen. */
export interface Shown {
  kind: 'message';
  /** Stays the same when a pending message is confirmed, so that its element stays, too. */
  key: string;
  /** Null while it waits in the outbox. */
  id: EventId | null;
  seq: Seq | null;
  actor: UserId;
  own: boolean;
  /** Milliseconds since 1970. */
  at: number;
  /** How many messages the room has up to this one; null while it waits. */
  count: number | null;
  text: string | null;
  edited: boolean;
  reactions: Message['reactions'];
  /** First and last of its group. */
  first: boolean;
  last: boolean;
  /** The row that waits, and whether it has failed. */
  pending: OutboxRow | null;
  /** An edit or a deletion that was refused. */
  failed: OutboxRow | null;
}

export type Item = Shown | { kind: 'day'; key: string; at: number } | { kind: 'new'; key: string };

/** The key of a message: by its txn where that is known, as while it waited. No txn looks like another key. */
export function keyOf(txn: string | undefined, id: string): string {
  return txn === undefined ? id : `txn ${txn}`;
}

/** Puts the rows of the log, and what waits below them, into days and groups, each once. */
export function arrange(shown: readonly Shown[], divider: Seq | null): Item[] {
  const items: Item[] = [];
  const keys = new Set<string>();
  let before: Shown | null = null;
  let divided = false;
  /** The furthest time under the day that stands above. */
  let reached = Number.NaN;
  for (const item of shown) {
    if (keys.has(item.key)) continue;
    keys.add(item.key);
    const back = reached - item.at;
    const newDay = before === null || (dayOf(item.at) !== dayOf(reached) && !(back > 0 && back < SKEW_MS));
    if (newDay) items.push({ kind: 'day', key: `day ${item.key}`, at: item.at });
    reached = newDay ? item.at : Math.max(reached, item.at);
    const line = !divided && divider !== null && !item.own && (item.seq ?? 0) >= divider;
    if (line) {
      divided = true;
      items.push({ kind: 'new', key: 'new' });
    }
    const joins: boolean =
      before !== null &&
      !newDay &&
      !line &&
      before.actor === item.actor &&
      Math.abs(item.at - before.at) < GROUP_MS;
    item.first = !joins;
    if (before && joins) before.last = false;
    items.push(item);
    before = item;
  }
  return items;
}
