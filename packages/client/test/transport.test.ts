import type { Event, RoomId, ServerFrame } from '@tidings/protocol';
import { CLOSE } from '@tidings/protocol';
import { describe, expect, it } from 'vitest';
import {
  RefusalError,
  Rest,
  SseTransport,
  Unreachable,
  WebSocketTransport,
  type ResponseLike,
  type SocketLike,
} from '../src/index.ts';
import { EventStreamReader } from '../src/transport/event-stream.ts';
import { settle } from './virtual-clock.ts';

const ROOM: RoomId = 'room_a';

function answer(status: number, body: unknown, header: string | null = null): ResponseLike {
  return {
    ok: status < 400,
    status,
    headers: { get: () => header },
    body: null,
    json: async () => body,
  };
}

function event(seq: number): Event {
  return {
    shard: 0,
    position: seq,
    log: ROOM,
    seq,
    id: `evt_${seq}`,
    at: '2026-11-20T21:00:00.000Z',
    actor: 'user_ada',
    count: seq,
    content: { kind: 'message', text: `${seq}` },
  };
}

describe('[SE1] the reader of an event stream', () => {
  it('reads the same in pieces of any size', () => {
    const text =
      'retry: 500\r\n\r\n: hello\nid: c1\ndata: {"a":1}\n\ndata: one\ndata:two\r\rid: c2\ndata: last\n\n';
    const whole = new EventStreamReader().push(text);
    expect(whole.map(({ id, data }) => [id, data])).toEqual([
      ['c1', '{"a":1}'],
      ['c1', 'one\ntwo'],
      ['c2', 'last'],
    ]);
    for (let size = 1; size < 9; size++) {
      const reader = new EventStreamReader();
      const pieces = text.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? [];
      expect(pieces.flatMap((piece) => reader.push(piece))).toEqual(whole);
    }
  });
});

describe('REST', () => {
  it('[RE3] turns problem details into a refusal', async () => {
    const problem = { status: 429, code: 'rate_limited', detail: 'Wait.', retry_after_ms: 1_500 };
    const rest = new Rest({ base: '', fetch: async () => answer(429, problem) });
    const error = await rest.me().catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(RefusalError);
    expect((error as RefusalError).refusal).toEqual({
      code: 'rate_limited',
      message: 'Wait.',
      retry_after_ms: 1_500,
    });
  });

  it('makes a refusal of a proxy’s page, too', async () => {
    const page = { ...answer(503, null, '2'), json: () => Promise.reject(new Error('html')) };
    const rest = new Rest({ base: '', fetch: async () => page });
    const error = await rest.me().catch((cause: unknown) => cause);
    expect((error as RefusalError).refusal).toMatchObject({
      code: 'unavailable',
      retry_after_ms: 2_000,
    });
  });

  it('says so when nobody answers', async () => {
    const rest = new Rest({ base: '', fetch: () => Promise.reject(new TypeError('network')) });
    await expect(rest.me()).rejects.toBeInstanceOf(Unreachable);
  });

  it('calls `fetch` on its own, as a page wants it', async () => {
    const seen: unknown[] = [];
    const rest = new Rest({
      base: '',
      async fetch(this: unknown) {
        seen.push(this);
        return answer(200, {});
      },
    });
    await rest.me();
    expect(seen).toEqual([undefined]);
  });

  it('[RE1] asks for the cookie when signing in, and only then', async () => {
    const seen: Record<string, string>[] = [];
    const rest = new Rest({
      base: '',
      cookie: true,
      fetch: async (_url, { headers }) => {
        seen.push(headers);
        return answer(201, {});
      },
    });
    await rest.signIn({ username: 'ada', password: 'secret' });
    await rest.me();
    expect(seen.map((headers) => headers['x-tidings-cookie'])).toEqual(['1', undefined]);
  });
});

describe('[FR1] the WebSocket transport', () => {
  it('[HS1] greets with the token it was given, and tells it nowhere else', () => {
    const sent: string[] = [];
    const made: string[] = [];
    const socket = { send: (text: string) => sent.push(text), close: () => undefined };
    const make = (url: string) => {
      made.push(url);
      return socket as unknown as SocketLike;
    };
    const events = {
      opened: () => undefined,
      frame: () => undefined,
      heard: () => undefined,
      closed: () => undefined,
    };
    const given = new WebSocketTransport('ws://server', make, 'secret').connect(events);
    given.send({ type: 'hello', since: 'c1' });
    given.send({ type: 'ping' });
    new WebSocketTransport('ws://server', make).connect(events).send({ type: 'hello' });
    expect(sent.map((text) => JSON.parse(text) as unknown)).toEqual([
      { type: 'hello', since: 'c1', token: 'secret' },
      { type: 'ping' },
      { type: 'hello' },
    ]);
    expect(made).toEqual(['ws://server', 'ws://server']);
  });

  it('takes the errors of a socket, which some throw when nobody does', () => {
    const socket = { close: () => undefined } as unknown as SocketLike;
    const told: number[] = [];
    new WebSocketTransport('ws://server', () => socket).connect({
      opened: () => undefined,
      frame: () => undefined,
      heard: () => undefined,
      closed: (code) => told.push(code),
    });
    if (!socket.onerror) throw new Error('ECONNREFUSED, which nobody took');
    socket.onerror({} as never);
    expect(told).toEqual([]);
    socket.onclose?.({ code: 1006 } as never);
    expect(told).toEqual([1006]);
  });

  it('carries frames, and is silent after the end', () => {
    const sent: string[] = [];
    const socket: SocketLike = {
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      send: (text) => sent.push(text),
      close: () => undefined,
    };
    const told: unknown[] = [];
    const made: unknown[] = [];
    const transport = new WebSocketTransport('ws://server/api/v1/socket', (url, protocols) => {
      made.push([url, protocols]);
      return socket;
    });
    const connection = transport.connect({
      opened: () => told.push('opened'),
      frame: (frame) => told.push(frame),
      heard: () => told.push('heard'),
      closed: (code) => told.push(code),
    });
    const say = (data: unknown) => socket.onmessage?.({ data } as never);
    socket.onopen?.({} as never);
    connection.send({ type: 'ping' });
    say('{"type":"pong"}');
    say('not json');
    socket.onclose?.({ code: 4000 } as never);
    say('{"type":"pong"}');
    connection.send({ type: 'ping' });
    expect(made).toEqual([['ws://server/api/v1/socket', ['tidings.v1.json']]]);
    expect(sent).toEqual(['{"type":"ping"}']);
    expect(told).toEqual(['opened', { type: 'pong' }, 'heard', 4000]);
  });
});

describe('the SSE transport', () => {
  /** A server that answers by address, and a stream that a test writes. */
  function bench(routes: Record<string, unknown>) {
    const calls: string[] = [];
    let push: (text: string) => void = () => undefined;
    let end: () => void = () => undefined;
    const chunks: ((chunk: { done: boolean; value?: Uint8Array }) => void)[] = [];
    const ready: { done: boolean; value?: Uint8Array }[] = [];
    const give = (chunk: { done: boolean; value?: Uint8Array }) => {
      const waiting = chunks.shift();
      if (waiting) waiting(chunk);
      else ready.push(chunk);
    };
    push = (text) => give({ done: false, value: new TextEncoder().encode(text) });
    end = () => give({ done: true });
    const read = () => {
      const chunk = ready.shift();
      return chunk
        ? Promise.resolve(chunk)
        : new Promise<{ done: boolean; value?: Uint8Array }>((done) => chunks.push(done));
    };
    const rest = new Rest({
      base: '',
      fetch: async (url, { method }) => {
        const path = url.replace('/api/v1', '');
        calls.push(`${method} ${path}`);
        if (path.startsWith('/events')) {
          if (routes['/events']) return answer(routes['/events'] as number, {});
          const body = { getReader: () => ({ read, cancel: async () => undefined }) };
          return { ...answer(200, null), body };
        }
        const found = Object.entries(routes).find(([start]) => path.startsWith(start));
        return found ? answer(found[1] === null ? 204 : 200, found[1]) : answer(404, {});
      },
    });
    const frames: (ServerFrame | number | string)[] = [];
    const connection = new SseTransport(rest).connect({
      opened: () => frames.push('opened'),
      frame: (frame) => frames.push(frame),
      heard: () => undefined,
      closed: (code) => frames.push(code),
    });
    return { calls, frames, connection, push, end };
  }

  it('[SE1] resumes from the cursor and passes each cursor on', async () => {
    const { calls, frames, connection, push, end } = bench({});
    await settle();
    connection.send({ type: 'hello', since: 'c0' });
    await settle();
    push('id: c1\ndata: {"type":"ready"}\n\n');
    await settle();
    end();
    await settle();
    expect(calls).toEqual(['GET /events?since=c0']);
    expect(frames).toEqual(['opened', { type: 'ready' }, { type: 'cursor', cursor: 'c1' }, 1006]);
  });

  it('says what a refused stream means', async () => {
    const codes = { 401: CLOSE.unauthenticated, 404: 1013, 429: CLOSE.rate_limited, 503: 1013 };
    for (const [status, code] of Object.entries(codes)) {
      const { frames, connection } = bench({ '/events': Number(status) });
      await settle();
      connection.send({ type: 'hello' });
      await settle();
      expect(frames).toEqual(['opened', code]);
    }
  });

  it('[SB3] opens a room by reading its log', async () => {
    const { frames, connection } = bench({
      '/rooms/room_a/events?after=1': { events: [event(2), event(3)], head: 3 },
    });
    await settle();
    connection.send({ type: 'open', room: ROOM, after: 1 });
    await settle();
    expect(frames.slice(1)).toEqual([
      { type: 'opened', room: ROOM, from: 1, head: 3 },
      { type: 'event', ...event(2) },
      { type: 'event', ...event(3) },
    ]);
  });

  it('[SB4] starts over at the head when too much is missing', async () => {
    const { frames, connection } = bench({
      '/rooms/room_a/events?after=1': { events: [event(2)], head: 900 },
    });
    await settle();
    connection.send({ type: 'open', room: ROOM, after: 1 });
    await settle();
    expect(frames.slice(1)).toEqual([{ type: 'opened', room: ROOM, from: 900, head: 900 }]);
  });

  it('[CM2] answers commands as the socket would', async () => {
    const { frames, connection } = bench({
      '/rooms/room_a/messages/evt_1/reactions': null,
      '/rooms/room_a/messages': event(4),
    });
    await settle();
    const content = { kind: 'text', text: 'hi' } as const;
    connection.send({ type: 'send', txn: 't1', room: ROOM, content });
    connection.send({ type: 'react', txn: 't2', room: ROOM, message: 'evt_1', emoji: '👍' });
    connection.send({ type: 'mark', txn: 't3', room: ROOM, seq: 4 });
    await settle();
    // Each is its own request; the answers may overtake each other.
    const answers = frames.slice(1) as (ServerFrame & { txn: string })[];
    expect(answers.sort((a, b) => (a.txn < b.txn ? -1 : 1))).toEqual([
      { ...event(4), type: 'event', txn: 't1', answer: true },
      { type: 'unchanged', txn: 't2', log: ROOM },
      expect.objectContaining({ type: 'refused', txn: 't3' }),
    ]);
  });
});
