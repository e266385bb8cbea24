/** The bots of docs/guides/write-a-bot.md as they stand there, and those of the Rust SDK, against the server. */

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { account, call } from './account.mjs';
import { Server } from '../server.mjs';
import { until } from '../wait.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
/** Below the root, so that the package of the workspace is found from there. */
const OUT = join(ROOT, 'node_modules/.tidings-guide');
const LINES_MAX = 40;
/** Waits without holding up the sockets, which a server closes when they are quiet. */
const run = promisify(execFile);

let server;
let ada;
const blocks = {};

before(async () => {
  server = await Server.start();
  ada = await account(server.base, 'ada');
  const guide = await readFile(join(ROOT, 'docs/guides/write-a-bot.md'), 'utf8');
  for (const [, language, code] of guide.matchAll(/```(ts|python|rust)\n([^]*?)```/g)) {
    assert.equal(blocks[language], undefined, `one bot in ${language}`);
    blocks[language] = code;
  }
  await rm(OUT, { recursive: true, force: true });
  await mkdir(OUT, { recursive: true });
});

after(async () => {
  await server?.stop();
});

/** Starts a bot; gives its lines and how to kill it. */
function start(command, env) {
  const child = spawn(command[0], command.slice(1), { env: { ...process.env, ...env } });
  const lines = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => lines.push(line));
  }
  return { lines, kill: () => child.kill('SIGKILL') };
}

/** Ada and the bot talk; one that keeps its place in a file is killed in between, and misses nothing. */
async function talk(name, command, place) {
  const bot = await account(server.base, name);
  const body = { kind: 'group', name, members: [bot.user.id] };
  const { room } = await call(server.base, ada.token, 'POST', '/rooms', body);
  const path = `/rooms/${room.id}/messages`;
  const say = (text) => call(server.base, ada.token, 'POST', path, { text });
  const answers = async () => {
    const page = await call(server.base, ada.token, 'GET', path);
    return page.messages.filter(({ actor }) => actor === bot.user.id).map(({ text }) => text);
  };
  const state = await mkdtemp(join(tmpdir(), 'tidings-bot-'));
  const env = { TIDINGS_URL: server.base, TIDINGS_TOKEN: bot.token, TIDINGS_STATE: state };
  let running = start(command, env);
  const told = () => running.lines.join('\n');
  const here = () => until('the bot', () => running.lines.some((line) => line.endsWith('is here')), told);
  try {
    await here();
    if (place) await until('its place', () => readFile(join(state, place)).catch(() => null));
    await say('ping');
    await until('an answer', async () => (await answers()).includes('ping'), told);
    const expected = ['ping'];
    if (place) {
      running.kill();
      await say('are you there?');
      running = start(command, env);
      await here();
      expected.push('are you there?');
    }
    await say('good');
    expected.push('good');
    await until('its answers', async () => (await answers()).length >= expected.length, told);
    assert.deepEqual(await answers(), expected);
  } finally {
    running.kill();
    await rm(state, { recursive: true, force: true });
  }
}

test('each bot is short', () => {
  assert.deepEqual(Object.keys(blocks).sort(), ['python', 'rust', 'ts']);
  for (const [language, code] of Object.entries(blocks)) {
    assert.ok(code.trimEnd().split('\n').length <= LINES_MAX, `${language} is longer`);
  }
});

test('TypeScript', async () => {
  await run(process.execPath, [join(ROOT, 'packages/client/build.mjs')]);
  const file = join(OUT, 'bot.mjs');
  await writeFile(file, blocks.ts);
  await talk('echo-ts', [process.execPath, file]);
});

test('Python', async () => {
  const file = join(OUT, 'bot.py');
  await writeFile(file, blocks.python);
  await talk('echo-py', ['python3', file], 'echo.cursor');
});

/** An example of the Rust SDK, built. */
async function example(name) {
  // Of the whole workspace, so that features are those of the build before, and nothing is built anew.
  await run('cargo', ['build', '--quiet', '--workspace', '--example', name], { cwd: ROOT });
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
  return join(target, 'debug/examples', name);
}

/** What an example shows: all but the sentence above it. */
async function shown(name) {
  const text = await readFile(join(ROOT, 'crates/sdk/examples', `${name}.rs`), 'utf8');
  return text.slice(text.indexOf('use '));
}

test('Rust', async () => {
  assert.equal(await shown('guide_bot'), blocks.rust, 'the guide shows the example');
  await talk('echo-rs', [await example('guide_bot')]);
});

test('Rust, a bot that keeps its place', async () => {
  await talk('echo-kept', [await example('echo_bot')], 'echo-bot.cursor');
});

test('Rust, what the first page of the SDK shows', async () => {
  const readme = await readFile(join(ROOT, 'crates/sdk/README.md'), 'utf8');
  assert.ok(readme.includes(`\`\`\`rust\n${await shown('hello')}\`\`\``), 'the README shows the example');
  const bot = await account(server.base, 'hello');
  const body = { kind: 'group', name: 'hello', members: [bot.user.id] };
  const { room } = await call(server.base, ada.token, 'POST', '/rooms', body);
  const path = `/rooms/${room.id}/messages`;
  const texts = async () => (await call(server.base, ada.token, 'GET', path)).messages.map(({ text }) => text);
  const command = [await example('hello')];
  const running = start(command, { TIDINGS_URL: server.base, TIDINGS_TOKEN: bot.token });
  const told = () => running.lines.join('\n');
  try {
    await until('its hello', async () => (await texts()).includes('hello'), told);
    await call(server.base, ada.token, 'POST', path, { text: 'hello, bot' });
    await until('what it heard', () => running.lines.some((line) => line.includes('hello, bot')), told);
    assert.deepEqual(await texts(), ['hello', 'hello, bot'], 'said once');
  } finally {
    running.kill();
  }
  const stranger = start(command, { TIDINGS_URL: server.base, TIDINGS_TOKEN: '' });
  await until('that it has no token', () => stranger.lines.length > 0);
  stranger.kill();
});
