import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { UserId } from '@tidings/protocol';
import { afterEach, expect, it, vi } from 'vitest';
import { connect, echo } from '../examples/echo.ts';
import { hello } from '../examples/hello.ts';
import type { MakeSocket, SocketLike } from '../src/index.ts';
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

it('the bot says again what others say, from when it came', async () => {
  const { server, ada, room, texts, network } = world();
  server.append(room, ada, { kind: 'message', text: 'before' });
  const client = await connect({ base: BASE, token: 'secret', network });
  const stop = echo(client, room);
  await vi.waitUntil(() => (client.store.timeline(room)?.head ?? 0) > 0);
  await vi.waitUntil(() => client.store.connection.phase === 'live');
  server.append(room, ada, { kind: 'message', text: 'one' });
  await vi.waitUntil(() => texts().length === 3);
  server.append(room, ada, { kind: 'message', text: 'two' });
  await vi.waitUntil(() => texts().length === 5);
  expect(texts()).toEqual(['before', 'one', 'one', 'two', 'two']);
  stop();
  await client.stop();
});

it('the README shows an example word for word', async () => {
  const read = (path: string) => readFile(join(HERE, '..', path), 'utf8');
  const code = /```ts\n([^]*?)```/.exec(await read('README.md'))?.[1];
  const example = await read('examples/hello.ts');
  expect(code).toBe(example.slice(example.indexOf('import')));
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
