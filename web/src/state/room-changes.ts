/** What one can do with rooms: find, make, join, leave, change. Loaded with the parts that do it. */

import type { CreateRoom, Message, RoomId, RoomKind, RoomSummary, UserId } from '@tidings/protocol';
import { client } from './account.svelte.ts';
import { rest } from './browser.ts';

/** So many tell what a room is about. */
const LAST_MESSAGES = 30;

/** The name of a channel as it is typed: the sign in front of it is not part of it. */
export function channelName(text: string): string {
  return text.replace(/^[#\s]+/, '');
}

/** Two names of channels that are one, by case, width and spaces. */
export function sameName(one: string, other: string): boolean {
  const [a, b] = [one, other].map((name) => name.normalize('NFKC').toLowerCase().trim().replace(/\s+/g, ' '));
  return a === b;
}

/** Makes a room; a direct room that exists is found again. Gives its id. */
export async function createRoom(
  kind: RoomKind,
  options: Omit<CreateRoom, 'kind'> = {},
): Promise<RoomId> {
  const made = await rest.createRoom({ kind, ...options });
  client().learn((store) => store.putRoom(made));
  return made.id;
}

/** A room that may be seen without being a member; null when there is none. */
export async function lookUpRoom(id: RoomId): Promise<RoomSummary | null> {
  return rest.room(id).catch(() => null);
}

/** The newest messages of a room that one may read, oldest first. */
export async function lastMessages(id: RoomId): Promise<Message[]> {
  return (await rest.messages(id, { limit: LAST_MESSAGES })).messages;
}

export async function publicRooms(): Promise<RoomSummary[]> {
  const found: RoomSummary[] = [];
  let page = await rest.publicRooms();
  found.push(...page.rooms);
  for (let pages = 1; page.next && pages < 10; pages++) {
    page = await rest.publicRooms(page.next);
    found.push(...page.rooms);
  }
  return found;
}

export async function joinRoom(id: RoomId): Promise<void> {
  await rest.join(id);
  const joined = await rest.room(id);
  client().learn((store) => store.putRoom(joined));
}

export async function leaveRoom(id: RoomId): Promise<void> {
  await rest.leave(id);
  client().learn((store) => store.leave(id));
}

export async function renameRoom(id: RoomId, name: string): Promise<void> {
  await rest.renameRoom(id, name);
}

export async function addMember(id: RoomId, user: UserId): Promise<void> {
  await rest.join(id, user);
}

export async function removeMember(id: RoomId, user: UserId): Promise<void> {
  await rest.leave(id, user);
}
