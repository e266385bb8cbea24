/** What the client takes from outside, as a browser gives it: time, chance, locks, network. */

import {
  Rest,
  WebSocketTransport,
  type Connection,
  type Locks,
  type Transport,
} from '@tidings/client';
import { cryptoRandom, systemClock, webSocket } from '@tidings/client/system';
import { base, href } from './base.ts';

export const clock = systemClock;

export const random = cryptoRandom;

/** Locks among the tabs of one origin. Without Web Locks (plain http on a LAN) every lock is free. */
export const locks: Locks = {
  hold(name) {
    let release: () => void = () => undefined;
    const held = new Promise<void>((done) => (release = done));
    void navigator.locks?.request(name, () => held);
    return release;
  },
  whenFree(name, call) {
    if (!navigator.locks) {
      void call();
      return () => undefined;
    }
    const stop = new AbortController();
    navigator.locks.request(name, { signal: stop.signal }, call).catch(() => undefined);
    return () => stop.abort();
  },
};

export const rest = new Rest({
  fetch: (url, request) => fetch(url, { ...request, credentials: 'same-origin' }),
  base,
  cookie: true,
});

/** The fallback; its code is loaded when it is needed, which is seldom. */
const stream: Transport = {
  name: 'sse',
  connect(events) {
    let connection: Connection | null = null;
    let over = false;
    import('@tidings/client/sse').then(
      ({ SseTransport }) => {
        if (!over) connection = new SseTransport(rest).connect(events);
      },
      () => {
        if (!over) events.closed(1006);
      },
    );
    return {
      send: (frame) => connection?.send(frame),
      close(code) {
        over = true;
        connection?.close(code);
      },
    };
  },
};

/** The ways to hold the stream; `?transport=` of the address allows only one. */
export function transports(): Transport[] {
  const url = new URL(href('/api/v1/socket'), location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  const socket = new WebSocketTransport(url.href, webSocket());
  const forced = new URLSearchParams(location.search).get('transport');
  if (forced === 'ws') return [socket];
  if (forced === 'sse') return [stream];
  return [socket, stream];
}
