/** Frames, events, state and bodies. Made by `cargo xtask codegen` from the Rust types; do not edit. */

/** `GET /api/v1`: what answers here. */
export interface About {
  /** The name of the program: `tidings`. */
  name: string;
  /** Its version. */
  version: string;
  /** Versions of the API that it offers, as they stand in addresses. */
  api: string[];
  /** Subprotocols of its socket. */
  subprotocols: string[];
  /** Whether anybody may make an account. */
  sign_up: boolean;
  /** Every limit, by its name in the reference in lower case. */
  limits: Record<string, number>;
}

/** Back to summaries. */
export interface ClientCloseFrame {
  /** The room. */
  room: RoomId;
  type: 'close';
}

/** Create a room. A direct room is created by naming its other member. */
export interface ClientCreateRoomFrame {
  /** What kind. */
  kind: RoomKind;
  /** Members besides the actor. */
  members?: UserId[];
  /** Its name; needed for a channel, optional for a group, none for a direct room. */
  name?: RoomName;
  /** The client's id for this command. */
  txn: TxnId;
  type: 'create_room';
  /** Public or private; private when left out. */
  visibility?: Visibility;
}

/** Delete a message. */
export interface ClientDeleteFrame {
  /** Which. */
  message: EventId;
  /** Where. */
  room: RoomId;
  /** The client's id for this command. */
  txn: TxnId;
  type: 'delete';
}

/** Change the text of one's own message. */
export interface ClientEditFrame {
  /** The new content. */
  content: SendContent;
  /** Which. */
  message: EventId;
  /** Where. */
  room: RoomId;
  /** The client's id for this command. */
  txn: TxnId;
  type: 'edit';
}

/** The first frame: who, from where, following what. */
export interface ClientHelloFrame {
  /** What to hear of rooms that are not open. */
  follow?: Follow;
  /** Rooms to open at once. */
  open?: OpenRoom[];
  /** The cursor of the last visit; text, since an unreadable one is answered by `reset`. */
  since?: string;
  /** The token, when it did not come with the handshake. */
  token?: string;
  type: 'hello';
  /** The last event of the own user log that the client has. */
  user_seq?: Seq;
}

/** Join a public channel (`user` is oneself or left out), or add a user. */
export interface ClientJoinFrame {
  /** Which room. */
  room: RoomId;
  /** The client's id for this command. */
  txn: TxnId;
  type: 'join';
  /** Whom; oneself when left out. */
  user?: UserId;
}

/** Leave a room (`user` is oneself or left out), or remove a user. */
export interface ClientLeaveFrame {
  /** Which room. */
  room: RoomId;
  /** The client's id for this command. */
  txn: TxnId;
  type: 'leave';
  /** Whom; oneself when left out. */
  user?: UserId;
}

/** Move the own read marker forward. */
export interface ClientMarkFrame {
  /** Which room. */
  room: RoomId;
  /** Read up to and including this. */
  seq: Seq;
  /** The client's id for this command. */
  txn: TxnId;
  type: 'mark';
}

/** Follow every event of a room. */
export interface ClientOpenFrame {
  /** The last event that the client has. */
  after?: Seq;
  /** The room. */
  room: RoomId;
  type: 'open';
}

/**
 * A heartbeat of one's own, where the transport's ping is out of reach (browsers). Answered by
 * `pong`.
 */
export interface ClientPingFrame {
  type: 'ping';
}

/** Signal: whether somebody looks at this session. */
export interface ClientPresenceFrame {
  /** `online` or `away`. */
  status: Presence;
  type: 'presence';
}

/** React to a message. */
export interface ClientReactFrame {
  /** With what. */
  emoji: Emoji;
  /** To which. */
  message: EventId;
  /** Where. */
  room: RoomId;
  /** The client's id for this command. */
  txn: TxnId;
  type: 'react';
}

/** Give a room another name. */
export interface ClientRenameFrame {
  /** The new name. */
  name: RoomName;
  /** Which. */
  room: RoomId;
  /** The client's id for this command. */
  txn: TxnId;
  type: 'rename';
}

/** Send a message. */
export interface ClientSendFrame {
  /** What. */
  content: SendContent;
  /** Where. */
  room: RoomId;
  /** The client's id for this command. */
  txn: TxnId;
  type: 'send';
}

/** Give a member another role. */
export interface ClientSetRoleFrame {
  /** The role from then on. */
  role: Role;
  /** Which room. */
  room: RoomId;
  /** The client's id for this command. */
  txn: TxnId;
  type: 'set_role';
  /** Whose. */
  user: UserId;
}

/** Signal: typing in an open room. Renewed every few seconds while it lasts. */
export interface ClientTypingFrame {
  /** Whether still. */
  on: boolean;
  /** Where. */
  room: RoomId;
  type: 'typing';
}

/** Take a reaction back. */
export interface ClientUnreactFrame {
  /** Which. */
  emoji: Emoji;
  /** From which. */
  message: EventId;
  /** Where. */
  room: RoomId;
  /** The client's id for this command. */
  txn: TxnId;
  type: 'unreact';
}

/** Whose presence to hear of: replaces the list. */
export interface ClientWatchFrame {
  type: 'watch';
  /** The users on screen. */
  users: UserId[];
}

/** The kinds of this version. Those of user logs say so; the others are of room logs. */
export type Content =
  | {
    /** What kind of room. */
    room_kind: RoomKind;
    /** Who may find and join it. */
    visibility: Visibility;
    /** Its name; a direct room has none. */
    name?: RoomName;
    /** The two members of a direct room, in the order of their ids. */
    between?: UserId[];
    kind: 'room_created';
  }
  | {
    /** The new name. */
    name: RoomName;
    kind: 'room_renamed';
  }
  | {
    /** Who. */
    user: UserId;
    /** With which role. */
    role: Role;
    kind: 'member_joined';
  }
  | {
    /** Who. */
    user: UserId;
    kind: 'member_left';
  }
  | {
    /** Who. */
    user: UserId;
    /** The role from here on. */
    role: Role;
    kind: 'role_changed';
  }
  | {
    /** The text as written. */
    text: MessageText;
    kind: 'message';
  }
  | {
    /** The message. */
    message: EventId;
    /** Where it stands in this log. */
    target: Seq;
    /** The new text. */
    text: MessageText;
    kind: 'message_edited';
  }
  | {
    /** The message. */
    message: EventId;
    /** Where it stands in this log. */
    target: Seq;
    kind: 'message_deleted';
  }
  | {
    /** The message. */
    message: EventId;
    /** Where it stands in this log. */
    target: Seq;
    /** With what. */
    emoji: Emoji;
    kind: 'reaction_added';
  }
  | {
    /** The message. */
    message: EventId;
    /** Where it stands in this log. */
    target: Seq;
    /** Which. */
    emoji: Emoji;
    kind: 'reaction_removed';
  }
  | {
    /** The username. */
    username: Username;
    /** The display name. */
    display_name: DisplayName;
    /** The role on this server. */
    role: ServerRole;
    kind: 'user_created';
  }
  | {
    /** The device. */
    device: DeviceId;
    /** Its name. */
    name: string;
    kind: 'device_added';
  }
  | {
    /** The device. */
    device: DeviceId;
    /** Why. */
    reason?: RemovedReason;
    kind: 'device_removed';
  }
  | {
    kind: 'password_changed';
  }
  | {
    /** The room. */
    room: RoomId;
    /** Read up to and including this. */
    seq: Seq;
    /** The room's count of messages at that place. */
    count: number;
    kind: 'marker_moved';
  };

/** `POST /api/v1/rooms`. */
export interface CreateRoom {
  /** What kind. */
  kind: RoomKind;
  /** Its name. */
  name?: RoomName;
  /** Public or private; private when left out. */
  visibility?: Visibility;
  /** Members besides the caller. */
  members?: UserId[];
  /** The client's id for this command; `Idempotency-Key` does the same. */
  txn?: TxnId;
}

/** Opaque: keep it, give it back as `since`. */
export type Cursor = string;

export type DeviceId = `device_${string}`;

/** One sign-in of the caller. */
export interface DeviceInfo {
  /** The device's id. */
  id: DeviceId;
  /** What it calls itself. */
  name: string;
  /** When it signed in. */
  created_at: Timestamp;
  /** Whether the request came from it. */
  current: boolean;
}

/** `GET /api/v1/devices`. */
export interface Devices {
  /** Newest first. */
  devices: DeviceInfo[];
}

/** One visible line, trimmed. At most 120 bytes of UTF-8. */
export type DisplayName = string;

/** `PATCH /api/v1/rooms/{room}/messages/{id}`. */
export interface EditMessage {
  /** The client's id for this command. */
  txn?: TxnId;
  /** The new text. */
  text: MessageText;
}

/** One emoji; kept fully-qualified, as Unicode's emoji data calls it. At most 40 bytes of UTF-8. */
export type Emoji = string;

/** What happened: numbered, permanent. */
export interface Event {
  /** The shard of the log. */
  shard: ShardId;
  /** The place in the shard. */
  position: Position;
  /** The log: a room's id, or a user's for what concerns that user alone. */
  log: LogId;
  /** The place in the log, from 1, without gaps. */
  seq: Seq;
  /** The event's id; for a message also the message's. */
  id: EventId;
  /** When it was committed, by the server's clock. The order is `seq`, never this. */
  at: Timestamp;
  /** Who did it. */
  actor: UserId;
  /**
   * How many messages the log holds up to and including this event. Unread is a subtraction of two
   * counts.
   */
  count: number;
  /** The client's own id for the command; only on copies for the actor's own devices. */
  txn?: TxnId;
  /**
   * It is told as the answer to a command, out of its place in the log: it moves no `seq` and no
   * cursor. `[CM9]`
   */
  answer?: boolean;
  /** What it says; null once erased. */
  content: Content | null;
}

export type EventId = `evt_${string}`;

/** `GET /api/v1/rooms/{room}/events`: the log itself. */
export interface Events {
  /** In the order of `seq`. */
  events: Event[];
  /** The last event right now. */
  head: Seq;
  /** Give it as `?after=` for the next page; null at the end. */
  next?: Seq;
}

/** Where a request does not fit, and how. `[RE9]` */
export interface FieldError {
  /** The field in the body or frame, as a JSON pointer (RFC 6901). */
  pointer?: string;
  /** The parameter of the address. */
  parameter?: string;
  /** The header. */
  header?: string;
  /** What is wrong, for a person. */
  detail: string;
}

/** What a session hears of the rooms that it did not open. */
export type Follow = 'listed' | 'all';

/** The last line of a room, for the list. */
export interface LastMessage {
  /** The message. */
  id: EventId;
  /** Its place in the room. */
  seq: Seq;
  /** When. */
  at: Timestamp;
  /** By whom. */
  actor: UserId;
  /** The beginning of its current text, at most 140 characters; null when deleted. */
  text: string | null;
}

/** How news comes. */
export type Live = 'sse' | 'poll';

export type LogId = `room_${string}` | `user_${string}`;

/** How far a user has read a room. */
export interface Marker {
  /** Read up to and including this. */
  seq: Seq;
  /** The room's count of messages at that place. Unread = the room's count − this. */
  count: number;
}

/** The answer to it. */
export interface MarkerAnswer {
  /** The marker now. */
  marker: Marker;
}

/** `GET /api/v1/me`. */
export interface Me {
  /** Who. */
  user: UserProfile;
  /** With which device. */
  device: DeviceInfo;
}

/** A member of a room. */
export interface MemberInfo {
  /** Who. */
  user: UserProfile;
  /** With which role. */
  role: Role;
}

/** `GET /api/v1/rooms/{room}/members`. */
export interface Members {
  /** In the order of their ids. */
  members: MemberInfo[];
  /** Give it as `?after=` for the next page; null at the end. */
  next?: UserId;
}

/** A message in its current state, as history shows it. */
export interface Message {
  /** The message: the id of the event that created it. */
  id: EventId;
  /** The room. */
  room: RoomId;
  /** Its place in the room. */
  seq: Seq;
  /** When it was sent. */
  at: Timestamp;
  /** By whom. */
  actor: UserId;
  /** How many messages the room held with this one. */
  count: number;
  /** The client's own id; only for the actor's own devices. */
  txn?: TxnId;
  /** The current text; null when deleted. */
  text: MessageText | null;
  /** The event of the last edit. */
  edited?: Seq;
  /** The event that deleted it. */
  deleted?: Seq;
  /** Reactions, in the order of their emoji. */
  reactions?: MessageReaction[];
}

/** One emoji on a message. */
export interface MessageReaction {
  /** Which. */
  emoji: Emoji;
  /** Who reacted, in the order of their ids. */
  users: UserId[];
}

/** As written. At most 16384 bytes of UTF-8. */
export type MessageText = string;

/** `GET /api/v1/rooms/{room}/messages`: oldest first. */
export interface Messages {
  /** The page, oldest first. */
  messages: Message[];
  /** The log's head when the page was read: events after it may change what the page shows. */
  head: Seq;
  /** Whether there are older ones than the first of this page. */
  more_before: boolean;
  /** Whether there are newer ones than the last of this page. */
  more_after: boolean;
}

/** `PUT /api/v1/rooms/{room}/marker`. */
export interface MoveMarker {
  /** Read up to and including this. */
  seq: Seq;
}

/** A room to open, and from where. */
export interface OpenRoom {
  /** The last event that the client has; events after it follow. */
  after?: Seq;
  /** The room. */
  room: RoomId;
}

/** `GET /api/v1/events?live=poll`. */
export interface Poll {
  /** Frames as over the socket, in order. */
  frames: ServerFrame[];
  /** Give it as `?since=` next time. */
  cursor: Cursor;
}

/** A place in one shard, in commit order, from 1, without gaps. */
export type Position = number;

/** Whether a user is there. */
export type Presence = 'offline' | 'away' | 'online';

/** The body of every refusal (RFC 9457). */
export interface Problem {
  /** Names the kind of problem: `urn:tidings:refusal:` and the code. */
  type: string;
  /** The same sentence for every refusal with this code. */
  title: string;
  /** The HTTP status. */
  status: number;
  /** The stable code. */
  code: RefusalCode | (string & {});
  /** What to do, for a person. */
  detail: string;
  /** Finds the request in the server's log. */
  request_id?: string;
  /** Milliseconds to wait before trying again, when waiting helps. */
  retry_after_ms?: number;
  /** The fields, parameters or headers that do not fit. */
  errors?: FieldError[];
  /**
   * The room that stands in the way, where one does: with `name_taken` the one that has the name.
   */
  room?: RoomId;
}

/**
 * A "no" with its reason. On REST it is a problem details object (RFC 9457), on the socket part of
 * `refused`.
 */
export interface Refusal {
  /** The stable code. */
  code: RefusalCode | (string & {});
  /** What to do, for a person. */
  message: string;
  /** Milliseconds to wait before trying again, when waiting helps. */
  retry_after_ms?: number;
  /** Finds the command in the server's log, when the trouble is ours. */
  request_id?: string;
  /** The fields, parameters or headers that do not fit. */
  errors?: FieldError[];
  /**
   * The room that stands in the way, where one does: with `name_taken` the one that has the name.
   * (Boxed, since every error carries a refusal and hardly any a room.)
   */
  room?: RoomId;
}

/** The stable code of a refusal, the same over REST and the socket. */
export type RefusalCode =
  | 'bad_request'
  | 'unauthenticated'
  | 'wrong_credentials'
  | 'wrong_password'
  | 'weak_password'
  | 'forbidden'
  | 'foreign_origin'
  | 'not_found'
  | 'method_not_allowed'
  | 'username_taken'
  | 'name_taken'
  | 'username_reserved'
  | 'txn_reused'
  | 'direct_room'
  | 'last_owner'
  | 'message_deleted'
  | 'too_large'
  | 'unsupported_media_type'
  | 'upgrade_required'
  | 'limit_reached'
  | 'rate_limited'
  | 'internal'
  | 'unavailable';

/** Why a device was signed out. */
export type RemovedReason = 'signed_out' | 'too_many' | 'password_changed';

/** `PATCH /api/v1/rooms/{room}`. */
export interface RenameRoom {
  /** The new name. */
  name: RoomName;
}

/** What a member may do in a room. Ordered: each may do what those before may. */
export type Role = 'member' | 'admin' | 'owner';

/** One room. */
export interface RoomAnswer {
  /** The room. */
  room: RoomSummary;
}

/** What moved in a listed room: the same bytes for every member. `[SB2]` */
export interface RoomHead {
  /** The room. */
  room: RoomId;
  /** The last event of its log. */
  head: Seq;
  /** How many messages its log holds. */
  count: number;
  /** Its name, when it was given another. */
  name?: RoomName;
  /** Its last line, when it changed since the last summary. */
  last?: LastMessage;
}

export type RoomId = `room_${string}`;

/** What kind of room. */
export type RoomKind = 'direct' | 'group' | 'channel';

/** One visible line, trimmed. At most 120 bytes of UTF-8. */
export type RoomName = string;

/** A room as one member sees it. */
export interface RoomSummary {
  /** The room. */
  id: RoomId;
  /** Direct, group or channel. */
  kind: RoomKind;
  /** Public or private. */
  visibility: Visibility;
  /** Its name; a direct room has none. */
  name: RoomName | null;
  /** The other member of a direct room. */
  peer?: UserId;
  /** Since when. */
  created_at: Timestamp;
  /** The last event of its log. */
  head: Seq;
  /** How many messages its log holds. */
  count: number;
  /** How many members it has. */
  members: number;
  /** The reader's own role; null for a public channel they are not in. */
  role: Role | null;
  /** How far the reader has read; their own messages count as read. */
  marker: Marker;
  /** Its last line. */
  last: LastMessage | null;
}

/** `GET /api/v1/rooms`. */
export interface Rooms {
  /** Those of the caller, or with `?scope=public` the public channels. */
  rooms: RoomSummary[];
  /** Give it as `?after=` for the next page; null at the end. */
  next?: RoomId;
}

/** Which rooms. */
export type Scope = 'mine' | 'public';

/** What a message to be sent holds. */
export type SendContent =
  | {
    /** The text as written. */
    text: MessageText;
    kind: 'text';
  };

/** `POST /api/v1/rooms/{room}/messages`: `{txn, text}`, or `{txn, content}` as on the socket. */
export interface SendMessage {
  /** The client's id for this command; `Idempotency-Key` does the same. */
  txn?: TxnId;
  /** The text. */
  text?: MessageText;
  /** The content, as on the socket. */
  content?: SendContent;
}

/** A place in one log, from 1, without gaps. */
export type Seq = number;

/** A cursor to remember: everything up to it was sent. */
export interface ServerCursorFrame {
  /** From where to resume. */
  cursor: Cursor;
  type: 'cursor';
}

/** Something happened. With `txn`: the answer to a command. */
export type ServerEventFrame = Event & {
  type: 'event';
};

/** The user is no longer a member; nothing of this room follows. */
export interface ServerLeftFrame {
  /** The room. */
  room: RoomId;
  type: 'left';
}

/**
 * A room is open: events after `from` follow. `from` above what was asked means: drop what is held,
 * read history.
 */
export interface ServerOpenedFrame {
  /** Events with a greater `seq` follow. */
  from: Seq;
  /** The last event right now. */
  head: Seq;
  /** The room. */
  room: RoomId;
  type: 'opened';
}

/** The answer to `ping`. */
export interface ServerPongFrame {
  type: 'pong';
}

/** Signal: how many of an open room's members are there. */
export interface ServerPresenceCountFrame {
  /** Members who are `online` or `away`, on any node, oneself among them. */
  count: number;
  /** Which room. */
  room: RoomId;
  type: 'presence_count';
}

/** Signal: presence of watched users that changed. */
export interface ServerPresenceFrame {
  type: 'presence';
  /** Who, and how. */
  users: UserPresence[];
}

/** Welcome: what moved since the cursor, or everything without one. */
export type ServerReadyFrame = Welcome & {
  type: 'ready';
};

/** The server is about to close: come back within this time, at a random moment. */
export interface ServerReconnectFrame {
  /** Milliseconds to spread over. */
  jitter_ms: number;
  type: 'reconnect';
}

/** The answer to a command that is refused. */
export interface ServerRefusedFrame {
  /** Why. */
  refusal: Refusal;
  /** The room of an `open` that is refused. */
  room?: RoomId;
  /** The command; none when the frame that is refused had none. */
  txn?: TxnId;
  type: 'refused';
}

/** The cursor cannot be served: forget what is held, here is the current state. */
export type ServerResetFrame = Welcome & {
  type: 'reset';
};

/** What a user may do on the server. */
export type ServerRole = 'member' | 'admin' | 'owner';

/** A room is new for this session, or changed for it as a whole. */
export interface ServerRoomFrame {
  /** The room. */
  room: RoomSummary;
  type: 'room';
  /** Users it names. */
  users?: UserProfile[];
}

/** Listed rooms moved. */
export interface ServerRoomsFrame {
  /** Which, and how far. */
  rooms: RoomHead[];
  type: 'rooms';
}

/** Signal: who types. */
export interface ServerTypingFrame {
  /** Whether still. */
  on: boolean;
  /** Where. */
  room: RoomId;
  type: 'typing';
  /** Who. */
  user: UserId;
}

/** The answer to a command that had nothing to change. */
export interface ServerUnchangedFrame {
  /** The log it was about. */
  log: LogId;
  /** The command. */
  txn: TxnId;
  type: 'unchanged';
}

/** `PUT /api/v1/me/password`. */
export interface SetPassword {
  /** The password until now. */
  old_password: string;
  /** The password from then on: at least 8 characters, and not one that is guessed first. */
  password: string;
  /** Whether the other devices stay signed in; they are signed out when left out. */
  keep_devices?: boolean;
}

/** `PATCH /api/v1/rooms/{room}/members/{user}`. */
export interface SetRole {
  /** The role from then on. */
  role: Role;
}

/** Which shard a log belongs to, from 0. */
export type ShardId = number;

/** `POST /api/v1/devices`: sign in. */
export interface SignIn {
  /** The name. */
  username: string;
  /** The password. */
  password: string;
  /** What this device calls itself. */
  device_name?: string;
}

/** `POST /api/v1/users`: sign up. */
export interface SignUp {
  /** The name to sign in with. */
  username: Username;
  /** At least 8 characters. */
  password: string;
  /** How to be called; the username when left out. */
  display_name?: DisplayName;
  /** What this device calls itself. */
  device_name?: string;
}

/** The answer to both. */
export interface SignedIn {
  /** Who. */
  user: UserProfile;
  /** The device. */
  device: DeviceInfo;
  /** The secret for `Authorization: Bearer`. Shown once. */
  token: string;
  /** The oldest devices, which were signed out to make room for this one. */
  signed_out?: DeviceInfo[];
}

export type Timestamp = string;

export type TxnId = string;

export type UserId = `user_${string}`;

/** What stands behind an account. */
export type UserKind = 'person' | 'bot' | 'guest';

/** One user's presence. */
export interface UserPresence {
  /** Who. */
  user: UserId;
  /** How. */
  status: Presence;
}

/** A user as others see them. */
export interface UserProfile {
  /** The user's id. */
  id: UserId;
  /** The unique name. */
  username: Username;
  /** How they want to be called. */
  display_name: DisplayName;
  /** Person, bot or guest. */
  kind: UserKind;
  /** The role on this server. */
  role: ServerRole;
  /** Since when. */
  created_at: Timestamp;
}

/** Given with spaces around it or in upper case, it is trimmed and folded. */
export type Username = string;

/** `GET /api/v1/users`. */
export interface Users {
  /** Those found. */
  users: UserProfile[];
  /** With `?q=`: give it as `?after=` for the next page; null at the end. */
  next?: UserId;
}

/** Who may find and join a room. Only a channel can be public. */
export type Visibility = 'public' | 'private';

/** The state that `ready` and `reset` carry. */
export interface Welcome {
  /** Who the session is. */
  me: UserProfile;
  /** `ready` with `since`: the rooms that moved since then. Else all rooms. */
  rooms: RoomSummary[];
  /** Rooms left or lost since then. */
  left?: RoomId[];
  /** Users named by these rooms (the other one of a direct room, authors of last lines). */
  users?: UserProfile[];
  /** The last event of the own user log. */
  user_seq: Seq;
  /** From where to resume. */
  cursor: Cursor;
  /** What the client must keep to. */
  limits: WireLimits;
}

/** The limits a client needs. */
export interface WireLimits {
  /** Bytes of a message's text. */
  message_text_bytes_max: number;
  /** Bytes of one frame from the client. */
  frame_bytes_max: number;
  /** Rooms open at once. */
  open_rooms_max: number;
  /** Commands waiting for their answer. */
  commands_in_flight_max: number;
  /** Milliseconds between heartbeats. */
  heartbeat_ms: number;
}

/** Every frame of the client. `[FR2]` */
export type ClientFrame =
  | ClientCloseFrame
  | ClientCreateRoomFrame
  | ClientDeleteFrame
  | ClientEditFrame
  | ClientHelloFrame
  | ClientJoinFrame
  | ClientLeaveFrame
  | ClientMarkFrame
  | ClientOpenFrame
  | ClientPingFrame
  | ClientPresenceFrame
  | ClientReactFrame
  | ClientRenameFrame
  | ClientSendFrame
  | ClientSetRoleFrame
  | ClientTypingFrame
  | ClientUnreactFrame
  | ClientWatchFrame;

/** Every frame of the server. `[FR2]` */
export type ServerFrame =
  | ServerCursorFrame
  | ServerEventFrame
  | ServerLeftFrame
  | ServerOpenedFrame
  | ServerPongFrame
  | ServerPresenceFrame
  | ServerPresenceCountFrame
  | ServerReadyFrame
  | ServerReconnectFrame
  | ServerRefusedFrame
  | ServerResetFrame
  | ServerRoomFrame
  | ServerRoomsFrame
  | ServerTypingFrame
  | ServerUnchangedFrame;
