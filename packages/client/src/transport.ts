/**
 * One interface for every way to hold the stream: frames go in, frames come out.
 * A transport never decides when to connect or what a frame means; the session does.
 */

import type { ClientFrame, ServerFrame } from '@tidings/protocol';

export type TransportName = 'ws' | 'sse';

/** What a connection tells. After `closed` it tells nothing more. */
export interface TransportEvents {
  /** Open for frames; `hello` goes first. */
  opened(): void;
  frame(frame: ServerFrame): void;
  /** Something was heard that is no frame (a heartbeat). */
  heard(): void;
  /** The end, with a close code of WebSocket's numbers; 1006 when the network gave way. */
  closed(code: number): void;
}

export interface Connection {
  send(frame: ClientFrame): void;
  /** Ends it; `closed` is not called any more. */
  close(code: number): void;
}

export interface Transport {
  readonly name: TransportName;
  connect(events: TransportEvents): Connection;
}

/** Reads one frame; null for what is no frame. Unknown types pass, the session skips them. `[FR2]` */
export function parseFrame(text: string): ServerFrame | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || !('type' in value)) return null;
  return typeof value.type === 'string' ? (value as ServerFrame) : null;
}
