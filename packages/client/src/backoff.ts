/**
 * When to come back after a connection ended: full jitter, doubling from 0.5 s to 60 s, by the
 * range of the close code. `[CL1]` `[CL3]`
 * It only computes; the session keeps the time.
 */

import { comeBack } from '@tidings/protocol';

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
