/**
 * What the client takes from outside so that it runs the same in a page, in a bot and in a test:
 * time and randomness. Nothing in this package reads a clock or rolls dice by itself.
 */

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls once after `ms`; gives back how to cancel it. */
  after(ms: number, call: () => void): () => void;
}

export interface Random {
  /** A number in [0, 1). */
  unit(): number;
  /** `count` random bytes, for ids. */
  bytes(count: number): Uint8Array;
}
