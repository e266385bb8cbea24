import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Within the workspace the packages are their sources, not what was built of them.
  ssr: { resolve: { conditions: ['@tidings/source', ...defaultServerConditions] } },
});
