/** Who is in a room. */

import type { Role, RoomId, UserId } from '@tidings/protocol';
import { client } from './account.svelte.ts';
import { hear } from './hear.ts';
import { nameOf, presenceOf } from './people.ts';

export interface MemberRow {
  user: UserId;
  name: string;
  role: Role;
}

/** The members by presence and name; null until they were read. */
export function membersOf(room: RoomId): MemberRow[] | null {
  hear(client(), `members:${room}`);
  const members = client().store.membersOf(room);
  if (!members) return null;
  const order = { online: 0, away: 1, offline: 2 };
  return [...members]
    .map(([user, role]) => ({ user, role, name: nameOf(user) }))
    .sort(
      (a, b) =>
        order[presenceOf(a.user) ?? 'offline'] - order[presenceOf(b.user) ?? 'offline'] || a.name.localeCompare(b.name),
    );
}

export function readMembers(room: RoomId): Promise<void> {
  return client().readMembers(room);
}

/** Tells the server whose presence is on screen. */
export function watch(users: readonly UserId[]): void {
  client().watch(users);
}
