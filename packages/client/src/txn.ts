/**
 * Makes transaction ids: UUIDv7 (RFC 9562) that never repeat and always grow within one maker,
 * so that rows sorted by txn are in the order in which they were made. `[CM1]` Those of an earlier
 * maker are followed, too, though the clock may have been set back since.
 */

import type { TxnId } from '@tidings/protocol';
import type { Clock, Random } from './clock.ts';

/** The time in a UUIDv7: its first 48 bits. */
const TIMED = /^([0-9a-f]{8})-([0-9a-f]{4})-7/;

export class TxnMaker {
  private readonly clock: Clock;
  private readonly random: Random;
  private last = 0;
  private counter = 0;

  constructor(clock: Clock, random: Random) {
    this.clock = clock;
    this.random = random;
  }

  /** All that is made from here on is greater than this one. */
  follow(txn: TxnId): void {
    const [, high, low] = TIMED.exec(txn) ?? [];
    const millis = high && low ? Number.parseInt(high + low, 16) : 0;
    if (millis < this.last) return;
    // Whatever its counter was, the next millisecond is after it.
    this.last = millis + 1;
    this.counter = -1;
  }

  next(): TxnId {
    const now = this.clock.wall();
    if (now > this.last) {
      this.last = now;
      this.counter = 0;
    } else if (++this.counter > 0xfff) {
      // More than 4096 in one millisecond, or a clock set back: borrow from the future.
      this.last += 1;
      this.counter = 0;
    }
    const bytes = this.random.bytes(16);
    let millis = this.last;
    for (let i = 5; i >= 0; i--) {
      bytes[i] = millis % 256;
      millis = Math.floor(millis / 256);
    }
    bytes[6] = 0x70 | (this.counter >> 8);
    bytes[7] = this.counter & 0xff;
    bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return [
      hex.slice(0, 8),
      hex.slice(8, 12),
      hex.slice(12, 16),
      hex.slice(16, 20),
      hex.slice(20),
    ].join('-');
  }
}
