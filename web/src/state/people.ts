/** Users as views need them: names, presence. Reading a name asks for it when it is missing. */

import type { Presence, UserId, UserProfile } from '@tidings/protocol';
import { isolate } from '../ui/isolate.ts';
import { account, client } from './account.svelte.ts';
import { rest } from './browser.ts';
import { hear } from './hear.ts';

export function profile(id: UserId): UserProfile | undefined {
  hear(client(), 'users');
  return client().user(id);
}

export function nameOf(id: UserId): string {
  return profile(id)?.display_name ?? '…';
}

/** What tells names that look alike; it comes beside the page. */
let looks: typeof import('./likeness.ts') | undefined;
let looking: Promise<void> | undefined;
/** The forms that more than one user here has; null while they have to be found anew. */
let twins: Set<string> | null = null;

/** The username of somebody whose name looks like that of somebody else here; else nothing. */
export function usernameIfTwin(id: UserId): string | undefined {
  const user = profile(id);
  if (!user) return undefined;
  if (!looks) {
    looking ??= import('./likeness.ts').then((loaded) => {
      looks = loaded;
      account.client?.learn(({ topics }) => topics.touch('users'));
    });
    return undefined;
  }
  if (!twins) {
    const { topics, users } = client().store;
    twins = looks.alike(users.all().map(({ display_name }) => display_name));
    const stop = topics.on('users', () => {
      twins = null;
      stop();
    });
  }
  return twins.has(looks.likeness(user.display_name)) ? user.username : undefined;
}

/** The name as it stands in a sentence: with the username where it is needed to tell two apart. */
export function calledOf(id: UserId): string {
  const username = usernameIfTwin(id);
  return isolate(nameOf(id)) + (username ? ` (@${username})` : '');
}

export function me(): UserProfile | null {
  hear(client(), 'me');
  return client().store.me;
}

export function presenceOf(id: UserId): Presence | undefined {
  hear(client(), 'presence');
  return client().store.presenceOf(id);
}

/** Those whose name begins so, without oneself. */
export async function findPeople(start: string): Promise<UserProfile[]> {
  const found = await rest.findUsers(start);
  client().learn((store) => store.putUsers(found));
  return found.filter((user) => user.id !== client().store.me?.id);
}
