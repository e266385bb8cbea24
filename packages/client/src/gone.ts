/**
 * Which messages of a room were deleted last: what the arithmetic of unread takes off. `[P8]`
 * Lists are ascending, hold the highest `GONE_MAX`, and may be told in any order and more than once.
 */

import { GONE_MAX, type Seq } from '@tidings/protocol';

/** The list with more deleted messages in it; the same one when it names them all. */
export function gather(gone: readonly Seq[] | undefined, more: readonly Seq[]): Seq[] {
  const held = gone ?? [];
  const all = [...new Set([...held, ...more])].sort((a, b) => a - b).slice(-GONE_MAX);
  const same = all.length === held.length && all.every((seq, index) => seq === held[index]);
  return same ? (held as Seq[]) : all;
}

/** How many of them stand after a marker. */
export function goneAfter(gone: readonly Seq[] | undefined, marker: Seq): number {
  return (gone ?? []).filter((seq) => seq > marker).length;
}
