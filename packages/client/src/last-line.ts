/**
 * The beginning of a text, for the list of rooms: cut between what readers see as characters, never within one.
 * `[LI4]` The twin of `crates/protocol/src/last_line.rs`; `spec/vectors/texts/last-line.json` pins both.
 */

import { LAST_LINE_LEN_MAX } from '@tidings/protocol';

/** Units of a text that are looked at, at most: the cut is before. */
const LOOK_MAX = 16 * LAST_LINE_LEN_MAX;

let segmenter: Intl.Segmenter | null | undefined;

/** As many whole grapheme clusters as fit into 140 code points; of one that is longer, its beginning. */
export function lastLine(text: string): string {
  if (text.length <= LAST_LINE_LEN_MAX) return text;
  const limit = unitsOf(text, LAST_LINE_LEN_MAX);
  if (limit >= text.length) return text;
  const end = endOfWhole(text.slice(0, LOOK_MAX), limit);
  return text.slice(0, end === 0 ? limit : end);
}

/** How many units so many code points have. */
function unitsOf(text: string, points: number): number {
  let units = 0;
  for (let n = 0; n < points && units < text.length; n++) {
    units += (text.codePointAt(units) ?? 0) > 0xffff ? 2 : 1;
  }
  return units;
}

/** Where the last cluster ends that lies before `limit`. */
function endOfWhole(text: string, limit: number): number {
  segmenter ??= 'Segmenter' in Intl ? new Intl.Segmenter(undefined, { granularity: 'grapheme' }) : null;
  if (!segmenter) return endWithout(text, limit);
  let end = 0;
  for (const { index, segment } of segmenter.segment(text)) {
    if (index + segment.length > limit) break;
    end = index + segment.length;
  }
  return end;
}

/** What belongs to the character before it. */
const EXTENDS = /^[\p{M}\u200d\u{1f3fb}-\u{1f3ff}\u{e0020}-\u{e007f}\u1160-\u11ff]/u;

/** The same for browsers without a segmenter: simpler, and never through an emoji or a letter with its marks. */
export function endWithout(text: string, limit: number): number {
  let end = limit;
  while (end > 0 && joined(text, end)) end -= text.codePointAt(end - 2)! > 0xffff ? 2 : 1;
  return end;
}

function joined(text: string, at: number): boolean {
  const before = text.slice(0, at);
  const after = text.slice(at);
  if (EXTENDS.test(after) || before.endsWith('\u200d')) return true;
  if (before.endsWith('\r') && after.startsWith('\n')) return true;
  const flags = /\p{RI}+$/u.exec(before)?.[0] ?? '';
  return /^\p{RI}/u.test(after) && (flags.length / 2) % 2 === 1;
}
