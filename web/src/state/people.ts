/** Users as views need them: names, presence. Reading a name asks for it when it is missing. */

import type { Presence, UserId, UserProfile } from '@tidings/protocol';
import { client } from './account.svelte.ts';
import { rest } from './browser.ts';
import { hear } from './hear.ts';

export function profile(id: UserId): UserProfile | undefined {
  hear(client(), 'users');
  return client().user(id);
}

export function nameOf(id: UserId): string {
  return profile(id)?.display_name ?? '…';
}

export function me(): UserProfile | null {
  hear(client(), 'me');
  return client().store.me;
}

export function presenceOf(id: UserId): Presence {
  hear(client(), 'presence');
  return client().store.presenceOf(id);
}

/** Those whose name begins so, without oneself. */
export async function findPeople(start: string): Promise<UserProfile[]> {
  const found = await rest.findUsers(start);
  client().learn((store) => store.putUsers(found));
  return found.filter((user) => user.id !== client().store.me?.id);
}
