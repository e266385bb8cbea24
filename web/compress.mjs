/**
 * Puts compressed forms beside the files of the built app: `.br` and `.gz`. The server sends them
 * as they are. A form that saves less than a tenth is not worth a file.
 */

import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const DIST = fileURLToPath(new URL('dist', import.meta.url));
/** The page itself is completed by the server, which compresses it. */
const WORTH = /(?<!index)\.(js|css|svg|html|webmanifest|json)$/;
const FORMS = [
  ['.br', brotli],
  ['.gz', (bytes) => gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION })],
];

function brotli(bytes) {
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  return brotliCompressSync(bytes, { params });
}

for (const name of readdirSync(DIST, { recursive: true })) {
  const path = join(DIST, name);
  if (!WORTH.test(name) || !statSync(path).isFile()) continue;
  const bytes = readFileSync(path);
  for (const [ending, compress] of FORMS) {
    const small = compress(bytes);
    if (small.length < 0.9 * bytes.length) writeFileSync(path + ending, small);
    else rmSync(path + ending, { force: true });
  }
}
