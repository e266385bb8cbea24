/**
 * One Tidings server in a data folder of its own. It owns the process: starts it, kills it as a
 * power cut would, starts it again on the same port and data, and leaves nothing behind.
 */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DEADLINE_MS } from './wait.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
/** The built app; a debug server reads it from here, too. */
export const DIST = join(ROOT, 'web/dist');
/** What the log is looked through for at the end. */
const TROUBLE = / ERROR |panicked at/;
const LOG_LINES = 400;

export class Server {
  /** `http://127.0.0.1:<port>`. */
  base = '';
  #data;
  #process = null;
  #log = [];
  #flags;

  constructor(data, flags) {
    this.#data = data;
    this.#flags = flags;
  }

  /** `flags` are more of `tidings serve`. */
  static async start(flags = []) {
    const server = new Server(await mkdtemp(join(tmpdir(), 'tidings-e2e-')), flags);
    try {
      await server.#spawn('127.0.0.1:0');
    } catch (error) {
      await server.stop().catch(() => undefined);
      throw error;
    }
    return server;
  }

  /** `kill -9`: no goodbye, nothing flushed. */
  async kill() {
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await gone;
    this.#process = null;
  }

  /** Starts again on the same port and data. */
  async restart() {
    await this.#spawn(new URL(this.base).host);
  }

  /** Ends it in good order and removes its data. Fails when its log tells of trouble. */
  async stop() {
    const child = this.#process;
    this.#process = null;
    try {
      if (child && child.exitCode === null && child.signalCode === null) {
        const gone = once(child, 'exit', { signal: AbortSignal.timeout(DEADLINE_MS) });
        child.kill('SIGTERM');
        await gone.catch((error) => {
          child.kill('SIGKILL');
          throw new Error('the server did not end when asked to', { cause: error });
        });
      }
    } finally {
      await rm(this.#data, { recursive: true, force: true });
    }
    const trouble = this.#log.filter((line) => TROUBLE.test(line));
    if (trouble.length) throw new Error(`the server's log tells of trouble:\n${trouble.join('\n')}`);
  }

  /** The newest lines of its log. */
  log() {
    return this.#log.slice(-40).join('\n');
  }

  async #spawn(listen) {
    const args = ['serve', '--listen', listen, '--data', this.#data, '--drain-jitter-ms', '0'];
    args.push('--drain-delay-ms', '0', ...this.#flags);
    const env = { ...process.env, NO_COLOR: '1' };
    const child = spawn(binary(), args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    // However the run ends, the server ends with it.
    const reap = () => child.kill('SIGKILL');
    process.once('exit', reap);
    child.once('exit', () => process.off('exit', reap));
    createInterface({ input: child.stderr }).on('line', (line) => {
      this.#log.push(line);
      if (this.#log.length > LOG_LINES) this.#log.shift();
    });
    this.base = await new Promise((done, failed) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const found = /^listening on (http:\S+)$/.exec(line);
        if (found) done(found[1]);
      });
      child.once('error', failed);
      child.once('exit', (code) => failed(new Error(`the server ended (${code}):\n${this.log()}`)));
    });
  }
}

/** The debug server: `TIDINGS_BIN`, else built now. */
function binary() {
  if (!existsSync(join(DIST, 'index.html'))) {
    throw new Error('web/dist is missing: run `make test`, or `npm run build -w web`.');
  }
  const given = process.env.TIDINGS_BIN;
  if (given) {
    if (existsSync(given)) return given;
    throw new Error(`TIDINGS_BIN names no file (${given}): run \`make test\`, which builds it.`);
  }
  const options = { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] };
  execFileSync('cargo', ['build', '--quiet', '-p', 'tidings-server'], options);
  return join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'debug/tidings');
}
