/** Frames, events, state and bodies. Made by `cargo xtask codegen` from the Rust types; do not edit. */

/** `GET /api/v1`: what answers here. */
export interface About {
  /** Versions of the API that it offers, as they stand in addresses. */
  api: string[];
  /** Every limit, by its name in the reference in lower case. */
  limits: Record<string, number>;
  /** The name of the program: `tidings`. */
  name: string;
  /** Whether anybody may make an account. */
  sign_up: boolean;
  /** Subprotocols of its socket. */
  subprotocols: string[];
  /** Its version. */
  version: string;
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
  | ContentRoomCreated
  | ContentRoomRenamed
  | ContentMemberJoined
  | ContentMemberLeft
  | ContentRoleChanged
  | ContentMessage
  | ContentMessageEdited
  | ContentMessageDeleted
  | ContentReactionAdded
  | ContentReactionRemoved
  | ContentUserCreated
  | ContentDeviceAdded
  | ContentDeviceRemoved
  | ContentPasswordChanged
  | ContentMarkerMoved;

/** User log: a new sign-in. */
export interface ContentDeviceAdded {
  /** The device. */
  device: DeviceId;
  kind: 'device_added';
  /** Its name. */
  name: string;
}

/** User log: a device was signed out; its token is worth nothing from here on. */
export interface ContentDeviceRemoved {
  /** The device. */
  device: DeviceId;
  kind: 'device_removed';
  /** Why. */
  reason?: RemovedReason;
}

/** User log: the user has read a room up to here. Never goes back. */
export interface ContentMarkerMoved {
  /** The room's count of messages at that place. */
  count: number;
  kind: 'marker_moved';
  /** The room. */
  room: RoomId;
  /** Read up to and including this. */
  seq: Seq;
}

/** A user became a member (joined, or was added by the actor). */
export interface ContentMemberJoined {
  kind: 'member_joined';
  /** With which role. */
  role: Role;
  /** Who. */
  user: UserId;
}

/** A user is no longer a member (left, or was removed by the actor). */
export interface ContentMemberLeft {
  kind: 'member_left';
  /** Who. */
  user: UserId;
}

/** A message. Its id is the event's id. */
export interface ContentMessage {
  kind: 'message';
  /** The text as written. */
  text: MessageText;
}

/** A message was deleted; its text and its edits are erased everywhere. */
export interface ContentMessageDeleted {
  kind: 'message_deleted';
  /** The message. */
  message: EventId;
  /** Where it stands in this log. */
  target: Seq;
}

/** A message has another text. */
export interface ContentMessageEdited {
  kind: 'message_edited';
  /** The message. */
  message: EventId;
  /** Where it stands in this log. */
  target: Seq;
  /** The new text. */
  text: MessageText;
}

/**
 * User log: the account has another password. The devices that this signed out follow, each with
 * its own event.
 */
export interface ContentPasswordChanged {
  kind: 'password_changed';
}

/** The actor reacted. */
export interface ContentReactionAdded {
  /** With what. */
  emoji: Emoji;
  kind: 'reaction_added';
  /** The message. */
  message: EventId;
  /** Where it stands in this log. */
  target: Seq;
}

/** The actor took a reaction back. */
export interface ContentReactionRemoved {
  /** Which. */
  emoji: Emoji;
  kind: 'reaction_removed';
  /** The message. */
  message: EventId;
  /** Where it stands in this log. */
  target: Seq;
}

/** A member has another role, given by the actor. */
export interface ContentRoleChanged {
  kind: 'role_changed';
  /** The role from here on. */
  role: Role;
  /** Who. */
  user: UserId;
}

/** The room began. Always `seq` 1. */
export interface ContentRoomCreated {
  /** The two members of a direct room, in the order of their ids. */
  between?: UserId[];
  kind: 'room_created';
  /** Its name; a direct room has none. */
  name?: RoomName;
  /** What kind of room. */
  room_kind: RoomKind;
  /** Who may find and join it. */
  visibility: Visibility;
}

/** The room has another name. */
export interface ContentRoomRenamed {
  kind: 'room_renamed';
  /** The new name. */
  name: RoomName;
}

/** User log: the account began. Always `seq` 1. */
export interface ContentUserCreated {
  /** The display name. */
  display_name: DisplayName;
  kind: 'user_created';
  /** The role on this server. */
  role: ServerRole;
  /** The username. */
  username: Username;
}

/** `POST /api/v1/rooms`. */
export interface CreateRoom {
  /** What kind. */
  kind: RoomKind;
  /** Members besides the caller. */
  members?: UserId[];
  /** Its name. */
  name?: RoomName;
  /** The client's id for this command; `Idempotency-Key` does the same. */
  txn?: TxnId;
  /** Public or private; private when left out. */
  visibility?: Visibility;
}

/** Opaque: keep it, give it back as `since`. */
export type Cursor = string;

export type DeviceId = `device_${string}`;

/** One sign-in of the caller. */
export interface DeviceInfo {
  /** When it signed in. */
  created_at: Timestamp;
  /** Whether the request came from it. */
  current: boolean;
  /** The device's id. */
  id: DeviceId;
  /** What it calls itself. */
  name: string;
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
  /** The new text. */
  text: MessageText;
  /** The client's id for this command. */
  txn?: TxnId;
}

/** One emoji; kept fully-qualified, as Unicode's emoji data calls it. At most 40 bytes of UTF-8. */
export type Emoji = string;

/** What happened: numbered, permanent. */
export interface Event {
  /** Who did it. */
  actor: UserId;
  /**
   * It is told as the answer to a command, out of its place in the log: it moves no `seq` and no
   * cursor. `[CM9]`
   */
  answer?: boolean;
  /** When it was committed, by the server's clock. The order is `seq`, never this. */
  at: Timestamp;
  /** What it says; null once erased. */
  content: Content | null;
  /**
   * How many messages the log holds up to and including this event. Unread is a subtraction of two
   * counts.
   */
  count: number;
  /** The event's id; for a message also the message's. */
  id: EventId;
  /** The log: a room's id, or a user's for what concerns that user alone. */
  log: LogId;
  /** The place in the shard. */
  position: Position;
  /** The place in the log, from 1, without gaps. */
  seq: Seq;
  /** The shard of the log. */
  shard: ShardId;
  /** The client's own id for the command; only on copies for the actor's own devices. */
  txn?: TxnId;
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
  /** What is wrong, for a person. */
  detail: string;
  /** The header. */
  header?: string;
  /** The parameter of the address. */
  parameter?: string;
  /** The field in the body or frame, as a JSON pointer (RFC 6901). */
  pointer?: string;
}

/** What a session hears of the rooms that it did not open. */
export type Follow = 'listed' | 'all';

/** The last line of a room, for the list. */
export interface LastMessage {
  /** By whom. */
  actor: UserId;
  /** When. */
  at: Timestamp;
  /** The message. */
  id: EventId;
  /** Its place in the room. */
  seq: Seq;
  /** The beginning of its current text, at most 140 characters; null when deleted. */
  text: string | null;
}

/** A room that the user is in no more. */
export interface LeftRoom {
  /** Who removed the user; the user themselves when they left. */
  by?: UserId;
  /** The room. */
  room: RoomId;
}

/** How news comes. */
export type Live = 'sse' | 'poll';

export type LogId = `room_${string}` | `user_${string}`;

/** How far a user has read a room. */
export interface Marker {
  /** The room's count of messages at that place. Unread = the room's count − this. */
  count: number;
  /** Read up to and including this. */
  seq: Seq;
}

/** The answer to it. */
export interface MarkerAnswer {
  /** The marker now. */
  marker: Marker;
}

/** `GET /api/v1/me`. */
export interface Me {
  /** With which device. */
  device: DeviceInfo;
  /** Who. */
  user: UserProfile;
}

/** A member of a room. */
export interface MemberInfo {
  /** With which role. */
  role: Role;
  /** Who. */
  user: UserProfile;
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
  /** By whom. */
  actor: UserId;
  /** When it was sent. */
  at: Timestamp;
  /** How many messages the room held with this one. */
  count: number;
  /** The event that deleted it. */
  deleted?: Seq;
  /** The event of the last edit. */
  edited?: Seq;
  /** The message: the id of the event that created it. */
  id: EventId;
  /** Reactions, in the order of their emoji. */
  reactions?: MessageReaction[];
  /** The room. */
  room: RoomId;
  /** Its place in the room. */
  seq: Seq;
  /** The current text; null when deleted. */
  text: MessageText | null;
  /** The client's own id; only for the actor's own devices. */
  txn?: TxnId;
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
  /** The log's head when the page was read: events after it may change what the page shows. */
  head: Seq;
  /** The page, oldest first. */
  messages: Message[];
  /** Whether there are newer ones than the last of this page. */
  more_after: boolean;
  /** Whether there are older ones than the first of this page. */
  more_before: boolean;
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
  /** Give it as `?since=` next time. */
  cursor: Cursor;
  /** Frames as over the socket, in order. */
  frames: ServerFrame[];
}

/** A place in one shard, in commit order, from 1, without gaps. */
export type Position = number;

/** Whether a user is there. */
export type Presence = 'offline' | 'away' | 'online';

/** The body of every refusal (RFC 9457). */
export interface Problem {
  /** The stable code. */
  code: RefusalCode | (string & {});
  /** What to do, for a person. */
  detail: string;
  /** The fields, parameters or headers that do not fit. */
  errors?: FieldError[];
  /** Finds the request in the server's log. */
  request_id?: string;
  /** Milliseconds to wait before trying again, when waiting helps. */
  retry_after_ms?: number;
  /**
   * The room that stands in the way, where one does: with `name_taken` the one that has the name.
   */
  room?: RoomId;
  /** The HTTP status. */
  status: number;
  /** The same sentence for every refusal with this code. */
  title: string;
  /** Names the kind of problem: `urn:tidings:refusal:` and the code. */
  type: string;
}

/**
 * A "no" with its reason. On REST it is a problem details object (RFC 9457), on the socket part of
 * `refused`.
 */
export interface Refusal {
  /** The stable code. */
  code: RefusalCode | (string & {});
  /** The fields, parameters or headers that do not fit. */
  errors?: FieldError[];
  /** What to do, for a person. */
  message: string;
  /** Finds the command in the server's log, when the trouble is ours. */
  request_id?: string;
  /** Milliseconds to wait before trying again, when waiting helps. */
  retry_after_ms?: number;
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
  /** How many messages its log holds, deleted ones too. */
  count: number;
  /**
   * Messages that were deleted lately, ascending, at most 32: they join those known before. `[P8]`
   */
  gone?: Seq[];
  /** The last event of its log. */
  head: Seq;
  /** Its last line, when it changed since the last summary. */
  last?: LastMessage;
  /** Its name, when it was given another. */
  name?: RoomName;
  /** The room. */
  room: RoomId;
}

export type RoomId = `room_${string}`;

/** What kind of room. */
export type RoomKind = 'direct' | 'group' | 'channel';

/** One visible line, trimmed. At most 120 bytes of UTF-8. */
export type RoomName = string;

/** A room as one member sees it. */
export interface RoomSummary {
  /** How many messages its log holds, deleted ones too. */
  count: number;
  /** Since when. */
  created_at: Timestamp;
  /**
   * Its last deleted messages after `marker`, ascending, at most 32. Unread is `count` less
   * `marker.count` less how many of these stand after `marker.seq`. `[P8]`
   */
  gone?: Seq[];
  /** The last event of its log. */
  head: Seq;
  /** The room. */
  id: RoomId;
  /** Direct, group or channel. */
  kind: RoomKind;
  /** Its last line. */
  last: LastMessage | null;
  /** How far the reader has read; their own messages count as read. */
  marker: Marker;
  /** How many members it has. */
  members: number;
  /** Its name; a direct room has none. */
  name: RoomName | null;
  /** The other member of a direct room. */
  peer?: UserId;
  /** The reader's own role; null for a public channel they are not in. */
  role: Role | null;
  /** Public or private. */
  visibility: Visibility;
}

/** `GET /api/v1/rooms`. */
export interface Rooms {
  /** Give it as `?after=` for the next page; null at the end. */
  next?: RoomId;
  /** Those of the caller, or with `?scope=public` the public channels. */
  rooms: RoomSummary[];
}

/** Which rooms. */
export type Scope = 'mine' | 'public';

/** What a message to be sent holds. */
export type SendContent = SendContentText;

/** Text. */
export interface SendContentText {
  kind: 'text';
  /** The text as written. */
  text: MessageText;
}

/** `POST /api/v1/rooms/{room}/messages`: `{txn, text}`, or `{txn, content}` as on the socket. */
export interface SendMessage {
  /** The content, as on the socket. */
  content?: SendContent;
  /** The text. */
  text?: MessageText;
  /** The client's id for this command; `Idempotency-Key` does the same. */
  txn?: TxnId;
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
export type ServerLeftFrame = LeftRoom & {
  type: 'left';
};

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
  /** Whether the other devices stay signed in; they are signed out when left out. */
  keep_devices?: boolean;
  /** The password until now. */
  old_password: string;
  /** The password from then on: at least 8 characters, and not one that is guessed first. */
  password: string;
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
  /** What this device calls itself: one visible line, at most 120 bytes of UTF-8. */
  device_name?: string;
  /** The password. */
  password: string;
  /** The name. */
  username: string;
}

/** `POST /api/v1/users`: sign up. */
export interface SignUp {
  /** What this device calls itself: one visible line, at most 120 bytes of UTF-8. */
  device_name?: string;
  /** How to be called; the username when left out. */
  display_name?: DisplayName;
  /** At least 8 characters, at most 512 bytes of UTF-8. */
  password: string;
  /** The name to sign in with. */
  username: Username;
}

/** The answer to both. */
export interface SignedIn {
  /** The device. */
  device: DeviceInfo;
  /** The oldest devices, which were signed out to make room for this one. */
  signed_out?: DeviceInfo[];
  /** The secret for `Authorization: Bearer`. Shown once. */
  token: string;
  /** Who. */
  user: UserProfile;
}

export type Timestamp = string;

export type TxnId = string;

export type UserId = `user_${string}`;

/** What stands behind an account. */
export type UserKind = 'person' | 'bot' | 'guest';

/** One user's presence. */
export interface UserPresence {
  /** How. */
  status: Presence;
  /** Who. */
  user: UserId;
}

/** A user as others see them. */
export interface UserProfile {
  /** Since when. */
  created_at: Timestamp;
  /** How they want to be called. */
  display_name: DisplayName;
  /** The user's id. */
  id: UserId;
  /** Person, bot or guest. */
  kind: UserKind;
  /** The role on this server. */
  role: ServerRole;
  /** The unique name. */
  username: Username;
}

/** Given with spaces around it or in upper case, it is trimmed and folded. */
export type Username = string;

/** `GET /api/v1/users`. */
export interface Users {
  /** With `?q=`: give it as `?after=` for the next page; null at the end. */
  next?: UserId;
  /** Those found. */
  users: UserProfile[];
}

/** Who may find and join a room. Only a channel can be public. */
export type Visibility = 'public' | 'private';

/** The state that `ready` and `reset` carry. */
export interface Welcome {
  /** From where to resume. */
  cursor: Cursor;
  /** Rooms left or lost since then, and by whose doing. */
  left?: LeftRoom[];
  /** What the client must keep to. */
  limits: WireLimits;
  /** Who the session is. */
  me: UserProfile;
  /** `ready` with `since`: the rooms that moved since then. Else all rooms. */
  rooms: RoomSummary[];
  /** The last event of the own user log. */
  user_seq: Seq;
  /**
   * Users named by these rooms (the other one of a direct room, authors of last lines, who removed
   * the user).
   */
  users?: UserProfile[];
}

/** The limits a client needs. */
export interface WireLimits {
  /** Commands waiting for their answer. */
  commands_in_flight_max: number;
  /** Bytes of one frame from the client. */
  frame_bytes_max: number;
  /** Milliseconds between heartbeats. */
  heartbeat_ms: number;
  /** Bytes of a message's text. */
  message_text_bytes_max: number;
  /** Rooms open at once. */
  open_rooms_max: number;
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
