/** The limits of the wire that a client meets. `[LI1]` */

export const MESSAGE_TEXT_BYTES_MAX = 16 * 1024;
export const ROOM_NAME_BYTES_MAX = 120;
export const DISPLAY_NAME_BYTES_MAX = 120;
export const USERNAME_LEN_MIN = 2;
export const USERNAME_LEN_MAX = 32;
export const PASSWORD_LEN_MIN = 8;
export const PASSWORD_BYTES_MAX = 512;
export const TXN_BYTES_MAX = 64;

/** Rooms held open by one session. */
export const OPEN_ROOMS_MAX = 64;
/** Events replayed when a room is opened with `after`. `[SB4]` */
export const OPEN_REPLAY_EVENTS_MAX = 500;
/** Users one session watches the presence of. */
export const WATCHED_USERS_MAX = 200;
/** Different emoji on one message. */
export const MESSAGE_EMOJI_MAX = 50;
/** Commands of one session that wait for their answer. `[CM8]` */
export const COMMANDS_IN_FLIGHT_MAX = 128;

export const PAGE_DEFAULT = 50;
export const PAGE_MAX = 200;
/** Ids of one `GET /users?id=`. */
export const USERS_PER_QUERY_MAX = 100;

/** Milliseconds between heartbeats. `[HB1]` */
export const HEARTBEAT_MS = 18_000;
/** Milliseconds of silence after which a connection is dead. `[HB2]` */
export const SILENCE_MS_MAX = 38_000;
/** Milliseconds in which typing goes stale. `[SG2]` */
export const TYPING_MS_MAX = 6_000;
