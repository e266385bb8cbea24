/**
 * Summaries of rooms and the arithmetic of unread. `[P8]` Pure: a summary goes in, a summary comes
 * out, the same object when nothing changed.
 */

import type { Event, Marker, Messages, RoomHead, RoomSummary, Seq, UserId } from '@tidings/protocol';
import { gather, goneAfter } from './gone.ts';
import { lastLine } from './last-line.ts';

/**
 * How many messages are unread, those not counted that are deleted: subtraction alone. `ahead` is a
 * marker on its way. `[P8]`
 */
export function unread(room: RoomSummary, ahead: Marker | null = null): number {
  if (room.role === null) return 0;
  const marker = ahead && ahead.seq > room.marker.seq ? ahead : room.marker;
  return Math.max(0, room.count - marker.count - goneAfter(room.gone, marker.seq));
}

/** The summary with more deleted messages named; the same one when it names them. */
function deleted(room: RoomSummary, seqs: readonly Seq[]): RoomSummary {
  const gone = gather(room.gone, seqs);
  return gone.length === 0 || gone === room.gone ? room : { ...room, gone };
}

/** The marker never goes back. `[FO4]` */
export function mark(room: RoomSummary, marker: Marker): RoomSummary {
  if (marker.seq <= room.marker.seq) return room;
  return { ...room, marker: { seq: marker.seq, count: Math.max(marker.count, room.marker.count) } };
}

/** A listed room moved. `[SB2]` What one wrote oneself, on any device, one has read. `[FO4]` */
export function move(room: RoomSummary, head: RoomHead, me: UserId): RoomSummary {
  if (head.head < room.head) return room;
  const moved = {
    ...deleted(room, head.gone ?? []),
    head: head.head,
    count: head.count,
    name: head.name ?? room.name,
    last: head.last ?? room.last,
  };
  if (head.last?.actor !== me) return moved;
  return mark(moved, { seq: head.last.seq, count: head.count });
}

/** The summary after an event of the room's log; what it knows already changes nothing. */
export function follow(room: RoomSummary, event: Event, me: UserId): RoomSummary {
  const content = event.content;
  // What one wrote one has read, however the summary heard of it. [FO4]
  const own = content?.kind === 'message' && event.actor === me;
  const read = own ? mark(room, { seq: event.seq, count: event.count }) : room;
  if (event.seq <= room.head) return read;
  const next: RoomSummary = { ...read, head: event.seq, count: event.count };
  switch (content?.kind) {
    case 'message':
      next.last = {
        id: event.id,
        seq: event.seq,
        at: event.at,
        actor: event.actor,
        text: lastLine(content.text),
      };
      break;
    case 'message_edited':
      if (room.last?.id === content.message) {
        next.last = { ...room.last, text: lastLine(content.text) };
      }
      break;
    case 'message_deleted':
      if (room.last?.id === content.message) next.last = { ...room.last, text: null };
      next.gone = gather(room.gone, [content.target]);
      break;
    case 'room_renamed':
      next.name = content.name;
      break;
    case 'member_joined':
      next.members += 1;
      if (content.user === me) next.role = content.role;
      break;
    case 'role_changed':
      if (content.user === me) next.role = content.role;
      break;
    case 'member_left':
      next.members = Math.max(0, room.members - 1);
      break;
  }
  return next;
}

/** The summary after the newest page: what came between the two is told by neither alone. */
export function read(room: RoomSummary, page: Messages, me: UserId): RoomSummary {
  const own = page.messages.findLast((message) => message.actor === me);
  const gone = page.messages.filter((message) => message.deleted !== undefined);
  const told = deleted(room, gone.map(({ seq }) => seq));
  const marked = own ? mark(told, own) : told;
  if (page.head <= room.head) return marked;
  const last = page.messages.at(-1);
  if (!last) return { ...marked, head: page.head };
  const { id, seq, at, actor, count } = last;
  const text = last.text === null ? null : lastLine(last.text);
  return { ...marked, head: page.head, count, last: { id, seq, at, actor, text } };
}

/** The newer of two summaries of a room, with the further marker. */
export function newer(a: RoomSummary, b: RoomSummary): RoomSummary {
  const [old, young] = a.head > b.head ? [b, a] : [a, b];
  return mark(deleted(young, old.gone ?? []), old.marker);
}

/**
 * A room as it is held: `moved` grows with each new message that arrives, over all rooms. So the
 * list is in the order of arrival, whatever the clocks say that stamped the messages. `[ID4]`
 */
export interface HeldRoom extends RoomSummary {
  moved: number;
}

/** Whether a newer summary tells of a message that was not known. */
export function hasMoved(held: RoomSummary, room: RoomSummary): boolean {
  return (room.last?.seq ?? 0) > (held.last?.seq ?? 0);
}

/** The order of a list of rooms: the last to move first. */
export function byLastMove(a: HeldRoom, b: HeldRoom): number {
  return b.moved - a.moved;
}

/** The order in which rooms are taken that come at once: of those nothing is known but their times. */
export function byTime(a: RoomSummary, b: RoomSummary): number {
  const left = a.last?.at ?? a.created_at;
  const right = b.last?.at ?? b.created_at;
  if (left === right) return a.id < b.id ? 1 : -1;
  return left < right ? -1 : 1;
}
