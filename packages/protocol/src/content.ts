/** What an event says. Kinds may be added: count an unknown kind's `seq` and skip it. `[EV5]` */

import type { DeviceId, EventId, RoomId, Seq, UserId } from './ids.ts';
import type { Role, RoomKind, ServerRole, Visibility } from './summary.ts';

/** The kinds of room logs. `[EV7]` */
export type RoomContent =
  | { kind: 'room_created'; room_kind: RoomKind; visibility: Visibility; name?: string | null }
  | { kind: 'room_renamed'; name: string }
  | { kind: 'member_joined'; user: UserId; role: Role }
  | { kind: 'member_left'; user: UserId }
  | { kind: 'role_changed'; user: UserId; role: Role }
  | { kind: 'message'; text: string }
  | { kind: 'message_edited'; message: EventId; target: Seq; text: string }
  | { kind: 'message_deleted'; message: EventId; target: Seq }
  | { kind: 'reaction_added'; message: EventId; target: Seq; emoji: string }
  | { kind: 'reaction_removed'; message: EventId; target: Seq; emoji: string };

/** The kinds of user logs. */
export type UserContent =
  | { kind: 'user_created'; username: string; display_name: string; role: ServerRole }
  | { kind: 'device_added'; device: DeviceId; name: string }
  | { kind: 'device_removed'; device: DeviceId }
  | { kind: 'marker_moved'; room: RoomId; seq: Seq; count: number };

/** The kinds of this version. */
export type Content = RoomContent | UserContent;

/** What a message to be sent holds. */
export type SendContent = { kind: 'text'; text: string };
