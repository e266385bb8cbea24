/**
 * The stream over a WebSocket with JSON frames. `[FR1]` The socket is made by whoever embeds the
 * client; a token goes with the greeting, so that any kind of socket will do. `[HS1]`
 */

import { SUBPROTOCOL_JSON, type ClientFrame } from '@tidings/protocol';
import { jsonOf } from '../text.ts';
import { parseFrame, type Connection, type Transport, type TransportEvents } from '../transport.ts';

/** The part of the standard WebSocket that is used. */
export interface SocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

export type MakeSocket = (url: string, protocols: string[]) => SocketLike;

export class WebSocketTransport implements Transport {
  readonly name = 'ws';
  private readonly url: string;
  private readonly make: MakeSocket;
  private readonly token: string | undefined;

  /** `url` is the whole address, `ws:` or `wss:`. Without a token the handshake says who it is. */
  constructor(url: string, make: MakeSocket, token?: string) {
    this.url = url;
    this.make = make;
    this.token = token;
  }

  connect(events: TransportEvents): Connection {
    const socket = this.make(this.url, [SUBPROTOCOL_JSON]);
    let over = false;
    socket.onopen = () => {
      if (!over) events.opened();
    };
    socket.onmessage = ({ data }: { data: unknown }) => {
      if (over) return;
      const frame = typeof data === 'string' ? parseFrame(data) : null;
      if (frame) events.frame(frame);
      else events.heard();
    };
    socket.onclose = ({ code }: { code: number }) => {
      if (over) return;
      over = true;
      events.closed(code);
    };
    // An error is always followed by the close, which says more. Some sockets throw one nobody takes.
    socket.onerror = () => undefined;
    const { token } = this;
    return {
      send(frame: ClientFrame) {
        if (over) return;
        const greets = frame.type === 'hello' && token !== undefined;
        socket.send(jsonOf(greets ? { ...frame, token } : frame));
      },
      close(code: number) {
        over = true;
        // From a page only 1000 and 3000 to 4999 may be sent.
        socket.close(code === 1000 || code >= 3000 ? code : 1000);
      },
    };
  }
}
