/** Time and chance for tests: nothing happens until a test lets time pass, and a seed decides the rest. */

import type { Clock, Random } from '../src/index.ts';

interface Timer {
  at: number;
  order: number;
  call: () => void;
}

export class VirtualClock implements Clock {
  private time = 1_700_000_000_000;
  private order = 0;
  private timers: Timer[] = [];

  now(): number {
    return this.time;
  }

  /** What somebody who sets the clock adds to it. */
  wallOffset = 0;

  wall(): number {
    return this.time + this.wallOffset;
  }

  after(ms: number, call: () => void): () => void {
    const timer = { at: this.time + Math.max(0, ms), order: this.order++, call };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  /** Lets time pass: timers fire in order, and promises settle between them. */
  async pass(ms: number): Promise<void> {
    const until = this.time + ms;
    await settle();
    for (;;) {
      const next = this.timers
        .filter((timer) => timer.at <= until)
        .sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (!next) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.time = Math.max(this.time, next.at);
      next.call();
      await settle();
    }
    this.time = until;
  }

  /** A clock that can be stopped alone, as when a process dies. */
  mortal(): Clock & { kill(): void } {
    let dead = false;
    return {
      now: () => this.now(),
      wall: () => this.wall(),
      after: (ms, call) =>
        this.after(ms, () => {
          if (!dead) call();
        }),
      kill: () => {
        dead = true;
      },
    };
  }
}

/** Until every promise that can settle has settled. */
export async function settle(): Promise<void> {
  await new Promise((done) => setImmediate(done));
}

/** Numbers from a seed (mulberry32). */
export function seeded(seed: number): Random & { chance(p: number): boolean; below(n: number): number } {
  let state = seed >>> 0;
  const unit = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    unit,
    bytes: (count) => Uint8Array.from({ length: count }, () => Math.floor(unit() * 256)),
    chance: (p) => unit() < p,
    below: (n) => Math.floor(unit() * n),
  };
}
