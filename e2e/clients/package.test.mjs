/**
 * What npm would publish, used as a stranger uses it: packed, installed in an empty folder, its
 * README's example run by plain Node against the real server, and compiled by strict projects.
 */

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { account, call } from './account.mjs';
import { Server } from '../server.mjs';
import { DEADLINE_MS, until } from '../wait.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
const STRICT = {
  target: 'es2022',
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noImplicitOverride: true,
  noPropertyAccessFromIndexSignature: false,
  verbatimModuleSyntax: true,
  isolatedModules: true,
  skipLibCheck: false,
  noEmit: true,
};
const run = promisify(execFile);

let folder;
let server;
let example;

before(async () => {
  server = await Server.start();
  folder = await mkdtemp(join(tmpdir(), 'tidings-package-'));
  const pack = ['pack', '--silent', '--pack-destination', folder];
  await run('npm', pack, { cwd: join(ROOT, 'packages/client') });
  await writeFile(join(folder, 'package.json'), '{ "private": true }');
  const install = ['install', '--offline', '--no-audit', '--no-fund', './tidings-client-0.1.0.tgz'];
  await run('npm', install, { cwd: folder });
  const readme = await readFile(join(folder, 'node_modules/@tidings/client/README.md'), 'utf8');
  example = /```ts\n([^]*?)```/.exec(readme)[1];
  await writeFile(join(folder, 'hello.mjs'), example);
});

after(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

test('the package holds what it needs and nothing of the workplace', async () => {
  const installed = join(folder, 'node_modules/@tidings/client');
  assert.ok(!existsSync(join(folder, 'node_modules/@tidings/protocol')), 'it stands alone');
  assert.ok(existsSync(join(installed, 'LICENSE')));
  const about = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
  assert.equal(about.dependencies, undefined);
  const { stdout } = await run('npm', ['ls', '--all', '--parseable'], { cwd: folder });
  assert.equal(stdout.trim().split('\n').length, 2, stdout);
});

test("the README's example runs with plain Node", async () => {
  const ada = await account(server.base, 'ada');
  const ben = await account(server.base, 'ben');
  const body = { kind: 'group', name: 'harbour', members: [ben.user.id] };
  const { room } = await call(server.base, ada.token, 'POST', '/rooms', body);
  const messages = `/rooms/${room.id}/messages`;
  const env = { ...process.env, TIDINGS_URL: server.base, TIDINGS_TOKEN: ben.token };
  const child = spawn(process.execPath, ['hello.mjs'], { cwd: folder, env });
  const lines = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => lines.push(line));
  }
  const said = (text) => until(text, () => lines.includes(text), () => lines.join('\n'));
  try {
    await said('hello');
    await call(server.base, ada.token, 'POST', messages, { text: 'good morning' });
    await said('good morning');
    const page = await call(server.base, ada.token, 'GET', messages);
    assert.deepEqual(page.messages.map(({ text, actor }) => [text, actor]), [
      ['hello', ben.user.id],
      ['good morning', ada.user.id],
    ]);
    // The server dies, and what is written before the client is back is heard, once.
    await server.kill();
    await server.restart();
    for (let line = 0; line < 3; line += 1) {
      await call(server.base, ada.token, 'POST', messages, { text: `line ${line}` });
    }
    await said('line 2');
    assert.deepEqual(lines, ['hello', 'good morning', 'line 0', 'line 1', 'line 2']);
  } finally {
    child.kill('SIGKILL');
  }
});

test('a program that stops ends, and a token that is none is told', async () => {
  const ada = await account(server.base, 'cleo');
  await call(server.base, ada.token, 'POST', '/rooms', { kind: 'group', name: 'desk' });
  const program = example.replace(/^await listen.*$/m, '').replace('listen, ', '');
  await writeFile(join(folder, 'once.mjs'), `${program}await client.stop();\n`);
  const with_ = (token) => ({
    cwd: folder,
    timeout: DEADLINE_MS,
    env: { ...process.env, TIDINGS_URL: server.base, TIDINGS_TOKEN: token },
  });
  await run(process.execPath, ['once.mjs'], with_(ada.token));
  const refused = await run(process.execPath, ['hello.mjs'], with_('nonsense')).catch((error) => error);
  assert.match(refused.stderr ?? '', /The server does not know this token/);
});

for (const [name, options] of [
  ['node16', { module: 'node16', moduleResolution: 'node16', lib: ['es2023'], types: ['node'] }],
  ['bundler, for a page', { module: 'esnext', moduleResolution: 'bundler', lib: ['es2023', 'dom'], types: [] }],
]) {
  test(`a strict project compiles against it: ${name}`, async () => {
    const typeRoots = [join(ROOT, 'node_modules/@types')];
    const page = options.types.length === 0;
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: { ...STRICT, ...options, typeRoots },
        files: [page ? 'page.mts' : 'hello.mts', 'parts.mts'],
      }),
    );
    await writeFile(join(folder, 'hello.mts'), example);
    await writeFile(join(folder, 'page.mts'), example.replace(/process\.env\.\w+/g, 'window.name'));
    const parts = await readFile(join(ROOT, 'packages/client/examples/parts.ts'), 'utf8');
    await writeFile(join(folder, 'parts.mts'), parts);
    const { stdout } = await run(process.execPath, [TSC, '-p', folder]).catch((error) => error);
    assert.equal(stdout, '');
  });
}
