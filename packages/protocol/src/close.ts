/** When a client comes back after a close code. `[CL1]` A rule over ranges, so it is written by hand. */

/** At once; after a longer wait; not before something about the client changed. */
export type ComeBack = 'now' | 'later' | 'never';

const NOW = new Set([1000, 1001, 1005, 1006, 1012]);
const LATER = new Set([1011, 1013, 1014]);

/** When a client may come back after a close code, ours or one of RFC 6455. */
export function comeBack(code: number): ComeBack {
  if ((code >= 4000 && code <= 4099) || NOW.has(code)) return 'now';
  if ((code >= 4100 && code <= 4199) || LATER.has(code)) return 'later';
  return 'never';
}
