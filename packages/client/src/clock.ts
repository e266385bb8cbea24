/**
 * What the client takes from outside so that it runs the same in a page, in a bot and in a test:
 * time and randomness. Nothing in this package reads a clock or rolls dice by itself, except
 * system.ts, which gives the real ones.
 */

export interface Clock {
  /**
   * Milliseconds since some moment, for deadlines. It never goes back, whatever is done to the
   * clock of the machine, and it counts the time that the machine sleeps.
   */
  now(): number;
  /** Milliseconds since 1970 as the machine has it, for ids and for people. It may jump. */
  wall(): number;
  /** Calls once when `ms` of `now` have passed; gives back how to cancel it. */
  after(ms: number, call: () => void): () => void;
}

export interface Random {
  /** A number in [0, 1). */
  unit(): number;
  /** `count` random bytes, for ids. */
  bytes(count: number): Uint8Array;
}
