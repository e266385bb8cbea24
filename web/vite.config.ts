import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defaultClientConditions, defaultServerConditions, defineConfig } from 'vite';

/** Within the workspace the packages are their sources, not what was built of them. */
const SOURCE = '@tidings/source';
/** Where a server for development listens. */
const SERVER = 'http://127.0.0.1:8080';
/** What every page needs: the framework, the client, what is known, and the small things on screen. */
const BASE =
  /node_modules\/svelte\/|packages\/(?!.*(?:sse|event-stream|rest-commands))|src\/app\/(?:main|App|app)\.|src\/(?:state|ui)\/(?!likeness|room-changes|devices|Dialog|Field|Button)|(?:connection\/Lost|timeline\/quick)\./;
/** What the list and an open room need, and the keys. */
const ROOM =
  /src\/app\/(?:Workspace|Room|keys)\.|features\/(?:rooms\/Room|connection\/(?:Banner|Connection)\.|composer|timeline\/(?:Timeline|Message|TypingLine|Reactions|Actions|markup|copied))/;

export default defineConfig({
  // Addresses relative to the file they stand in; those of the page itself the server completes.
  base: './',
  // The class of a component stands on each of its elements: a short one.
  plugins: [svelte({ compilerOptions: { cssHash: ({ hash, css }) => `s${hash(css)}` } })],
  resolve: { conditions: [SOURCE, ...defaultClientConditions] },
  ssr: { resolve: { conditions: [SOURCE, ...defaultServerConditions] } },
  build: {
    target: 'es2022',
    // The policy of the page forbids inline scripts, and data: addresses cost more than a request.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    rolldownOptions: {
      output: {
        // What every page needs is one file, and what every room needs another: many small ones
        // compress worse, and each costs the head of an answer.
        codeSplitting: {
          groups: [
            { name: 'base', priority: 2, test: BASE },
            { name: 'room', priority: 1, test: ROOM },
          ],
        },
      },
    },
  },
  server: {
    proxy: {
      '/api': {
        target: SERVER,
        ws: true,
        // With a cookie the server takes requests of its own page only; here the proxy is that page.
        headers: { origin: SERVER },
      },
    },
  },
});
