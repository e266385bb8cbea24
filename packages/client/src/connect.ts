/**
 * The short way in, for bots and scripts: `connect`, `say` and `listen`, with all parts chosen. An
 * app that keeps state over reloads or shows what waits makes its `Client` from parts of its own.
 */

import { CLOSE, OPEN_ROOMS_MAX, type RoomId } from '@tidings/protocol';
import { Client } from './client.ts';
import type { MessageState } from './fold.ts';
import { NoLocks } from './locks.ts';
import { RefusalError, Rest, Unreachable, type FetchLike } from './rest.ts';
import { MemoryStorage, type Storage } from './storage.ts';
import { cryptoRandom, runtimeFetch, systemClock, webSocketOrNull, type SocketClass } from './system.ts';
import type { Transport } from './transport.ts';
import { SseTransport } from './transport/sse.ts';
import { WebSocketTransport } from './transport/websocket.ts';

/** How long `connect` waits for a server that does not answer. */
const PATIENCE_MS = 30_000;
/** Messages of one read after a gap. */
const PAGE = 200;

/** What may differ from the defaults of `connect`. */
export interface ConnectOptions {
  /** Where state is kept; in memory when left out, so that each start begins anew. */
  storage?: Storage | undefined;
  /**
   * The class of sockets: the runtime's own when left out. Where it has none (Node before 22), the
   * stream comes over server-sent events and signals such as typing cannot be sent; give the
   * class of the package `ws` for those.
   */
  WebSocket?: SocketClass | undefined;
  /** The network; the runtime's own `fetch` when left out. */
  fetch?: FetchLike | undefined;
  /** How long to wait for a server that does not answer: 30 s when left out, `Infinity` for ever. */
  patienceMs?: number | undefined;
  /** Told of what failed through nobody's fault outside. */
  trouble?: ((error: unknown) => void) | undefined;
}

/** The server does not want this client as it is; it does not come back by itself. */
export class Ended extends Error {
  override readonly name = 'Ended';
  /** The close code. `[CL1]` */
  readonly code: number | null;

  constructor(code: number | null) {
    super(
      code === CLOSE.unauthenticated
        ? 'The server does not know this token: sign in again for another.'
        : `The server does not want this client back (close code ${code}).`,
    );
    this.code = code;
  }
}

/**
 * Connects and resolves once the rooms are known: `connect('https://chat.example', token)`. From
 * then on the client comes back by itself. Fails with `Ended` when the token is none, with
 * `Unreachable` when nobody answers in time.
 */
export async function connect(
  url: string,
  token: string | undefined,
  options: ConnectOptions = {},
): Promise<Client> {
  const base = url.replace(/\/+$/, '');
  if (!/^https?:\/\/[^/?#\s]+/.test(base)) {
    throw new TypeError(`An address looks like https://chat.example, not ${JSON.stringify(url)}.`);
  }
  if (!token) throw new TypeError('Give the token that a sign-in answered.');
  const rest = new Rest({
    fetch: options.fetch ?? runtimeFetch(),
    base,
    headers: { authorization: `Bearer ${token}` },
  });
  const client = await Client.open({
    rest,
    transports: ways(base, token, rest, options.WebSocket),
    storage: options.storage ?? new MemoryStorage(),
    clock: systemClock,
    random: cryptoRandom,
    locks: new NoLocks(),
    openRooms: OPEN_ROOMS_MAX,
    ...(options.trouble && { trouble: options.trouble }),
  });
  client.start();
  try {
    await up(client, options.patienceMs ?? PATIENCE_MS);
  } catch (error) {
    await client.stop();
    throw error;
  }
  return client;
}

/** The socket where there is one, and what serves where there is none or no proxy lets it through. */
function ways(base: string, token: string, rest: Rest, given?: SocketClass): Transport[] {
  const sse = new SseTransport(rest);
  const make = webSocketOrNull(given);
  if (!make) return [sse];
  return [new WebSocketTransport(`${base.replace(/^http/, 'ws')}/api/v1/socket`, make, token), sse];
}

/** Resolves when the connection is up for the first time. */
function up(client: Client, patienceMs: number): Promise<void> {
  return new Promise((done, failed) => {
    let cancel = () => undefined as void;
    const over = (end: () => void) => {
      stop();
      cancel();
      end();
    };
    const look = () => {
      const { phase, endedBy } = client.store.connection;
      if (phase === 'live') over(done);
      else if (phase === 'ended') over(() => failed(new Ended(endedBy)));
    };
    const stop = client.store.topics.on('connection', look);
    if (patienceMs !== Infinity) {
      cancel = systemClock.after(patienceMs, () =>
        over(() => failed(new Unreachable('The server does not answer.'))),
      );
    }
    look();
  });
}

/**
 * Sends a message and resolves once the server has it on disk. Fails with the server's refusal;
 * while there is no connection it waits, and the message is sent once, however often that breaks.
 */
export async function say(client: Client, room: RoomId, text: string): Promise<void> {
  const txn = await client.send(room, text);
  const { topics } = client.store;
  await new Promise<void>((done, failed) => {
    const over = (end: () => void) => {
      for (const stop of stops) stop();
      end();
    };
    const look = () => {
      const row = client.outbox.get(txn);
      const { phase, endedBy } = client.store.connection;
      if (!row) return over(done);
      if (row.refusal) return over(() => failed(new RefusalError(row.refusal!, 0)));
      if (phase === 'ended') over(() => failed(new Ended(endedBy)));
    };
    const stops = [topics.on(`outbox:${room}`, look), topics.on('connection', look)];
    look();
  });
}

/**
 * Calls for each message that is written in a room from now on, in order and once, also after a
 * long time without a connection; one's own messages come, too. Resolves once the room is
 * followed, with how to stop. At most `OPEN_ROOMS_MAX` rooms are followed at a time.
 */
export async function listen(
  client: Client,
  room: RoomId,
  call: (message: MessageState) => void,
): Promise<() => void> {
  // Says no to a room that is not there, which following it would wait for.
  await client.rest.room(room);
  let heard: { seq: number; count: number } | null = null;
  let busy = false;
  let stopped = false;

  /** What is held after the last that was heard; where something is missing in between, that first. */
  async function next(seq: number, count: number): Promise<readonly MessageState[]> {
    const held = client.store.timeline(room)?.messages() ?? [];
    const fresh = held.filter((message) => message.seq > seq);
    const first = fresh[0];
    if (!first || first.count <= count + 1) return fresh;
    return (await client.rest.messages(room, { after: seq, limit: PAGE })).messages;
  }

  async function pump(): Promise<void> {
    if (busy || heard === null) return;
    busy = true;
    try {
      for (;;) {
        const fresh = await next(heard.seq, heard.count);
        if (!fresh.length || stopped) return;
        for (const message of fresh) {
          heard = { seq: message.seq, count: message.count };
          if (message.text !== null && !stopped) call(message);
        }
      }
    } catch (error) {
      // Not read now; the next change of the room asks again.
      if (!(error instanceof Unreachable || error instanceof RefusalError)) throw error;
    } finally {
      busy = false;
    }
  }

  return new Promise((done) => {
    const stop = () => {
      stopped = true;
      leave();
    };
    const look = () => {
      const timeline = client.store.timeline(room);
      if (!timeline?.head) return;
      if (heard === null) {
        const last = timeline.messages().at(-1);
        heard = last ? { seq: last.seq, count: last.count } : { seq: timeline.head, count: 0 };
        done(stop);
      }
      void pump();
    };
    const leave = client.store.topics.on(`timeline:${room}`, look);
    void client.show(room).then(look);
  });
}
