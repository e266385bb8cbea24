/**
 * When to come back after a connection ended: full jitter, doubling from 0.5 s to 60 s, by the
 * range of the close code. `[CL1]` `[CL3]` And which refusals are worth trying again.
 * It only computes; the session keeps the time.
 */

import { CLOSE, comeBack, type Refusal } from '@tidings/protocol';

export const BACKOFF_FIRST_MS = 500;
export const BACKOFF_LATER_MS = 8_000;
export const BACKOFF_MS_MAX = 60_000;

/** The most that one waits before attempt `attempt` (from 0), or null for never. */
export function backoffMax(code: number, attempt: number): number | null {
  const when = comeBack(code);
  if (when === 'never') return null;
  const first = when === 'now' ? BACKOFF_FIRST_MS : BACKOFF_LATER_MS;
  return Math.min(BACKOFF_MS_MAX, first * 2 ** Math.min(attempt, 16));
}

/** The delay: anything from nothing to the most, so that a crowd spreads evenly. */
export function backoff(code: number, attempt: number, unit: number): number | null {
  const max = backoffMax(code, attempt);
  return max === null ? null : Math.floor(unit * max);
}

/** Ends for good that are about the session itself, whatever was sent over it. */
const ABOUT_SESSION: ReadonlySet<number> = new Set([
  CLOSE.unauthenticated,
  CLOSE.device_removed,
  CLOSE.hello_expected,
  CLOSE.hello_repeated,
]);

/** Whether a frame that was sent may have ended the session: the same frame would end the next. `[CM10]` */
export function isFault(code: number): boolean {
  return comeBack(code) === 'never' && !ABOUT_SESSION.has(code);
}

/** Refusals that say nothing about what was asked: the same may succeed later. `[CM7]` */
const PASSING: ReadonlySet<string> = new Set(['unavailable', 'internal', 'rate_limited']);

/** Whether a refusal will pass by itself. */
export function passes(refusal: Refusal): boolean {
  return PASSING.has(refusal.code);
}
