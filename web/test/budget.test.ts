/**
 * What a page that opens a room loads before it shows it: the entry, the workspace, the room
 * and the keys, with all that they import. What opens later is loaded later, and does not count.
 */

import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { expect, it, vi } from 'vitest';

/**
 * Bytes of JavaScript, compressed as the build does. The aim is 45 KiB; this number only ever goes
 * down. What the server really sends is weighed in `e2e/stories/first-load.test.mjs`; this tells
 * sooner.
 */
const FIRST_LOAD_BYTES_MAX = 53_500;
const root = fileURLToPath(new URL('..', import.meta.url));
const FIRST = ['src/app/main.ts', 'src/app/Workspace.svelte', 'src/app/Room.svelte', 'src/app/keys.ts'];

it('a room is shown within the budget of its code', { timeout: 60_000 }, async () => {
  vi.stubEnv('NODE_ENV', 'production');
  const built = await build({ root, logLevel: 'silent', build: { write: false } });
  const output = (Array.isArray(built) ? built : [built]) as Rolldown.RolldownOutput[];
  const chunks = output.flatMap(({ output }) => output).filter((file) => file.type === 'chunk');
  const named = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
  const wanted = FIRST.map((name) => {
    const chunk = chunks.find(({ moduleIds }) => moduleIds.includes(root + name));
    if (!chunk) throw new Error(`${name} is in no chunk any more`);
    return chunk.fileName;
  });
  const sizes: Record<string, number> = {};
  for (let name = wanted.pop(); name; name = wanted.pop()) {
    if (name in sizes) continue;
    const chunk = named.get(name);
    if (!chunk) throw new Error(`${name} is imported and not built`);
    sizes[name] = brotliCompressSync(chunk.code).length;
    wanted.push(...chunk.imports);
  }
  const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  expect(total, JSON.stringify(sizes, null, 2)).toBeLessThan(FIRST_LOAD_BYTES_MAX);
});
