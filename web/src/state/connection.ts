/** The connection in the three words that people need, with the details for those who look closer. */

import type { ConnectionState } from '@tidings/client';
import { client } from './account.svelte.ts';
import { hear } from './hear.ts';
import { page } from './page.svelte.ts';

export type ConnectionWord = 'live' | 'connecting' | 'offline' | 'ended';

export function connection(): ConnectionState & { word: ConnectionWord } {
  hear(client(), 'connection');
  const state = client().store.connection;
  return { ...state, word: wordOf(state) };
}

function wordOf({ phase, attempt }: ConnectionState): ConnectionWord {
  if (phase === 'live') return 'live';
  if (phase === 'ended') return 'ended';
  return !page.online || attempt > 2 ? 'offline' : 'connecting';
}

/** Tries again now. */
export function reconnect(): void {
  client().wake();
}
