/**
 * Ready parts for where the client runs for real: the machine's clock, its dice, its sockets. A
 * page and Node 22 have all of them; Node 20 has no `WebSocket`, so there the `ws` package gives
 * one. This is the only file that takes anything from the runtime's global scope by itself.
 */

import type { Clock, Random } from './clock.ts';
import type { FetchLike } from './rest.ts';
import type { MakeSocket, SocketLike } from './transport/websocket.ts';

/** What a clock is made of. */
export interface TimeSource {
  /** Milliseconds that only grow; they may stand still while the machine sleeps. */
  steady(): number;
  /** Milliseconds since 1970; they jump when somebody sets the clock. */
  wall(): number;
  /** The timers, which stand still when `steady` does. */
  after(ms: number, call: () => void): () => void;
}

/** A class of sockets: the standard's, or that of the package `ws`. */
export type SocketClass = new (url: string, protocols: string[]) => unknown;

/** The parts of the global scope that are used, by whatever names a runtime's types know them. */
interface Runtime {
  performance: { now(): number };
  crypto: { getRandomValues(bytes: Uint8Array): Uint8Array };
  setTimeout(call: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
  fetch: FetchLike;
  WebSocket?: SocketClass | undefined;
}

const runtime = globalThis as unknown as Runtime;

/** By so much the wall clock has to run ahead of the steady one before it counts as sleep. */
const SLEPT_MS = 2_000;
/** How long a timer may run before it looks whether the machine slept meanwhile. */
const LOOK_MS = 10_000;

/**
 * A clock for deadlines from the two that a machine has. Set back, the wall clock changes nothing;
 * where it runs ahead, the machine slept (or somebody set it ahead, which is answered the same:
 * all deadlines come, and the connection has to prove itself).
 */
export function clockOf(source: TimeSource): Clock {
  let ahead = source.wall() - source.steady();
  let slept = 0;

  function now(): number {
    const steady = source.steady();
    const drift = source.wall() - steady - ahead;
    if (Math.abs(drift) >= SLEPT_MS) {
      ahead += drift;
      slept += Math.max(0, drift);
    }
    return steady + slept;
  }

  return {
    now,
    wall: () => source.wall(),
    after(ms, call) {
      const at = now() + ms;
      let cancel = () => undefined as void;
      const wait = () => {
        const left = Math.max(0, at - now());
        cancel = source.after(Math.min(left, LOOK_MS), () => {
          if (now() >= at) call();
          else wait();
        });
      };
      wait();
      return () => cancel();
    },
  };
}

/** The clock of this machine. */
export const systemClock: Clock = clockOf({
  steady: () => runtime.performance.now(),
  wall: () => Date.now(),
  after(ms, call) {
    const timer = runtime.setTimeout(call, ms);
    return () => runtime.clearTimeout(timer);
  },
});

/** Chance that nobody can foresee, for ids; the jitter needs no more than `Math.random`. */
export const cryptoRandom: Random = {
  unit: () => Math.random(),
  bytes: (count) => runtime.crypto.getRandomValues(new Uint8Array(count)),
};

/** Makes the sockets of `WebSocketTransport` with this class, or the runtime's own; null where there is none. */
export function webSocketOrNull(socket = runtime.WebSocket): MakeSocket | null {
  return socket ? (url, protocols) => new socket(url, protocols) as SocketLike : null;
}

/**
 * Makes the sockets of `WebSocketTransport` with the runtime's own `WebSocket`. Where there is none
 * (Node before 22), give the class of the `ws` package.
 */
export function webSocket(socket = runtime.WebSocket): MakeSocket {
  const make = webSocketOrNull(socket);
  if (make) return make;
  throw new Error('There is no WebSocket here: use Node 22 or later, or webSocket(WebSocket) of the ws package.');
}

/** The network of this machine. */
export function runtimeFetch(): FetchLike {
  // Looked up at each call, as a page or a test may replace it.
  return (url, request) => runtime.fetch(url, request);
}
