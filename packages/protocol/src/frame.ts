/** The frames of the stream, both directions. `[FR2]` */

import type { SendContent } from './content.ts';
import type { Event } from './event.ts';
import type { Cursor, EventId, LogId, RoomId, Seq, TxnId, UserId } from './ids.ts';
import type { Refusal } from './refusal.ts';
import type { Presence, Role, RoomHead, RoomKind, RoomSummary, UserProfile, Visibility } from './summary.ts';

export const SUBPROTOCOL_JSON = 'tidings.v1.json';
export const SUBPROTOCOL_MSGPACK = 'tidings.v1.msgpack';

/** What a session hears of the rooms that it did not open. `[SB1]` */
export type Follow = 'listed' | 'all';

/** A room to open, and the last event that the client has. */
export interface OpenRoom {
  room: RoomId;
  after?: Seq;
}

export interface Hello {
  type: 'hello';
  /** When it did not come with the handshake. */
  token?: string;
  /** The cursor of the last visit. */
  since?: Cursor;
  follow?: Follow;
  open?: OpenRoom[];
  /** The last event of the own user log that the client has. */
  user_seq?: Seq;
}

/** A command: what has a `txn` and gets an answer. `[CM2]` */
export type Command =
  | { type: 'send'; txn: TxnId; room: RoomId; content: SendContent }
  | { type: 'edit'; txn: TxnId; room: RoomId; message: EventId; content: SendContent }
  | { type: 'delete'; txn: TxnId; room: RoomId; message: EventId }
  | { type: 'react'; txn: TxnId; room: RoomId; message: EventId; emoji: string }
  | { type: 'unreact'; txn: TxnId; room: RoomId; message: EventId; emoji: string }
  | { type: 'mark'; txn: TxnId; room: RoomId; seq: Seq }
  | {
      type: 'create_room';
      txn: TxnId;
      kind: RoomKind;
      name?: string;
      visibility?: Visibility;
      members?: UserId[];
    }
  | { type: 'rename'; txn: TxnId; room: RoomId; name: string }
  | { type: 'join'; txn: TxnId; room: RoomId; user?: UserId }
  | { type: 'leave'; txn: TxnId; room: RoomId; user?: UserId }
  | { type: 'set_role'; txn: TxnId; room: RoomId; user: UserId; role: Role };

/** What a client says. */
export type ClientFrame =
  | Hello
  | { type: 'open'; room: RoomId; after?: Seq }
  | { type: 'close'; room: RoomId }
  | Command
  | { type: 'typing'; room: RoomId; on: boolean }
  | { type: 'presence'; status: Presence }
  | { type: 'watch'; users: UserId[] }
  | { type: 'ping' };

/** The limits a client needs. `[LI1]` */
export interface WireLimits {
  message_text_bytes_max: number;
  frame_bytes_max: number;
  open_rooms_max: number;
  commands_in_flight_max: number;
  heartbeat_ms: number;
}

/** The state that `ready` and `reset` carry. `[HS2]` */
export interface Welcome {
  me: UserProfile;
  rooms: RoomSummary[];
  left?: RoomId[];
  users?: UserProfile[];
  user_seq: Seq;
  cursor: Cursor;
  limits: WireLimits;
}

export interface UserPresence {
  user: UserId;
  status: Presence;
}

/** What the server says. Skip types that are not known. `[FR2]` */
export type ServerFrame =
  | ({ type: 'ready' } & Welcome)
  | ({ type: 'reset' } & Welcome)
  | ({ type: 'event' } & Event)
  | { type: 'opened'; room: RoomId; from: Seq; head: Seq }
  | { type: 'rooms'; rooms: RoomHead[] }
  | { type: 'room'; room: RoomSummary; users?: UserProfile[] }
  | { type: 'left'; room: RoomId }
  | { type: 'refused'; txn?: TxnId; room?: RoomId; refusal: Refusal }
  | { type: 'unchanged'; txn: TxnId; log: LogId }
  | { type: 'typing'; room: RoomId; user: UserId; on: boolean }
  | { type: 'presence'; users: UserPresence[] }
  | { type: 'cursor'; cursor: Cursor }
  | { type: 'reconnect'; jitter_ms: number }
  | { type: 'pong' };
