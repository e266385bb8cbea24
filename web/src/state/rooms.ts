/** The list of rooms as views need it. What one can do with rooms is in room-changes.ts. */

import type { RoomId, RoomSummary, UserId } from '@tidings/protocol';
import { isolate } from '../ui/isolate.ts';
import { client } from './account.svelte.ts';
import { hear } from './hear.ts';
import { membersOf, readMembers } from './members.ts';
import { calledOf, me, nameOf } from './people.ts';

/** So many of its members are named where a group has no name. */
const NAMED_MAX = 3;
/** Groups without a name whose members are asked for; those further down say how many are in them. */
const ASKED_MAX = 40;
const asked = new WeakMap<object, Set<RoomId>>();
let asking: Promise<void> = Promise.resolve();

export function roomList(): readonly RoomSummary[] {
  hear(client(), 'rooms');
  return client().store.rooms();
}

export function room(id: RoomId): RoomSummary | undefined {
  hear(client(), `room:${id}`);
  return client().store.room(id);
}

export function unreadOf(id: RoomId): number {
  hear(client(), `room:${id}`);
  return client().unread(id);
}

/** All that is unread, for the title of the page. */
export function unreadTotal(): number {
  return roomList().reduce((sum, { id }) => sum + client().unread(id), 0);
}

/** The name of a room, as it is shown alone. */
export function titleOf(summary: RoomSummary): string {
  if (summary.peer) return nameOf(summary.peer);
  return summary.name ?? unnamed(summary);
}

/** A group without a name is called after who is in it. */
function unnamed({ id, members: count }: RoomSummary): string {
  const members = membersOf(id);
  if (!members) {
    askMembers(id);
    return `Group of ${count}`;
  }
  const others = members.map(({ user }) => user).filter((user) => user !== me()?.id).sort();
  const names = others.slice(0, NAMED_MAX).map(calledOf);
  const more = others.length - names.length;
  if (more > 0) names.push(`${more} more`);
  return new Intl.ListFormat('en').format(names) || 'Only you';
}

/** Reads who is in a group, once, one group after the other. */
function askMembers(id: RoomId): void {
  const ids = asked.get(client()) ?? new Set();
  asked.set(client(), ids);
  if (ids.has(id) || ids.size >= ASKED_MAX) return;
  ids.add(id);
  asking = asking.then(() => readMembers(id)).catch(() => undefined);
}

/** The name of a room as it stands in a sentence. */
export function roomCalled(summary: RoomSummary): string {
  return summary.peer ? calledOf(summary.peer) : isolate(titleOf(summary));
}

/** The last line, and who wrote it where that is not plain. */
export function lastLine(summary: RoomSummary): { who?: string; text: string } {
  const { last } = summary;
  if (!last) return { text: summary.kind === 'direct' ? 'Say hello' : 'No messages yet' };
  // The signs of the markup would only be noise here.
  const text = last.text?.replace(/\*\*|`+/g, '').replace(/\s+/g, ' ') ?? 'Message deleted';
  if (last.actor === me()?.id) return { who: 'You', text };
  return summary.kind === 'direct' ? { text } : { who: calledOf(last.actor), text };
}

/** How much of what one did waits to be sent. */
export function unsent(): number {
  return client().outbox.all().length;
}

/** Whether anything was written for a room that one is not in any more. */
export function someStranded(): boolean {
  hear(client(), 'stranded');
  hear(client(), 'rooms');
  return client().outbox.all().some(({ gone, room }) => gone && !client().store.room(room)?.role);
}

/** Whose presence is worth watching: the other ones of direct rooms. */
export function peers(): UserId[] {
  return roomList().flatMap((summary) => summary.peer ?? []);
}
