//! Every limit of the wire, with its reason. `[LI1]`
//!
//! Owns: the numbers. Never: enforces them; the type or the queue that has a limit names it from here.

/// One limit, for the documents that clients are made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Its name here.
    pub name: &'static str,
    /// The number; its unit is in the name.
    pub value: u64,
    /// What it limits, and why.
    pub about: &'static [&'static str],
}

macro_rules! limits {
    ($($(#[doc = $about:literal])+ pub const $name:ident: $type:ty = $value:expr;)*) => {
        $($(#[doc = $about])+ pub const $name: $type = $value;)*

        /// Every limit.
        pub const ALL: &[Limit] = &[$(Limit {
            name: stringify!($name),
            value: $name as u64,
            about: &[$($about),+],
        },)*];
    };
}

limits! {
    /// Bytes of a message's text. Sixteen KiB is five pages: longer is a file.
    pub const MESSAGE_TEXT_BYTES_MAX: usize = 16 * 1024;
    /// Bytes of a room's name. Fits one line on a desktop.
    pub const ROOM_NAME_BYTES_MAX: usize = 120;
    /// Bytes of a display name.
    pub const DISPLAY_NAME_BYTES_MAX: usize = 120;
    /// Characters of a username, at least.
    pub const USERNAME_LEN_MIN: usize = 2;
    /// Characters of a username, at most. It stands in addresses (`@name:server`) and mentions.
    pub const USERNAME_LEN_MAX: usize = 32;
    /// Bytes of one emoji: the longest ZWJ sequence of Unicode 17 has 35 bytes.
    pub const EMOJI_BYTES_MAX: usize = 40;
    /// Marks on one letter of a name, at most (UTS #39 §5.4 finds no more in any word). `[LI2]`
    pub const NAME_MARKS_MAX: usize = 4;
    /// Bytes of a device's name ("Firefox on Linux").
    pub const DEVICE_NAME_BYTES_MAX: usize = 120;
    /// Characters of a password, at least (NIST SP 800-63B).
    pub const PASSWORD_LEN_MIN: usize = 8;
    /// Bytes of a password, at most: hashing cost must not depend on the client.
    pub const PASSWORD_BYTES_MAX: usize = 512;
    /// Bytes of a client's transaction id.
    pub const TXN_BYTES_MAX: usize = 64;

    /// Bytes of one frame from a client: the largest text, each byte escaped in the worst case, and the envelope.
    pub const CLIENT_FRAME_BYTES_MAX: usize = 6 * MESSAGE_TEXT_BYTES_MAX + 4 * 1024;
    /// Fragments of one WebSocket message. No client needs more; each costs a loop turn.
    pub const FRAME_FRAGMENTS_MAX: usize = 64;
    /// Characters of a refusal's sentence. It may quote what was sent, and must not cost more than that did.
    pub const REFUSAL_MESSAGE_LEN_MAX: usize = 300;
    /// Levels of maps and lists in one MessagePack frame, at most; JSON stops at 128 by itself. Frames have four.
    pub const MSGPACK_DEPTH_MAX: usize = 32;
    /// Bytes of the head of one request.
    pub const REQUEST_HEAD_BYTES_MAX: usize = 32 * 1024;
    /// Milliseconds a client has for the head of a request: one that drips holds a connection no longer.
    pub const REQUEST_HEAD_MS_MAX: u64 = 10_000;
    /// Milliseconds a request may take, from its head to its answer; the stream is no such request. After that it is
    /// `unavailable`, and the same `txn` tells what became of it.
    pub const REQUEST_MS_MAX: u64 = 30_000;
    /// Characters of an `X-Request-Id` that is taken over. A log line holds it.
    pub const REQUEST_ID_LEN_MAX: usize = 64;
    /// Milliseconds in which a client must take something of what it is sent; else its connection ends.
    pub const WRITE_MS_MAX: u64 = 30_000;
    /// Bytes of one REST body.
    pub const BODY_BYTES_MAX: usize = CLIENT_FRAME_BYTES_MAX;

    /// Rooms opened by `hello` or held open by one session.
    pub const OPEN_ROOMS_MAX: usize = 64;
    /// Events replayed when a room is opened with `after`; further behind, the room starts over at its head. `[SB4]`
    pub const OPEN_REPLAY_EVENTS_MAX: u64 = 500;
    /// Users one session watches the presence of.
    pub const WATCHED_USERS_MAX: usize = 200;
    /// Milliseconds between two counts of an open room's present members, and of two batches of presence. `[SG3]` `[SG5]`
    pub const PRESENCE_EVERY_MS: u64 = 1_000;
    /// Sessions with a room open that are told its count at that pace; where there are more, all are told more seldom:
    /// as many times slower as they are more. `[SG5]`
    pub const PRESENCE_COUNT_SESSIONS: usize = 1_000;
    /// Members named when a room is created.
    pub const CREATE_MEMBERS_MAX: usize = 100;
    /// Different emoji on one message. A wall of them is unreadable.
    pub const MESSAGE_EMOJI_MAX: usize = 50;
    /// Deleted messages that a room names for the arithmetic of unread, the last ones. `[P8]`
    pub const GONE_MAX: usize = 32;
    /// Rooms one user may be a member of. The list of rooms is one answer.
    pub const ROOMS_PER_USER_MAX: usize = 5_000;
    /// Rooms after which nobody can add a user to more groups and channels. The rest stays for rooms that the user chooses:
    /// others cannot fill it.
    pub const ROOMS_ADDED_MAX: usize = 4_000;
    /// Devices of one user; the oldest gives way to a new one.
    pub const DEVICES_PER_USER_MAX: usize = 50;
    /// Commands of one session that wait for their answer.
    pub const COMMANDS_IN_FLIGHT_MAX: usize = 128;
    /// Frames that wait for the answer to `hello`. As many commands as may wait for theirs. `[HS5]`
    pub const EARLY_FRAMES_MAX: usize = COMMANDS_IN_FLIGHT_MAX;
    /// Bytes of the same: the largest frame fits. Nobody has proved who they are yet. `[HS5]`
    pub const EARLY_BYTES_MAX: usize = CLIENT_FRAME_BYTES_MAX;

    /// Answers and notices that wait for a session that does not read. Above that it is closed with 4101; events do not
    /// wait in memory, they are read again.
    pub const OWED_FRAMES_MAX: usize = 1_024;
    /// Bytes of what waits for a session that does not read, with the same end.
    pub const OWED_BYTES_MAX: usize = 256 * 1024;
    /// Events of one long poll's answer. `[LP2]`
    pub const POLL_EVENTS_MAX: usize = 500;
    /// Events after which a session that follows everything is told its cursor, however busy it is: one that is cut off
    /// again and again moves on all the same. `[SB9]`
    pub const CURSOR_EVENTS_MAX: u64 = 100;
    /// Bytes of events after which a long poll's answer ends. `[LP2]`
    pub const POLL_BYTES_MAX: usize = 512 * 1024;
    /// Code points of a room's last line, at most. The list shows no more. `[LI4]`
    pub const LAST_LINE_LEN_MAX: usize = 140;

    /// Rows of one page, when the client does not say.
    pub const PAGE_DEFAULT: u32 = 50;
    /// Rows of one page, at most.
    pub const PAGE_MAX: u32 = 200;
    /// Ids of one `GET /users?id=`.
    pub const USERS_PER_QUERY_MAX: usize = 100;

    /// Networks' worth of tries that strangers have at one name: above that they come by turns. `[LI5]`
    pub const NAME_NETWORKS: u32 = 4;
    /// Milliseconds that a stranger with the right password waits for a turn at a name, at most, however many others try
    /// it. `[LI5]`
    pub const SIGN_IN_WAIT_MS_MAX: u64 = 10 * 60 * 1_000;
    /// Tries a minute of one known device, or of one name from a network that it signed in from: a person who mistypes
    /// needs fewer, and what a thief of the device may guess stays small. `[LI5]`
    pub const KNOWN_SIGN_INS_PER_MINUTE: u32 = 10;
    /// How many times a network's budget those have together who are known from it. `[LI5]`
    pub const KNOWN_NETWORK_TIMES: u32 = 4;
    /// What a session costs that begins with everything. The unit is one command. `[LI3]`
    pub const FRESH_SESSION_COST: u32 = 5;
    /// What one costs that goes on from a cursor. `[LI3]`
    pub const RESUMED_SESSION_COST: u32 = 2;
    /// Rooms whose state costs a session one more, once it was read: so many are about the work of a command. `[LI3]`
    pub const SESSION_ROOMS_PER_COST: u32 = 20;
    /// Rooms that a session follows, moved or not, that cost it one more. `[LI3]`
    pub const SESSION_FOLLOWED_PER_COST: u32 = 200;
    /// Seconds of a user's long-run rate that may be spent at once: opening the app asks for many things. `[LI3]`
    pub const USER_BURST_S: u32 = 4;

    /// Milliseconds a client has for its `hello`.
    pub const HELLO_TIMEOUT_MS: u64 = 10_000;
    /// Milliseconds between heartbeats; with one missed, a half-open connection is found in 40 s. `[HB1]`
    pub const HEARTBEAT_MS: u64 = 18_000;
    /// Milliseconds without a byte from the peer after which a connection counts as dead. `[HB2]`
    pub const SILENCE_MS_MAX: u64 = 38_000;
    /// Milliseconds a long poll waits for news.
    pub const POLL_WAIT_MS_MAX: u64 = 25_000;
    /// Milliseconds that an SSE stream tells the client to wait before it comes back. `[SE3]`
    pub const STREAM_RETRY_MS: u64 = 1_500;
    /// Milliseconds between two summaries of listed rooms: what happens in between is told once. `[SB2]`
    pub const LISTED_EVERY_MS: u64 = 100;
    /// Milliseconds in which typing goes stale without renewal.
    pub const TYPING_MS_MAX: u64 = 6_000;
}

const _: () = assert!(
    ROOMS_ADDED_MAX < ROOMS_PER_USER_MAX,
    "a user can still choose rooms when others add no more"
);
const _: () = assert!(
    CLIENT_FRAME_BYTES_MAX > 6 * MESSAGE_TEXT_BYTES_MAX,
    "a frame holds the largest text"
);
const _: () = assert!(
    2 * HEARTBEAT_MS < SILENCE_MS_MAX && SILENCE_MS_MAX < 40_000,
    "one lost ping is forgiven, and 40 s kept"
);
