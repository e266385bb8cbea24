/**
 * Waiting for what a locator cannot wait for: asks again until it is so, or fails with what was
 * seen last. Nothing in the stories waits for time to pass by itself.
 */

import { setTimeout as pause } from 'node:timers/promises';

/** How long anything in a story may take. Generous: a loaded machine is slow, not wrong. */
export const DEADLINE_MS = 30_000;
/** Between two looks; a server that is asked without pause refuses to answer. */
const LOOK_AGAIN_MS = 40;

/** Repeats `look` until it gives something true, and gives that. `told` describes a failure. */
export async function until(what, look, told = () => '') {
  const end = Date.now() + DEADLINE_MS;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > end) throw new Error(`waited in vain: ${what}. ${await told()}`);
    await pause(LOOK_AGAIN_MS);
  }
}
