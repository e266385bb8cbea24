/**
 * The day it is, as state: what says "Today" changes at midnight, and at the latest when somebody
 * looks, since the timers of a machine that slept come late.
 */

import { dayOf } from './dates.ts';

/** How long after midnight one looks: a timer may come a moment early. */
const AFTER_MS = 250;

class Today {
  /** A moment of this day, in milliseconds since 1970. */
  now = $state(Date.now());
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    document.addEventListener('visibilitychange', () => this.look());
    window.addEventListener('focus', () => this.look());
    this.look();
  }

  private look(): void {
    const now = Date.now();
    if (dayOf(now) !== dayOf(this.now)) this.now = now;
    clearTimeout(this.timer);
    const midnight = new Date(now).setHours(24, 0, 0, 0);
    this.timer = setTimeout(() => this.look(), midnight - now + AFTER_MS);
  }
}

export const today = new Today();
