/**
 * Builds dist/: ES modules with their types, and in dist/protocol what they need of
 * @tidings/protocol, so that the package stands alone. It compiles the two sources as they are
 * and names each module by its place; it bundles nothing.
 */

import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const DIST = join(HERE, 'dist');
const TSC = createRequire(import.meta.url).resolve('typescript/bin/tsc');
/** A module that is imported or exported from. */
const NAMED = /(\bfrom\s+|\bimport\(|\bimport\s+)(["'])([^"']+)\2/g;

/** How a file of dist/ names a module. */
function place(file, name) {
  if (name === '@tidings/protocol') {
    const to = relative(dirname(file), join(DIST, 'protocol/index.js')).replaceAll('\\', '/');
    return to.startsWith('.') ? to : `./${to}`;
  }
  if (!name.startsWith('.')) throw new Error(`${relative(HERE, file)}: the package may not import ${name}`);
  return name.replace(/\.ts$/, '.js');
}

const out = mkdtempSync(join(tmpdir(), 'tidings-build-'));
try {
  const arguments_ = [TSC, '-p', join(HERE, 'tsconfig.build.json'), '--outDir', out];
  execFileSync(process.execPath, arguments_, { stdio: 'inherit' });
  rmSync(DIST, { recursive: true, force: true });
  cpSync(join(out, 'client/src'), DIST, { recursive: true });
  cpSync(join(out, 'protocol/src'), join(DIST, 'protocol'), { recursive: true });
} finally {
  rmSync(out, { recursive: true, force: true });
}
for (const path of readdirSync(DIST, { recursive: true })) {
  const file = join(DIST, path);
  if (!/\.(js|d\.ts)$/.test(file)) continue;
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace(NAMED, (_all, before, quote, name) => before + quote + place(file, name) + quote));
}
