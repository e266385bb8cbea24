/** What the README shows of an app: a client made of parts, so that each can be another. */

import {
  Client,
  MemoryStorage,
  NoLocks,
  Rest,
  SseTransport,
  WebSocketTransport,
  type RoomId,
} from '@tidings/client';
import { cryptoRandom, systemClock, webSocket } from '@tidings/client/system';

/** `base` is the server's address, `token` what a sign-in answered, `room` the id of a room. */
export async function hello(base: string, token: string, room: RoomId): Promise<Client> {
  const rest = new Rest({ fetch, base, headers: { authorization: `Bearer ${token}` } });
  const address = `${base.replace(/^http/, 'ws')}/api/v1/socket`;
  const client = await Client.open({
    rest,
    transports: [new WebSocketTransport(address, webSocket(), token), new SseTransport(rest)],
    storage: new MemoryStorage(),
    clock: systemClock,
    random: cryptoRandom,
    locks: new NoLocks(),
  });
  client.start();
  await client.show(room);
  client.store.topics.on(`timeline:${room}`, () => {
    console.log(client.store.timeline(room)?.messages().at(-1)?.text);
  });
  await client.send(room, 'hello');
  return client;
}
