/** The bodies of REST requests and answers that are not summaries or events. `[RE1]` */

import type { Event } from './event.ts';
import type { SendContent } from './content.ts';
import type { ServerFrame } from './frame.ts';
import type { Cursor, RoomId, Seq, TxnId, UserId } from './ids.ts';
import type {
  DeviceInfo,
  Marker,
  MemberInfo,
  Message,
  RoomKind,
  RoomSummary,
  UserProfile,
  Visibility,
} from './summary.ts';

export interface SignUp {
  username: string;
  /** At least 8 characters. */
  password: string;
  display_name?: string;
  device_name?: string;
}

export interface SignIn {
  username: string;
  password: string;
  device_name?: string;
}

export interface SignedIn {
  user: UserProfile;
  device: DeviceInfo;
  /** For `Authorization: Bearer`. Shown once; not there when it was set as the cookie. */
  token?: string;
}

export interface Me {
  user: UserProfile;
  device: DeviceInfo;
}

export interface Devices {
  devices: DeviceInfo[];
}

export interface Users {
  users: UserProfile[];
}

export interface CreateRoom {
  kind: RoomKind;
  name?: string;
  visibility?: Visibility;
  members?: UserId[];
  txn?: TxnId;
}

export interface RoomAnswer {
  room: RoomSummary;
}

export interface Rooms {
  rooms: RoomSummary[];
  /** `?after=` for the next page. */
  next?: RoomId;
}

export interface Members {
  members: MemberInfo[];
  /** `?after=` for the next page. */
  next?: UserId;
}

export interface SendMessage {
  txn?: TxnId;
  text?: string;
  content?: SendContent;
}

export interface EditMessage {
  txn?: TxnId;
  text: string;
}

export interface Messages {
  /** Oldest first. */
  messages: Message[];
  /** The log's head when the page was read. */
  head: Seq;
  more_before: boolean;
  more_after: boolean;
}

export interface Events {
  events: Event[];
  head: Seq;
}

export interface MarkerAnswer {
  marker: Marker;
}

/** The answer to `GET /events?live=poll`. `[LP1]` */
export interface Poll {
  frames: ServerFrame[];
  cursor: Cursor;
}
