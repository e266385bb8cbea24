/**
 * A bot that says again what others say in one room: the smallest program that uses the client.
 * With Node 22.18 or later, in a checkout: `TIDINGS_TOKEN=… node packages/client/examples/echo.ts
 * https://chat.example room_…`. The token is what a sign-in answers.
 */

import {
  Client,
  MemoryStorage,
  NoLocks,
  Rest,
  SseTransport,
  WebSocketTransport,
  type FetchLike,
  type MakeSocket,
  type RoomId,
} from '@tidings/client';
import { cryptoRandom, systemClock, webSocket } from '@tidings/client/system';

/** Where to connect, and as whom. `network` is what the machine gives, unless a test gives another. */
export interface Account {
  base: string;
  token: string;
  network?: { fetch: FetchLike; socket: MakeSocket };
}

/** A client that starts anew each time. */
export async function connect({ base, token, network }: Account): Promise<Client> {
  const { fetch, socket } = network ?? { fetch: globalThis.fetch, socket: webSocket() };
  const rest = new Rest({ fetch, base, headers: { authorization: `Bearer ${token}` } });
  const address = `${base.replace(/^http/, 'ws')}/api/v1/socket`;
  const client = await Client.open({
    rest,
    // The second serves where a proxy lets no WebSocket through.
    transports: [new WebSocketTransport(address, socket, token), new SseTransport(rest)],
    storage: new MemoryStorage(),
    clock: systemClock,
    random: cryptoRandom,
    locks: new NoLocks(),
  });
  client.start();
  return client;
}

/** Says again what others say from now on; gives back how to stop. */
export function echo(client: Client, room: RoomId): () => void {
  let heard: number | null = null;
  const stop = client.store.topics.on(`timeline:${room}`, () => {
    const timeline = client.store.timeline(room);
    if (!timeline?.head) return;
    const me = client.store.me?.id;
    for (const { seq, actor, text } of timeline.messages()) {
      if (heard !== null && seq > heard && actor !== me && text !== null) void client.send(room, text);
    }
    heard = timeline.head;
  });
  void client.show(room);
  return stop;
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const [base, room] = process.argv.slice(2);
  const token = process.env.TIDINGS_TOKEN;
  if (!base || !room || !token) throw new Error('usage: TIDINGS_TOKEN=… echo.ts <address> <room>');
  const client = await connect({ base, token });
  echo(client, room as RoomId);
  process.once('SIGINT', () => void client.stop());
}
