/**
 * The fold: a room's state after each of its events, nothing more. `[FO1]`
 * A client that applies every event in order holds what a fresh load would show. The same vectors
 * (`spec/vectors/`) prove this file and the server's fold.
 */

import type {
  Event,
  EventId,
  Message,
  MessageReaction,
  RoomId,
  RoomKind,
  Role,
  Seq,
  UserId,
  Visibility,
} from '@tidings/protocol';
import { gather } from './gone.ts';

/** A message in its current state. */
export type MessageState = Omit<Message, 'room' | 'txn'>;

/** A room with all its members and messages. */
export interface RoomState {
  room: RoomId;
  /** Null before the first event. */
  kind: RoomKind | null;
  visibility: Visibility | null;
  name: string | null;
  head: Seq;
  count: number;
  members: Map<UserId, Role>;
  /** The last messages that were deleted. `[P8]` */
  gone: Seq[];
  /** In the order of `seq`. */
  messages: Map<EventId, MessageState>;
}

/** Whether an event could be folded. */
export type Folded = 'applied' | 'repeat' | 'gap';

/** The room before its first event. */
export function emptyRoom(room: RoomId): RoomState {
  return {
    room,
    kind: null,
    visibility: null,
    name: null,
    head: 0,
    count: 0,
    members: new Map(),
    gone: [],
    messages: new Map(),
  };
}

/** Folds one event into the state. A repeat changes nothing; a gap must be filled first. `[FO1]` */
export function apply(state: RoomState, event: Event): Folded {
  if (event.log !== state.room || event.seq <= state.head || event.answer) return 'repeat';
  if (event.seq !== state.head + 1) return 'gap';
  const before = state.count;
  state.head = event.seq;
  state.count = event.count; // [FO3]
  const made = messageOf(event, before);
  if (made) {
    state.messages.set(event.id, made);
    return 'applied';
  }
  const content = event.content;
  switch (content?.kind) {
    case 'room_created':
      state.kind = content.room_kind;
      state.visibility = content.visibility;
      state.name = content.name ?? null;
      break;
    case 'room_renamed':
      state.name = content.name;
      break;
    case 'member_joined':
    case 'role_changed':
      state.members.set(content.user, content.role);
      break;
    case 'member_left':
      state.members.delete(content.user);
      break;
    case 'message_deleted':
      state.gone = gather(state.gone, [content.target]);
      break;
  }
  const target = targetOf(event);
  const message = target && state.messages.get(target);
  if (message) state.messages.set(target, change(message, event));
  return 'applied';
}

/**
 * The message that an event creates, if it does. `before` is the count of the log before it: an
 * erased body that raises the count was a message, any other erased body is nothing. `[EV2]`
 */
export function messageOf(event: Event, before: number): MessageState | null {
  let text: string | null;
  if (event.content === null && event.count > before) text = null;
  else if (event.content?.kind === 'message') text = event.content.text;
  else return null;
  return {
    id: event.id,
    seq: event.seq,
    at: event.at,
    actor: event.actor,
    count: event.count,
    text,
  };
}

/** The message that an event changes, if it changes one. */
export function targetOf(event: Event): EventId | null {
  switch (event.content?.kind) {
    case 'message_edited':
    case 'message_deleted':
    case 'reaction_added':
    case 'reaction_removed':
      return event.content.message;
    default:
      return null;
  }
}

/** What of a message events can change. */
type Changing = Pick<Message, 'text' | 'edited' | 'deleted' | 'reactions'>;

/** The message after an event about it; the same object when nothing changed. `[FO2]` */
export function change<M extends Changing>(message: M, event: Event): M {
  const content = event.content;
  if (content?.kind === 'message_deleted') {
    const { edited: _edited, reactions: _reactions, ...rest } = message;
    return { ...rest, text: null, deleted: event.seq } as M;
  }
  if (message.deleted !== undefined) return message;
  switch (content?.kind) {
    case 'message_edited':
      return { ...message, text: content.text, edited: event.seq };
    case 'reaction_added':
      return withReactions(message, react(message.reactions, content.emoji, event.actor));
    case 'reaction_removed':
      return withReactions(message, unreact(message.reactions, content.emoji, event.actor));
    default:
      return message;
  }
}

function withReactions<M extends Changing>(message: M, reactions: MessageReaction[] | undefined): M {
  if (reactions === message.reactions) return message;
  const { reactions: _before, ...rest } = message;
  return (reactions?.length ? { ...rest, reactions } : rest) as M;
}

/** Reactions with one more, in their order; the same array when it was there already. */
export function react(
  reactions: MessageReaction[] | undefined,
  emoji: string,
  user: UserId,
): MessageReaction[] {
  const rows = reactions ?? [];
  const row = rows.find((candidate) => candidate.emoji === emoji);
  if (!row) return inserted(rows, placeOf(rows, emoji, emojiOf), { emoji, users: [user] });
  const at = placeOf(row.users, user, itself);
  if (row.users[at] === user) return rows;
  const users = inserted(row.users, at, user);
  return rows.map((candidate) => (candidate === row ? { emoji, users } : candidate));
}

/** Reactions with one less; the same array when it was not there. */
export function unreact(
  reactions: MessageReaction[] | undefined,
  emoji: string,
  user: UserId,
): MessageReaction[] | undefined {
  const row = reactions?.find((candidate) => candidate.emoji === emoji);
  if (!reactions || !row) return reactions;
  const at = placeOf(row.users, user, itself);
  if (row.users[at] !== user) return reactions;
  const users = row.users.slice();
  users.splice(at, 1);
  return reactions.flatMap((candidate) => {
    if (candidate !== row) return [candidate];
    return users.length ? [{ emoji, users }] : [];
  });
}

/** The order of code points, which is that of UTF-8 bytes and so the server's. */
export function compareText(a: string, b: string): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left === right) continue;
    // Halves of what stands above U+FFFF come after everything below it.
    const order = Number(isHalf(left)) - Number(isHalf(right));
    return order !== 0 ? order : left - right;
  }
  return a.length - b.length;
}

function isHalf(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

function itself(text: string): string {
  return text;
}

function emojiOf(row: MessageReaction): string {
  return row.emoji;
}

/** Where `text` stands, or would stand, in a sorted list. */
function placeOf<T>(sorted: readonly T[], text: string, textOf: (item: T) => string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = sorted[middle];
    if (item !== undefined && compareText(textOf(item), text) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function inserted<T>(list: readonly T[], at: number, item: T): T[] {
  const longer = list.slice();
  longer.splice(at, 0, item);
  return longer;
}
