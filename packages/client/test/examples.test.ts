import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { UserId } from '@tidings/protocol';
import { afterEach, expect, it, vi } from 'vitest';
import { hello } from '../examples/parts.ts';
import {
  connect,
  Ended,
  listen,
  RefusalError,
  say,
  Unreachable,
  type FetchLike,
  type MakeSocket,
  type SocketLike,
} from '../src/index.ts';
import { FakeServer } from './fake-server.ts';
import { systemClock } from '../src/system.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
const BASE = 'https://chat.example';

/** The sockets of one user, with the server behind them. */
function sockets(server: FakeServer, user: UserId, token: string): MakeSocket {
  return (url) => {
    expect(url).toBe('wss://chat.example/api/v1/socket');
    const socket: SocketLike = {
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      send(text) {
        const frame = JSON.parse(text);
        if (frame.type === 'hello') expect(frame.token).toBe(token);
        connection.send(frame);
      },
      close: (code) => connection.close(code ?? 1000),
    };
    const connection = server.transport(user).connect({
      opened: () => socket.onopen?.({} as never),
      frame: (frame) => socket.onmessage?.({ data: JSON.stringify(frame) } as never),
      heard: () => undefined,
      closed: (code) => socket.onclose?.({ code } as never),
    });
    return socket;
  };
}

function world() {
  const server = new FakeServer(systemClock);
  const [ada, bot] = [server.addUser('ada'), server.addUser('bot')];
  const room = server.addRoom('a', [ada, bot]);
  const texts = () => [...server.room(room).state.messages.values()].map(({ text }) => text);
  const network = { fetch: server.fetch(bot), socket: sockets(server, bot, 'secret') };
  return { server, ada, bot, room, texts, network };
}

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** A client of `connect` on the network of a world. */
function short({ network }: ReturnType<typeof world>, patienceMs = 5_000) {
  class WebSocket {
    constructor(url: string, protocols: string[]) {
      return network.socket(url, protocols);
    }
  }
  return connect(`${BASE}/`, 'secret', { fetch: network.fetch, WebSocket, patienceMs });
}

it('connect, listen and say need nothing else', async () => {
  const all = world();
  const { server, ada, room, texts } = all;
  server.append(room, ada, { kind: 'message', text: 'before' });
  const client = await short(all);
  expect(client.store.rooms().map(({ id }) => id)).toEqual([room]);
  const heard: unknown[] = [];
  const stop = await listen(client, room, ({ text }) => heard.push(text));
  await say(client, room, 'hello');
  expect(texts()).toEqual(['before', 'hello']);
  server.append(room, ada, { kind: 'message', text: 'one' });
  await vi.waitUntil(() => heard.length === 2);
  stop();
  server.append(room, ada, { kind: 'message', text: 'two' });
  await say(client, room, 'three');
  expect(heard).toEqual(['hello', 'one']);
  await client.stop();
});

it('what cannot be connected says why', async () => {
  await expect(connect('chat.example', 'secret')).rejects.toThrow('looks like https://chat.example');
  await expect(connect(BASE, undefined)).rejects.toThrow('Give the token');
  const refuses: FetchLike = async () => ({
    ok: false,
    status: 401,
    headers: { get: () => null },
    body: null,
    json: async () => ({ code: 'unauthenticated', detail: 'Sign in.' }),
  });
  vi.stubGlobal('WebSocket', undefined);
  await expect(connect(BASE, 'wrong', { fetch: refuses })).rejects.toThrow(Ended);
  const silent: FetchLike = () => new Promise(() => undefined);
  await expect(connect(BASE, 'secret', { fetch: silent, patienceMs: 1 })).rejects.toThrow(Unreachable);
});

it('a room that is not there is refused, to listen and to say', async () => {
  const all = world();
  const client = await short(all);
  const nowhere = 'room_00000000000000000000000000';
  await expect(listen(client, nowhere, () => undefined)).rejects.toThrow(RefusalError);
  await expect(say(client, nowhere, 'hello')).rejects.toThrow(RefusalError);
  await client.stop();
});

it('the README shows the examples word for word', async () => {
  const read = (path: string) => readFile(join(HERE, '..', path), 'utf8');
  const blocks = [...(await read('README.md')).matchAll(/```ts\n([^]*?)```/g)].map(([, code]) => code);
  const names = ['hello.ts', 'parts.ts'];
  const examples = await Promise.all(names.map((name) => read(`examples/${name}`)));
  expect(blocks).toEqual(examples.map((text) => text.slice(text.indexOf('import'))));
});

it('what the README shows runs with what the runtime has', async () => {
  const { server, bot, room, texts, network } = world();
  vi.stubGlobal('fetch', network.fetch);
  vi.stubGlobal(
    'WebSocket',
    class {
      constructor(url: string, protocols: string[]) {
        return sockets(server, bot, 'secret')(url, protocols);
      }
    },
  );
  const shown: unknown[] = [];
  vi.spyOn(console, 'log').mockImplementation((text: unknown) => shown.push(text));
  const client = await hello(BASE, 'secret', room);
  await vi.waitUntil(() => shown.includes('hello'));
  expect(texts()).toEqual(['hello']);
  await client.stop();
});
