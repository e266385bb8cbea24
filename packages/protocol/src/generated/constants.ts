/** Limits, close codes, subprotocols. Made by `cargo xtask codegen` from the Rust types; do not edit. */

export const SUBPROTOCOL_JSON = 'tidings.v1.json';
export const SUBPROTOCOL_MSGPACK = 'tidings.v1.msgpack';

/** Bytes of a message's text. Sixteen KiB is five pages: longer is a file. */
export const MESSAGE_TEXT_BYTES_MAX = 16384;
/** Bytes of a room's name. Fits one line on a desktop. */
export const ROOM_NAME_BYTES_MAX = 120;
/** Bytes of a display name. */
export const DISPLAY_NAME_BYTES_MAX = 120;
/** Characters of a username, at least. */
export const USERNAME_LEN_MIN = 2;
/** Characters of a username, at most. It stands in addresses (`@name:server`) and mentions. */
export const USERNAME_LEN_MAX = 32;
/** Bytes of one emoji: the longest ZWJ sequence of Unicode 17 has 35 bytes. */
export const EMOJI_BYTES_MAX = 40;
/** Marks on one letter of a name, at most (UTS #39 §5.4 finds no more in any word). `[LI2]` */
export const NAME_MARKS_MAX = 4;
/** Bytes of a device's name ("Firefox on Linux"). */
export const DEVICE_NAME_BYTES_MAX = 120;
/** Characters of a password, at least (NIST SP 800-63B). */
export const PASSWORD_LEN_MIN = 8;
/** Bytes of a password, at most: hashing cost must not depend on the client. */
export const PASSWORD_BYTES_MAX = 512;
/** Bytes of a client's transaction id. */
export const TXN_BYTES_MAX = 64;
/**
 * Bytes of one frame from a client: the largest text, each byte escaped in the worst case, and the
 * envelope.
 */
export const CLIENT_FRAME_BYTES_MAX = 102400;
/** Fragments of one WebSocket message. No client needs more; each costs a loop turn. */
export const FRAME_FRAGMENTS_MAX = 64;
/**
 * Characters of a refusal's sentence. It may quote what was sent, and must not cost more than that
 * did.
 */
export const REFUSAL_MESSAGE_LEN_MAX = 300;
/**
 * Levels of maps and lists in one MessagePack frame, at most; JSON stops at 128 by itself. Frames
 * have four.
 */
export const MSGPACK_DEPTH_MAX = 32;
/** Bytes of the head of one request. */
export const REQUEST_HEAD_BYTES_MAX = 32768;
/**
 * Milliseconds a client has for the head of a request: one that drips holds a connection no longer.
 */
export const REQUEST_HEAD_MS_MAX = 10000;
/**
 * Milliseconds a request may take, from its head to its answer; the stream is no such request.
 * After that it is `unavailable`, and the same `txn` tells what became of it.
 */
export const REQUEST_MS_MAX = 30000;
/** Characters of an `X-Request-Id` that is taken over. A log line holds it. */
export const REQUEST_ID_LEN_MAX = 64;
/**
 * Milliseconds in which a client must take something of what it is sent; else its connection ends.
 */
export const WRITE_MS_MAX = 30000;
/** Bytes of one REST body. */
export const BODY_BYTES_MAX = 102400;
/** Rooms opened by `hello` or held open by one session. */
export const OPEN_ROOMS_MAX = 64;
/**
 * Events replayed when a room is opened with `after`; further behind, the room starts over at its
 * head. `[SB4]`
 */
export const OPEN_REPLAY_EVENTS_MAX = 500;
/** Users one session watches the presence of. */
export const WATCHED_USERS_MAX = 200;
/**
 * Milliseconds between two counts of an open room's present members, and of two batches of
 * presence. `[SG3]` `[SG5]`
 */
export const PRESENCE_EVERY_MS = 1000;
/**
 * Sessions with a room open that are told its count at that pace; where there are more, all are
 * told more seldom: as many times slower as they are more. `[SG5]`
 */
export const PRESENCE_COUNT_SESSIONS = 1000;
/** Members named when a room is created. */
export const CREATE_MEMBERS_MAX = 100;
/** Different emoji on one message. A wall of them is unreadable. */
export const MESSAGE_EMOJI_MAX = 50;
/** Deleted messages that a room names for the arithmetic of unread, the last ones. `[P8]` */
export const GONE_MAX = 32;
/** Rooms one user may be a member of. The list of rooms is one answer. */
export const ROOMS_PER_USER_MAX = 5000;
/**
 * Rooms after which nobody can add a user to more groups and channels. The rest stays for rooms
 * that the user chooses: others cannot fill it.
 */
export const ROOMS_ADDED_MAX = 4000;
/** Devices of one user; the oldest gives way to a new one. */
export const DEVICES_PER_USER_MAX = 50;
/** Commands of one session that wait for their answer. */
export const COMMANDS_IN_FLIGHT_MAX = 128;
/** Frames that wait for the answer to `hello`. As many commands as may wait for theirs. `[HS5]` */
export const EARLY_FRAMES_MAX = 128;
/** Bytes of the same: the largest frame fits. Nobody has proved who they are yet. `[HS5]` */
export const EARLY_BYTES_MAX = 102400;
/**
 * Answers and notices that wait for a session that does not read. Above that it is closed with
 * 4101; events do not wait in memory, they are read again.
 */
export const OWED_FRAMES_MAX = 1024;
/** Bytes of what waits for a session that does not read, with the same end. */
export const OWED_BYTES_MAX = 262144;
/** Events of one long poll's answer. `[LP2]` */
export const POLL_EVENTS_MAX = 500;
/**
 * Events after which a session that follows everything is told its cursor, however busy it is: one
 * that is cut off again and again moves on all the same. `[SB9]`
 */
export const CURSOR_EVENTS_MAX = 100;
/** Bytes of events after which a long poll's answer ends. `[LP2]` */
export const POLL_BYTES_MAX = 524288;
/** Code points of a room's last line, at most. The list shows no more. `[LI4]` */
export const LAST_LINE_LEN_MAX = 140;
/** Rows of one page, when the client does not say. */
export const PAGE_DEFAULT = 50;
/** Rows of one page, at most. */
export const PAGE_MAX = 200;
/** Ids of one `GET /users?id=`. */
export const USERS_PER_QUERY_MAX = 100;
/**
 * Networks' worth of tries that strangers have at one name: above that they come by turns. `[LI5]`
 */
export const NAME_NETWORKS = 4;
/**
 * Milliseconds that a stranger with the right password waits for a turn at a name, at most, however
 * many others try it. `[LI5]`
 */
export const SIGN_IN_WAIT_MS_MAX = 600000;
/**
 * Tries a minute of one known device, or of one name from a network that it signed in from: a
 * person who mistypes needs fewer, and what a thief of the device may guess stays small. `[LI5]`
 */
export const KNOWN_SIGN_INS_PER_MINUTE = 10;
/** How many times a network's budget those have together who are known from it. `[LI5]` */
export const KNOWN_NETWORK_TIMES = 4;
/** What a session costs that begins with everything. The unit is one command. `[LI3]` */
export const FRESH_SESSION_COST = 5;
/** What one costs that goes on from a cursor. `[LI3]` */
export const RESUMED_SESSION_COST = 2;
/**
 * Rooms whose state costs a session one more, once it was read: so many are about the work of a
 * command. `[LI3]`
 */
export const SESSION_ROOMS_PER_COST = 20;
/** Rooms that a session follows, moved or not, that cost it one more. `[LI3]` */
export const SESSION_FOLLOWED_PER_COST = 200;
/**
 * Seconds of a user's long-run rate that may be spent at once: opening the app asks for many
 * things. `[LI3]`
 */
export const USER_BURST_S = 4;
/** Milliseconds a client has for its `hello`. */
export const HELLO_TIMEOUT_MS = 10000;
/**
 * Milliseconds between heartbeats; with one missed, a half-open connection is found in 40 s.
 * `[HB1]`
 */
export const HEARTBEAT_MS = 18000;
/** Milliseconds without a byte from the peer after which a connection counts as dead. `[HB2]` */
export const SILENCE_MS_MAX = 38000;
/** Milliseconds a long poll waits for news. */
export const POLL_WAIT_MS_MAX = 25000;
/** Milliseconds that an SSE stream tells the client to wait before it comes back. `[SE3]` */
export const STREAM_RETRY_MS = 1500;
/**
 * Milliseconds between two summaries of listed rooms: what happens in between is told once. `[SB2]`
 */
export const LISTED_EVERY_MS = 100;
/** Milliseconds in which typing goes stale without renewal. */
export const TYPING_MS_MAX = 6000;

/** Close codes by name. `[CL1]` */
export const CLOSE = {
  normal: 1000,
  protocol: 1002,
  invalid_data: 1007,
  policy: 1008,
  too_large: 1009,
  restarting: 4000,
  silent: 4001,
  internal: 4100,
  rate_limited: 4101,
  unavailable: 4102,
  unauthenticated: 4200,
  device_removed: 4201,
  hello_expected: 4202,
  bad_frame: 4203,
  hello_repeated: 4204,
} as const;

/** When to come back after some close codes, as the server sees it; a test compares. */
export const COME_BACK: Readonly<Record<number, 'now' | 'later' | 'never'>> = {
  1000: 'now',
  1001: 'now',
  1002: 'never',
  1003: 'never',
  1004: 'never',
  1005: 'now',
  1006: 'now',
  1007: 'never',
  1008: 'never',
  1009: 'never',
  1010: 'never',
  1011: 'later',
  1012: 'now',
  1013: 'later',
  1014: 'later',
  1015: 'never',
  4000: 'now',
  4099: 'now',
  4100: 'later',
  4199: 'later',
  4200: 'never',
  4299: 'never',
  4300: 'never',
};
