import { describe, expect, it } from 'vitest';
import { clockOf, cryptoRandom, systemClock, webSocket, type TimeSource } from '../src/system.ts';

/** A machine that sleeps, and whose clock people set. */
class Machine implements TimeSource {
  private uptime = 5_000;
  private set = 1_700_000_000_000;
  private timers: { at: number; call: () => void }[] = [];

  steady(): number {
    return this.uptime;
  }

  wall(): number {
    return Math.floor(this.set + this.uptime);
  }

  after(ms: number, call: () => void): () => void {
    const timer = { at: this.uptime + ms, call };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  pass(ms: number): void {
    const until = this.uptime + ms;
    for (;;) {
      const next = this.timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.uptime = Math.max(this.uptime, next.at);
      next.call();
    }
    this.uptime = until;
  }

  /** The lid is closed: the uptime and the timers stand still. */
  sleep(ms: number): void {
    this.set += ms;
  }

  setClock(by: number): void {
    this.set += by;
  }
}

describe('a clock for deadlines', () => {
  it('goes on when the clock of the machine is set back', () => {
    const machine = new Machine();
    const clock = clockOf(machine);
    const start = clock.now();
    let called = 0;
    clock.after(1_000, () => (called += 1));
    clock.after(30_000, () => (called += 10));
    for (let i = 1; i <= 40; i++) {
      machine.setClock(-3_600_000);
      machine.pass(1_000);
      expect(clock.now() - start).toBe(i * 1_000);
    }
    expect(called).toBe(11);
    expect(clock.wall()).toBe(machine.wall());
  });

  it('counts the time asleep, and tells soon after waking that it passed', () => {
    const machine = new Machine();
    const clock = clockOf(machine);
    const start = clock.now();
    let called: number | null = null;
    clock.after(600_000, () => (called = clock.now() - start));
    machine.pass(60_000);
    machine.sleep(3_600_000);
    expect(clock.now() - start).toBe(3_660_000);
    machine.pass(10_000);
    expect(called).toBeLessThanOrEqual(3_670_000);
  });

  it('runs no faster the more often it is read', () => {
    const machine = new Machine();
    const clock = clockOf(machine);
    const start = clock.now();
    for (let i = 0; i < 100_000; i++) {
      machine.pass(0.1);
      clock.now();
    }
    expect(clock.now() - start).toBeCloseTo(10_000, 3);
  });

  it('forgets a timer that is cancelled, after it looked, too', () => {
    const machine = new Machine();
    const clock = clockOf(machine);
    let called = 0;
    const cancel = clock.after(60_000, () => (called += 1));
    clock.after(0, () => (called += 10));
    machine.pass(25_000);
    cancel();
    machine.pass(100_000);
    expect(called).toBe(10);
  });
});

describe('what this runtime gives', () => {
  it('is time and chance', async () => {
    const before = systemClock.now();
    await new Promise<void>((done) => systemClock.after(1, done));
    expect(systemClock.now()).toBeGreaterThanOrEqual(before + 1);
    expect(systemClock.wall()).toBeGreaterThan(1_700_000_000_000);
    expect(cryptoRandom.bytes(16)).toHaveLength(16);
    expect(cryptoRandom.bytes(16)).not.toEqual(cryptoRandom.bytes(16));
  });

  it('is a socket of the given class, and a plain word where there is none', () => {
    class Socket {
      readonly given: unknown[];
      constructor(...given: unknown[]) {
        this.given = given;
      }
    }
    const made = webSocket(Socket)('wss://chat.example/api/v1/socket', ['tidings.v1.json']);
    expect(made).toBeInstanceOf(Socket);
    expect((made as unknown as Socket).given).toEqual([
      'wss://chat.example/api/v1/socket',
      ['tidings.v1.json'],
    ]);
    const had = Reflect.get(globalThis, 'WebSocket') as unknown;
    if (had === undefined) expect(() => webSocket()).toThrow(/Node 22/);
    else expect(() => webSocket()).not.toThrow();
  });
});
