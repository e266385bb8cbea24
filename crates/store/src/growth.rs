//! Rooms of a million rows, and what every question may cost there: for the tests of both databases.
//!
//! Owns: the rows, the places in them that each read of the registry is asked at, and how much work each may be.
//! Never: knows how a database counts its work; `postgres/tests/growth.rs` and `sqlite/tests/growth.rs` do.

use crate::query::READS;

/// Messages of the large room, which is the first of the rooms.
pub(crate) const MESSAGES: i64 = 1_000_000;
/// Users, each of them in the large room at some time.
pub(crate) const USERS: i64 = 100_000;
/// Rooms, each but the first with [`SMALL`] messages.
const ROOMS: i64 = 20_000;
const SMALL: i64 = 10;
/// Rooms that the first user is in, and as many as they left.
const JOINED: i64 = 5_000;
/// The place of the message with many reactions.
const LOVED: i64 = 500_000;

/// One parameter, the same for both databases.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Id(i64),
    Ids(Vec<i64>),
    Int(i64),
    Ints(Vec<i64>),
    Text(String),
    Texts(Vec<String>),
    Flags(Vec<bool>),
    Bytes(Vec<u8>),
    ManyBytes(Vec<Vec<u8>>),
}

/// A statement, and the parameters that it is asked with: first at the edge of the rows, then deeper in them.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) asked: Vec<Vec<Value>>,
    /// Rows that it may look at beside those that it answers, whatever the number of rows there are.
    pub(crate) looks: i64,
}

pub(crate) fn user(number: i64) -> Value {
    Value::Id(number)
}

/// The key of a room: 1 is the large one.
pub(crate) fn room(number: i64) -> Value {
    Value::Id(room_key(number))
}

pub(crate) fn room_key(number: i64) -> i64 {
    1_000_000_000 + number
}

/// The key of the event at a position, and of its message.
pub(crate) fn event_key(position: i64) -> i64 {
    2_000_000_000 + position
}

pub(crate) fn device_key(number: i64) -> i64 {
    3_000_000_000 + number
}

/// The head of the shard that holds the large room.
pub(crate) const fn head() -> i64 {
    MESSAGES + small()
}

/// The events of all other rooms.
const fn small() -> i64 {
    (ROOMS - 1) * SMALL
}

/// The SQL that makes the rows. `ID[…]` stands for the id with a number, `SERIES[a, b]` for the numbers from a to b.
pub(crate) fn rows() -> Vec<String> {
    let (small, end) = (small(), head());
    vec![
        format!("UPDATE shards SET head = {end} WHERE shard = 0"),
        format!(
            "INSERT INTO users (id, username, display_name, folded_name, kind, role, created_at, head, head_position) \
             SELECT ID[n], 'user' || n, 'Name ' || n, 'name ' || n, 'person', 'member', n, 1, 1 FROM SERIES[1, {USERS}]"
        ),
        format!(
            "INSERT INTO rooms (id, kind, visibility, name, created_by, created_at, head, head_position, count, members, \
             owners, last_message) SELECT ID[1000000000 + n], 'channel', CASE WHEN n % 2 = 0 THEN 'public' ELSE 'private' END, \
             'room ' || n, ID[1], n, CASE WHEN n = 1 THEN {MESSAGES} ELSE {SMALL} END, {MESSAGES} + (n - 1) * {SMALL}, \
             CASE WHEN n = 1 THEN {MESSAGES} ELSE {SMALL} END, 1, 1, CASE WHEN n = 1 THEN {MESSAGES} ELSE {SMALL} END \
             FROM SERIES[1, {ROOMS}]"
        ),
        "UPDATE rooms SET public_name = name WHERE visibility = 'public'".to_owned(),
        // Each has a word alone, its number, and a word that all have.
        format!("INSERT INTO user_words (word, \"user\") SELECT 'user' || n, ID[n] FROM SERIES[1, {USERS}]"),
        format!("INSERT INTO user_words (word, \"user\") SELECT '' || n, ID[n] FROM SERIES[1, {USERS}]"),
        format!("INSERT INTO user_words (word, \"user\") SELECT 'name', ID[n] FROM SERIES[1, {USERS}]"),
        // The large room's log, then the small ones, one after another.
        format!(
            "INSERT INTO events (shard, position, log, log_kind, seq, id, at, actor, count, txn, kind, body) \
             SELECT 0, n, ID[1000000001], 'room', n, ID[2000000000 + n], n, ID[1 + n % 1000], n, 't' || n, 'message', \
             '{{\"kind\":\"message\",\"text\":\"as short as most are\"}}' FROM SERIES[1, {MESSAGES}]"
        ),
        format!(
            "INSERT INTO events (shard, position, log, log_kind, seq, id, at, actor, count, txn, kind, body) \
             SELECT 0, {MESSAGES} + n, ID[1000000002 + (n - 1) / {SMALL}], 'room', (n - 1) % {SMALL} + 1, \
             ID[2000000000 + {MESSAGES} + n], n, ID[1 + n % 1000], (n - 1) % {SMALL} + 1, 't' || n, 'message', \
             '{{\"kind\":\"message\",\"text\":\"as short as most are\"}}' FROM SERIES[1, {small}]"
        ),
        "INSERT INTO messages (room, seq, id, author) SELECT e.log, e.seq, e.id, e.actor FROM events e".to_owned(),
        // All are or were in the large room; of the second nearly all have left; the first user is and was in many.
        format!(
            "INSERT INTO members (room, \"user\", role, joined, joined_seq, joined_position, left_seq, left_position) \
             SELECT ID[1000000001], ID[n], 'member', n % 10 <> 0, 1, 1, CASE WHEN n % 10 = 0 THEN n ELSE 0 END, \
             CASE WHEN n % 10 = 0 THEN n ELSE 0 END FROM SERIES[1, {USERS}]"
        ),
        format!(
            "INSERT INTO members (room, \"user\", role, joined, joined_seq, joined_position, left_seq, left_position) \
             SELECT ID[1000000002], ID[n], 'member', n > {USERS} - 100, 1, 1, 2, 2 FROM SERIES[2, {USERS}]"
        ),
        format!(
            "INSERT INTO members (room, \"user\", role, joined, joined_seq, joined_position, left_seq, left_position) \
             SELECT ID[1000000000 + n], ID[1], 'member', n <= {JOINED}, 1, {MESSAGES}, 0, CASE WHEN n <= {JOINED} THEN 0 \
             ELSE {MESSAGES} + n END FROM SERIES[2, 2 * {JOINED}]"
        ),
        format!(
            "INSERT INTO markers (\"user\", room, seq, count, position) \
             SELECT ID[1], ID[1000000000 + n], 1, 1, n FROM SERIES[1, {JOINED}]"
        ),
        format!(
            "INSERT INTO devices (id, \"user\", name, token_hash, created_at) SELECT ID[3000000000 + n], \
             ID[CASE WHEN n <= 50 THEN 1 ELSE n END], '', BYTES[n], n FROM SERIES[1, {USERS}]"
        ),
        // One message is loved by many, in fifty ways; a hundred thousand more have one reaction each.
        format!(
            "INSERT INTO reactions (room, message, emoji, \"user\") SELECT ID[1000000001], ID[2000000000 + {LOVED}], \
             'e' || (n % 50), ID[n] FROM SERIES[1, {USERS} / 2]"
        ),
        format!(
            "INSERT INTO reactions (room, message, emoji, \"user\") SELECT ID[1000000001], ID[2000000000 + n], \
             'e', ID[n] FROM SERIES[1, {USERS}]"
        ),
    ]
}

/// How the registry's reads are asked.
pub(crate) fn reads() -> Vec<Case> {
    use Value::{Bytes, Id, Ids, Int, Text};
    let small = |numbers: std::ops::RangeInclusive<i64>| Ids(numbers.map(room_key).collect());
    let end = MESSAGES + (ROOMS - 1) * SMALL;
    let page = || Int(51);
    let case = |name, asked| Case {
        name,
        asked,
        looks: 0,
    };
    let looking = |name, looks, asked| Case { name, asked, looks };
    let cases = vec![
        case("PING", vec![vec![]]),
        case("HINT_SECRET", vec![vec![]]),
        case("HEADS", vec![vec![]]),
        case("REACHED", vec![vec![]]),
        case(
            "LOG_AFTER",
            [0, 1_000, LOVED, MESSAGES - 60]
                .map(|after| vec![room(1), Int(after), page()])
                .into(),
        ),
        case(
            "LOG_AFTER_FOR",
            [(0, 1), (LOVED, 1), (LOVED, 10), (MESSAGES - 60, 1)]
                .map(|(after, who)| vec![room(1), Int(after), page(), user(who)])
                .into(),
        ),
        case(
            "SHARD_AFTER",
            [0, LOVED, MESSAGES, end - 60]
                .map(|after| vec![Int(0), Int(after), page()])
                .into(),
        ),
        // The second asker has left long ago and may see nothing of the piece.
        looking(
            "VISIBLE_AFTER",
            4_096,
            [(1, 1), (1, LOVED), (10, LOVED), (1, MESSAGES)]
                .map(|(who, after)| vec![user(who), Int(0), Int(after), Int(after + 4_096), page()])
                .into(),
        ),
        looking(
            "ROOMS_MOVED",
            2 * JOINED,
            [0, end - 60].map(|after| vec![user(1), Int(after)]).into(),
        ),
        case(
            "REJOINED",
            [0, end].map(|after| vec![user(1), Int(after)]).into(),
        ),
        // Twenty steps find a place in a log of a million; a small log is read whole.
        looking(
            "VISIBLE_IN_ROOMS",
            20 * 2 + 100 * 2 * SMALL,
            [0, LOVED, MESSAGES]
                .map(|after| {
                    let rooms = small(1..=100);
                    vec![user(1), Int(0), Int(after), Int(end), page(), rooms]
                })
                .into(),
        ),
        case("ROOM", vec![vec![room(1)], vec![room(9_999)]]),
        case(
            "ROOM_FOR",
            // With a device of their own, and with another's.
            [(1, 1, 1), (1, 10, 10), (9_999, 1, 1), (1, 1, 77)]
                .map(|(number, who, whose)| vec![room(number), user(who), Id(device_key(whose))])
                .into(),
        ),
        case("LAST_LINE", vec![vec![room(1)], vec![room(9_999)]]),
        case(
            "MEMBER",
            vec![vec![room(1), user(1)], vec![room(1), user(USERS / 2)]],
        ),
        case(
            "MEMBERS",
            [
                (1, 0),
                (1, USERS / 2),
                (1, USERS - 60),
                (2, 0),
                (2, USERS / 2),
            ]
            .map(|(number, after)| vec![room(number), user(after), page()])
            .into(),
        ),
        case(
            "MEMBERS_FOR",
            [(0, 1), (USERS / 2, 1), (USERS / 2, 10), (USERS - 60, 1)]
                .map(|(after, who)| vec![room(1), user(after), page(), user(who)])
                .into(),
        ),
        case(
            "MEMBER_IDS",
            [
                (1, 0),
                (1, USERS / 2),
                (1, USERS - 60),
                (2, 0),
                (2, USERS / 2),
            ]
            .map(|(number, after)| vec![room(number), user(after), page()])
            .into(),
        ),
        case(
            "SUMMARIES",
            vec![vec![user(1), small(2..=51)], vec![user(1), small(1..=50)]],
        ),
        case(
            "PUBLIC_ROOMS",
            [0, ROOMS / 2]
                .map(|after| vec![user(1), Id(room_key(after)), page()])
                .into(),
        ),
        case("FOLLOWING", vec![vec![user(2)], vec![user(1)]]),
        case("LEFT_ROOMS", vec![vec![user(2)], vec![user(1)]]),
        case(
            "LEFT_BY",
            vec![
                vec![user(2), Ids(vec![room_key(1)])],
                vec![user(1), Ids(vec![room_key(1)])],
            ],
        ),
        looking(
            "MARKERS_MOVED",
            JOINED,
            [0, JOINED - 10]
                .map(|after| vec![user(1), Int(after)])
                .into(),
        ),
        case(
            "MESSAGES_BEFORE",
            [MESSAGES + 1, MESSAGES - 1_000, LOVED, 1_000, 60, 1]
                .map(|before| vec![room(1), Int(before), page()])
                .into(),
        ),
        case(
            "MESSAGES_AFTER",
            [0, 1_000, LOVED, MESSAGES - 1_000, MESSAGES]
                .map(|after| vec![room(1), Int(after), page()])
                .into(),
        ),
        // The large room is private: its second reader was there, and may see nothing.
        case(
            "MESSAGES_BEFORE_FOR",
            [(MESSAGES + 1, 1), (LOVED, 1), (LOVED, 10), (60, 1)]
                .map(|(before, who)| vec![room(1), Int(before), page(), user(who)])
                .into(),
        ),
        case(
            "MESSAGES_AFTER_FOR",
            [(0, 1), (LOVED, 1), (LOVED, 10), (MESSAGES, 1)]
                .map(|(after, who)| vec![room(1), Int(after), page(), user(who)])
                .into(),
        ),
        case(
            "ANY_MESSAGE_UPTO",
            [0, 1, LOVED, MESSAGES]
                .map(|at| vec![room(1), Int(at)])
                .into(),
        ),
        case(
            "REACTIONS",
            vec![
                vec![room(1), Ids((1..=50).map(event_key).collect())],
                vec![room(1), Ids(vec![event_key(LOVED)])],
            ],
        ),
        case("USER", vec![vec![user(1)], vec![user(USERS / 2)]]),
        case(
            "USER_BY_NAME",
            ["user1", "user50000"]
                .map(|name| vec![Text(name.to_owned())])
                .into(),
        ),
        case("PROFILES", vec![vec![Ids((500..=599).collect())]]),
        case(
            "LIST_USERS",
            ["", "user50000"]
                .map(|after| vec![Text(after.to_owned()), page()])
                .into(),
        ),
        // Four more questions about each whom it passes.
        // As many words as it looks at.
        looking("SEARCH_USERS", 4_096, searches()),
        looking(
            "WORDS_BEGINNING",
            4_096,
            ["n", "user77777"]
                .map(|from| vec![Text(from.to_owned()), Text(format!("{from}\u{10ffff}"))])
                .into(),
        ),
        case(
            "FIRST_WORD",
            vec![vec![
                user(77),
                Text("n".to_owned()),
                Text("n\u{10ffff}".to_owned()),
            ]],
        ),
        case(
            "DEVICE_BY_TOKEN",
            vec![vec![Bytes(token(77))], vec![Bytes(token(USERS))]],
        ),
        case("DEVICES", vec![vec![user(77)], vec![user(1)]]),
        looking(
            "SHARING_ROOM",
            200,
            vec![
                vec![user(1), Ids((2..=101).collect())],
                vec![user(50_000), Ids((2..=101).collect())],
            ],
        ),
    ];
    let named: Vec<_> = cases.iter().map(|case| case.name).collect();
    for query in READS {
        assert!(
            named.contains(&query.name),
            "{} has no place here: say how it is asked",
            query.name
        );
    }
    cases
}

/// One word alone, a second one that all have, and the place after somebody in the middle.
fn searches() -> Vec<Vec<Value>> {
    use Value::{Int, Text};
    let questions = [
        ("user77777", "user77777", 0, ""),
        ("user7", "user7", 0, ""),
        ("name", "name", 0, ""),
        ("name", "name", USERS / 2, ""),
        ("77777", "77777", 0, "name"),
        ("name", "name", USERS / 2, "nobody"),
        ("u", "user5", 5, "n"),
    ];
    let ask = |(from, at, after, other): (&str, &str, i64, &str)| {
        let upto = |from: &str| Text(format!("{from}\u{10ffff}"));
        let text = |text: &str| Text(text.to_owned());
        let mut asked = vec![text(from), upto(from), text(at), user(after)];
        for other in [other, "", ""] {
            asked.extend([text(other), upto(other)]);
        }
        asked.push(Int(20));
        asked
    };
    questions.map(ask).into()
}

/// The hash of the token of a device, as [`rows`] makes it.
pub(crate) fn token(number: i64) -> Vec<u8> {
    number.to_string().into_bytes()
}
