/** State as clients see it: users, rooms, members, messages, markers, presence. */

import type { DeviceId, EventId, RoomId, Seq, Timestamp, TxnId, UserId } from './ids.ts';

export type RoomKind = 'direct' | 'group' | 'channel';
export type Visibility = 'public' | 'private';
/** What a member may do in a room; each may do what those before may. */
export type Role = 'member' | 'admin' | 'owner';
/** What a user may do on the server. */
export type ServerRole = 'member' | 'admin' | 'owner';
export type UserKind = 'person' | 'bot' | 'guest';
export type Presence = 'offline' | 'away' | 'online';

/** A user as others see them. */
export interface UserProfile {
  id: UserId;
  username: string;
  display_name: string;
  kind: UserKind;
  role: ServerRole;
  created_at: Timestamp;
}

/** One sign-in of the caller. */
export interface DeviceInfo {
  id: DeviceId;
  name: string;
  created_at: Timestamp;
  /** Whether the request came from it. */
  current: boolean;
}

/** How far a user has read a room. Unread = the room's count − the marker's. `[P8]` */
export interface Marker {
  seq: Seq;
  count: number;
}

/** The last line of a room, for the list. */
export interface LastMessage {
  id: EventId;
  seq: Seq;
  at: Timestamp;
  actor: UserId;
  /** The beginning of its current text; null when deleted. */
  text: string | null;
}

/** A room as one member sees it. */
export interface RoomSummary {
  id: RoomId;
  kind: RoomKind;
  visibility: Visibility;
  /** A direct room has none. */
  name: string | null;
  /** The other member of a direct room. */
  peer?: UserId;
  created_at: Timestamp;
  /** The last event of its log. */
  head: Seq;
  /** How many messages its log holds. */
  count: number;
  /** How many members it has. */
  members: number;
  /** The reader's own role; null for a public channel they are not in. */
  role: Role | null;
  marker: Marker;
  last: LastMessage | null;
}

/** What moved in a listed room: the same for every member. `[SB2]` */
export interface RoomHead {
  room: RoomId;
  head: Seq;
  count: number;
  /** When it was given another. */
  name?: string;
  /** When it changed since the last summary. */
  last?: LastMessage;
}

export interface MemberInfo {
  user: UserProfile;
  role: Role;
}

/** One emoji on a message. */
export interface MessageReaction {
  emoji: string;
  /** In the order of their ids. */
  users: UserId[];
}

/** A message in its current state, as history shows it. */
export interface Message {
  id: EventId;
  room: RoomId;
  seq: Seq;
  at: Timestamp;
  actor: UserId;
  /** How many messages the room held with this one. */
  count: number;
  /** Only for the actor's own devices. */
  txn?: TxnId;
  /** Null when deleted. */
  text: string | null;
  /** The event of the last edit. */
  edited?: Seq;
  /** The event that deleted it. */
  deleted?: Seq;
  /** In the order of their emoji. */
  reactions?: MessageReaction[];
}
