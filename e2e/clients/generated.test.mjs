/**
 * Clients that others' programs make of the served OpenAPI document, against the server itself: none
 * of its types is dropped, and what tells variants apart does so. TypeScript and Python always; with
 * `TIDINGS_TEST_CLIENTS=all` Go and Java too, whose generators come by their own package managers.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Server } from '../server.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = resolve(HERE, '../..');
/** Below the root, so that the packages of the workspace are found from there. */
const OUT = join(ROOT, 'node_modules/.tidings-clients');
const STORIES = join(HERE, 'generated');
const BIN = join(ROOT, 'node_modules/.bin');
const GO_GENERATOR = 'github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2';
/** What a generator may say, in bytes. */
const LOG_MAX = 16 * 1024 * 1024;
const run = promisify(execFile);

let server;
let document;
let objects;

before(async () => {
  server = await Server.start();
  await rm(OUT, { recursive: true, force: true });
  await mkdir(OUT, { recursive: true });
  document = join(OUT, 'openapi.json');
  const text = await (await fetch(`${server.base}/api/openapi.json`)).text();
  await writeFile(document, text);
  const { schemas } = JSON.parse(text).components;
  objects = Object.keys(schemas).filter((name) => schemas[name].type === 'object');
  assert.ok(objects.length > 60, 'the variants are objects of their own');
});

after(async () => {
  await server?.stop();
});

/** Runs a program; what it printed is in the failure. */
async function does(program, args, options = {}) {
  const env = { ...process.env, TIDINGS_URL: server.base, ...options.env };
  const settled = await run(program, args, { ...options, env }).catch((error) => error);
  const said = `${settled.stdout}${settled.stderr}`;
  assert.ok(!(settled instanceof Error), said);
  return said;
}

test('TypeScript: openapi-typescript and openapi-fetch', async () => {
  const folder = join(OUT, 'typescript');
  await mkdir(folder);
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const types = join(folder, 'document.d.ts');
  await does(join(BIN, 'openapi-typescript'), [document, '--output', types]);
  const made = await readFile(types, 'utf8');
  for (const name of objects) assert.match(made, new RegExp(`^ {8}${name}: [{]`, 'm'), name);
  await copyFile(join(STORIES, 'story.ts'), join(folder, 'story.ts'));
  const compilerOptions = {
    target: 'es2022',
    module: 'node16',
    lib: ['es2023', 'dom', 'dom.iterable'],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: true,
  };
  const config = JSON.stringify({ compilerOptions, files: ['story.ts'] });
  await writeFile(join(folder, 'tsconfig.json'), config);
  await does(join(BIN, 'tsc'), ['-p', folder]);
  assert.match(await does(process.execPath, [join(folder, 'story.js')]), /the story holds/);
});

test('Python: openapi-python-client', async () => {
  const folder = join(OUT, 'python');
  const python = join(ROOT, '.venv/bin');
  await mkdir(folder);
  // What /metrics answers is text; the generator knows text by one name alone.
  const config = JSON.stringify({
    post_hooks: [],
    content_type_overrides: { 'application/openmetrics-text': 'text/plain' },
  });
  await writeFile(join(folder, 'config.json'), config);
  const to = join(folder, 'tidings_client');
  const args = ['generate', '--path', document, '--output-path', to, '--meta', 'none'];
  // What it would drop it warns of, and then it fails.
  const more = ['--fail-on-warning', '--config', join(folder, 'config.json')];
  await does(join(python, 'openapi-python-client'), [...args, ...more]);
  const models = await readFile(join(to, 'models/__init__.py'), 'utf8');
  for (const name of objects) assert.match(models, new RegExp(`import ${name}$`, 'm'), name);
  assert.ok((await readdir(join(to, 'api'))).includes('stream'));
  const env = { PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' };
  const story = [join(STORIES, 'story.py')];
  assert.match(await does(join(python, 'python'), story, { env }), /the story holds/);
});

if (process.env.TIDINGS_TEST_CLIENTS === 'all') {
  test('Go: oapi-codegen', async () => {
    const folder = join(OUT, 'go');
    await mkdir(folder);
    const to = join(folder, 'client.go');
    // Without a prefix the word "presence" takes the name of the type.
    const config = JSON.stringify({
      package: 'main',
      output: to,
      generate: { models: true, client: true },
      compatibility: { 'always-prefix-enum-values': true },
    });
    await writeFile(join(folder, 'config.json'), config);
    const args = ['run', GO_GENERATOR, '-config', join(folder, 'config.json'), document];
    await does('go', args, { cwd: folder });
    const made = await readFile(to, 'utf8');
    for (const name of objects) assert.match(made, new RegExp(`^type ${name} `, 'm'), name);
    await copyFile(join(STORIES, 'story.go'), join(folder, 'story.go'));
    await does('go', ['mod', 'init', 'tidings.test/story'], { cwd: folder });
    await does('go', ['mod', 'tidy'], { cwd: folder });
    assert.match(await does('go', ['run', '.'], { cwd: folder }), /the story holds/);
  });

  test('Java: OpenAPI Generator', async () => {
    const folder = join(OUT, 'java');
    await mkdir(folder);
    await copyFile(document, join(folder, 'openapi.json'));
    for (const file of ['pom.xml', 'Story.java']) await copyFile(join(STORIES, file), join(folder, file));
    // It checks the document by the standard first, and refuses one that breaks it.
    const maven = ['-q', '-B', 'compile', 'exec:java'];
    assert.match(await does('mvn', maven, { cwd: folder, maxBuffer: LOG_MAX }), /the story holds/);
    const models = await readdir(join(folder, 'target/generated-sources/openapi/src/main/java/tidings/model'));
    for (const name of objects) assert.ok(models.includes(`${name}.java`), name);
  });
}
