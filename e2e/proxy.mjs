/**
 * A proxy that lets no WebSocket through, as some companies have one: HTTP passes, an upgrade is
 * refused. It owns its port, and outlives the server behind it.
 */

import { once } from 'node:events';
import { createServer, request } from 'node:http';

export class Proxy {
  /** How many upgrades were refused. */
  refused = 0;
  #server;
  #sockets = new Set();

  /** A proxy before the server at this address. */
  static async before(base) {
    const proxy = new Proxy();
    const { hostname, port } = new URL(base);
    proxy.#server = createServer((asked, answer) => {
      const { method, url: path, headers } = asked;
      // The server takes a cookie from its own page only: its address is the one in front.
      const passed = request({ hostname, port, method, path, headers }, (given) => {
        answer.writeHead(given.statusCode, given.headers);
        given.pipe(answer);
        given.on('error', () => answer.destroy());
      });
      passed.on('error', () => answer.destroy());
      answer.on('close', () => passed.destroy());
      asked.pipe(passed);
    });
    proxy.#server.on('upgrade', (_asked, socket) => {
      proxy.refused += 1;
      socket.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    });
    proxy.#server.on('connection', (socket) => {
      proxy.#sockets.add(socket);
      socket.on('close', () => proxy.#sockets.delete(socket));
    });
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get base() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** Cuts every connection and takes no more. */
  stop() {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
