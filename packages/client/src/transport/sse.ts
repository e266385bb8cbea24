/**
 * The stream over server-sent events, with commands over REST: what is left when a proxy lets no
 * WebSocket through. It reads with `fetch`, so the token stays out of the address. `[SE1]`
 * Towards the session it speaks the socket's frames: `open` replays from REST, `opened` tells it.
 */

import {
  CLOSE,
  OPEN_REPLAY_EVENTS_MAX,
  type ClientFrame,
  type Hello,
  type RoomId,
  type Seq,
} from '@tidings/protocol';
import { RefusalError, type Rest } from '../rest.ts';
import { parseFrame, type Connection, type Transport, type TransportEvents } from '../transport.ts';
import { EventStreamReader } from './event-stream.ts';
import { command } from './rest-commands.ts';

export class SseTransport implements Transport {
  readonly name = 'sse';
  private readonly rest: Rest;

  constructor(rest: Rest) {
    this.rest = rest;
  }

  connect(events: TransportEvents): Connection {
    const stream = new SseConnection(this.rest, events);
    // As a socket would: not before the caller holds the connection.
    void Promise.resolve().then(() => stream.opened());
    return stream;
  }
}

class SseConnection implements Connection {
  private readonly rest: Rest;
  private readonly events: TransportEvents;
  private over = false;
  private stop: () => void = () => undefined;

  constructor(rest: Rest, events: TransportEvents) {
    this.rest = rest;
    this.events = events;
  }

  opened(): void {
    if (!this.over) this.events.opened();
  }

  send(frame: ClientFrame): void {
    switch (frame.type) {
      case 'hello':
        void this.listen(frame);
        return;
      case 'open':
        void this.open(frame.room, frame.after);
        return;
      case 'ping':
        void this.ping();
        return;
      // Signals need the socket.
      case 'close':
      case 'typing':
      case 'presence':
      case 'watch':
        return;
      default:
        void command(this.rest, frame).then((answer) => {
          if (!this.over) this.events.frame(answer);
        });
    }
  }

  close(): void {
    this.over = true;
    this.stop();
  }

  private end(code: number): void {
    if (this.over) return;
    this.close();
    this.events.closed(code);
  }

  private async listen(hello: Hello): Promise<void> {
    try {
      const response = await this.rest.stream(hello.since);
      const reader = response.body?.getReader();
      if (!reader) return this.end(1006);
      this.stop = () => void reader.cancel().catch(() => undefined);
      if (this.over) return this.stop();
      const decoder = new TextDecoder();
      const lines = new EventStreamReader();
      let greeted = false;
      for (;;) {
        const { done, value } = await reader.read();
        if (this.over) return;
        if (done) return this.end(1006);
        this.events.heard();
        for (const { id, data } of lines.push(decoder.decode(value, { stream: true }))) {
          const frame = parseFrame(data);
          if (frame) this.events.frame(frame);
          // The cursor after the frame: nothing is repeated, nothing left out. [CU4]
          if (id && !this.over) this.events.frame({ type: 'cursor', cursor: id });
          if (!greeted && (frame?.type === 'ready' || frame?.type === 'reset')) {
            greeted = true;
            for (const room of hello.open ?? []) void this.open(room.room, room.after);
          }
          if (this.over) return;
        }
      }
    } catch (error) {
      this.end(closeCodeOf(error));
    }
  }

  /** Nothing answers a ping on the stream; any answer of the server proves that the network is there. */
  private async ping(): Promise<void> {
    try {
      await this.rest.me();
    } catch (error) {
      if (!(error instanceof RefusalError)) return this.end(1006);
    }
    if (!this.over) this.events.heard();
  }

  /** Does what the server does for `open` on the socket: replays, or starts over at the head. */
  private async open(room: RoomId, after: Seq | undefined): Promise<void> {
    try {
      if (after === undefined) {
        const { head } = await this.rest.room(room);
        if (!this.over) this.events.frame({ type: 'opened', room, from: head, head });
        return;
      }
      let from = after;
      for (let page = await this.rest.events(room, from); ; page = await this.rest.events(room, from)) {
        if (this.over) return;
        const far = page.head - after > OPEN_REPLAY_EVENTS_MAX || page.head < after;
        if (from === after) {
          this.events.frame({ type: 'opened', room, from: far ? page.head : after, head: page.head });
        }
        if (far) return;
        for (const event of page.events) {
          if (!this.over) this.events.frame({ ...event, type: 'event' });
          from = event.seq;
        }
        if (from >= page.head || page.events.length === 0) return;
      }
    } catch (error) {
      if (this.over) return;
      if (error instanceof RefusalError) {
        this.events.frame({ type: 'refused', room, refusal: error.refusal });
      } else {
        this.end(1006);
      }
    }
  }
}

/** The close code that says the same as a failed request. */
function closeCodeOf(error: unknown): number {
  if (!(error instanceof RefusalError)) return 1006;
  if (error.status === 401) return CLOSE.unauthenticated;
  if (error.status === 429) return CLOSE.rate_limited;
  // A proxy's page, or trouble: it may be gone in a while.
  return 1013;
}
