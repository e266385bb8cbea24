//! Every complaint in people's words, with the field; and rubbish of all kinds, after which no parser's word is found.

use serde::Deserialize;
use serde_json::{Value, json};
use tidings_protocol::{
    RoomId, Seq, UserId,
    frame::{self, read::Read},
    rest::{CreateRoom, EditMessage, MoveMarker, RenameRoom, SetRole, SignIn, SignUp},
};

use super::*;

/// What only a parser says. Rubbish has none of it.
const VOCABULARY: &[&str] = &[
    "at line",
    " column ",
    "expected",
    "invalid type",
    "invalid value",
    "invalid length",
    "unknown field",
    "missing field",
    "duplicate field",
    "variant",
    "struct",
    "sequence",
    "integer",
    "digit found",
    "target type",
    "EOF",
    "recursion",
    "eserializ",
    "serde",
    "u32",
    "u64",
    "i64",
    "f64",
    "enum",
    "marker",
    "depth",
    "uncategorized",
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its parsing matters")]
struct Query {
    after: Option<Seq>,
    limit: Option<u32>,
}

fn refused<T: DeserializeOwned>(body: &Value) -> (RefusalCode, String, Option<String>) {
    let refusal = match json::<T>(body.to_string().as_bytes()) {
        Ok(_) => panic!("{body} is taken"),
        Err(refusal) => refusal,
    };
    let pointer = refusal.errors.first().and_then(|e| e.pointer.clone());
    (refusal.code, refusal.message, pointer)
}

#[test]
fn a_refusal_names_the_field_and_says_what_to_do() {
    // [RE9]
    let bad = RefusalCode::BadRequest;
    let text = |text: &str| text.to_owned();
    let name = "x".repeat(121);
    for (found, code, said, pointer) in [
        (
            refused::<RenameRoom>(&json!({ "nam": "a" })),
            bad,
            text("There is no field `nam` here; there are: name."),
            "/nam",
        ),
        (
            refused::<RenameRoom>(&json!({})),
            bad,
            text("The field `name` is missing."),
            "/name",
        ),
        (
            refused::<RenameRoom>(&json!({ "name": {} })),
            bad,
            text("`name` takes a text."),
            "/name",
        ),
        (
            refused::<RenameRoom>(&json!({ "name": name })),
            RefusalCode::TooLarge,
            text("`name`: a room's name is longer than 120 bytes; shorten it."),
            "/name",
        ),
        (
            refused::<RenameRoom>(&json!({ "name": " " })),
            bad,
            text("`name`: a room's name is empty; write something."),
            "/name",
        ),
        (
            refused::<CreateRoom>(&json!({ "kind": "castle" })),
            bad,
            text("`kind` is one of: direct, group, channel."),
            "/kind",
        ),
        (
            refused::<CreateRoom>(&json!({ "kind": "group", "members": ["room_1"] })),
            bad,
            text("`members`: an id here starts with `user_`."),
            "/members/0",
        ),
        (
            refused::<CreateRoom>(&json!({ "kind": "group", "members": 3 })),
            bad,
            text("`members` takes a list."),
            "/members",
        ),
        (
            refused::<MoveMarker>(&json!({ "seq": -1 })),
            bad,
            text("`seq` takes a whole number, 0 or more."),
            "/seq",
        ),
        (
            refused::<SetRole>(&json!({ "role": "king" })),
            bad,
            text("`role` is one of: member, admin, owner."),
            "/role",
        ),
        (
            refused::<SetRole>(&json!({ "role": null })),
            bad,
            text("`role` is one of: member, admin, owner."),
            "/role",
        ),
        (
            refused::<SetRole>(&json!({ "a/b~": 1 })),
            bad,
            text("There is no field `a/b~` here; there are: role."),
            "/a~1b~0",
        ),
    ] {
        assert_eq!(found.0, code, "{said}");
        assert_eq!(found.1, said);
        assert_eq!(found.2.as_deref(), Some(pointer), "{said}");
    }
    let twice = json::<MoveMarker>(br#"{"seq":1,"seq":2}"#).unwrap_err();
    assert_eq!(twice.message, "Give `seq` once.");
    for none in [
        "",
        "[]",
        "{",
        "{\"seq\":1} {}",
        "{\"seq\":1,}",
        "\u{1}",
        "{\"seq\":01}",
    ] {
        let refusal = json::<MoveMarker>(none.as_bytes()).unwrap_err();
        assert_eq!((refusal.code, refusal.errors.len()), (bad, 0), "{none}");
    }
    let half = json::<EditMessage>(br#"{"text":"half \ud83d of it"}"#).unwrap_err();
    assert!(half.message.contains("half a character"), "{half}");
}

#[test]
fn a_parameter_is_named_like_a_field() {
    // [RE9]
    for (text, said, name) in [
        (
            "limt=3",
            "There is no parameter `limt` here; there are: after, limit.",
            "limt",
        ),
        (
            "limit=x",
            "`limit` takes a whole number, 0 or more.",
            "limit",
        ),
        (
            "limit=",
            "`limit` takes a whole number, 0 or more.",
            "limit",
        ),
        (
            "after=-1",
            "`after` takes a whole number, 0 or more.",
            "after",
        ),
        ("limit=1&limit=2", "Give `limit` once.", "limit"),
    ] {
        let refusal = query::<Query>(text).unwrap_err();
        assert_eq!(refusal.message, said);
        assert_eq!(refusal.errors[0].parameter.as_deref(), Some(name), "{text}");
    }
    assert!(query::<Query>("limit=3").is_ok() && query::<Query>("").is_ok());
}

/// A stream of numbers from a seed (`SplitMix64`).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }
}

/// Bodies and frames that are right, to be spoiled.
fn good() -> Vec<Value> {
    let (user, room) = (
        "user_00000000000000000000000001",
        "room_00000000000000000000000001",
    );
    vec![
        json!({ "username": "ada", "password": "12345678", "display_name": "A" }),
        json!({ "kind": "group", "name": "a", "members": [user], "txn": "t", "visibility": "private" }),
        json!({ "name": "a" }),
        json!({ "role": "admin" }),
        json!({ "text": "a", "txn": "t" }),
        json!({ "seq": 3 }),
        json!({ "type": "hello", "token": "t", "since": "c", "follow": "all", "open": [{ "room": room, "after": 3 }] }),
        json!({ "type": "send", "txn": "t", "room": room, "content": { "kind": "text", "text": "a" } }),
        json!({ "type": "create_room", "txn": "t", "kind": "direct", "members": [user] }),
        json!({ "type": "set_role", "txn": "t", "room": room, "user": user, "role": "owner" }),
        json!({ "type": "typing", "room": room, "on": true }),
        json!({ "type": "watch", "users": [user] }),
        json!({ "type": "presence", "status": "away" }),
    ]
}

fn rubbish(numbers: &mut Numbers) -> Value {
    match numbers.below(12) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-3),
        3 => json!(1.5),
        4 => json!(u64::MAX),
        5 => json!([]),
        6 => json!([1, {}]),
        7 => json!({}),
        8 => json!({ "a": [] }),
        9 => json!("x".repeat(20_000)),
        10 => json!(""),
        _ => json!("\u{0}\u{202e}"),
    }
}

fn spoil(value: &mut Value, numbers: &mut Numbers) {
    let choice = numbers.below(5);
    match value {
        Value::Object(map) if !map.is_empty() && choice > 0 => {
            let keys: Vec<String> = map.keys().cloned().collect();
            let key = &keys[numbers.below(keys.len())];
            match choice {
                1 => drop(map.remove(key)),
                2 => drop(map.insert(format!("{key}x"), rubbish(numbers))),
                _ => spoil(map.get_mut(key).unwrap(), numbers),
            }
        }
        Value::Array(items) if !items.is_empty() && choice > 1 => {
            let at = numbers.below(items.len());
            spoil(&mut items[at], numbers);
        }
        other => *other = rubbish(numbers),
    }
}

fn check(refusal: &Refusal, what: &str) {
    let mut said = vec![refusal.message.as_str()];
    said.extend(refusal.errors.iter().map(|error| error.detail.as_str()));
    for said in said {
        for word in VOCABULARY {
            assert!(!said.contains(word), "{word:?} in {said:?} for {what}");
        }
        let ends = said.ends_with('.') || said.ends_with('…');
        assert!(ends && !said.ends_with(".."), "{said:?} for {what}");
    }
}

fn read(read: Read) -> Result<(), Refusal> {
    match read {
        Read::Frame(_) | Read::NoObject => Ok(()),
        Read::Refused { refusal, .. } => Err(refusal),
    }
}

#[test]
fn a_frame_that_does_not_fit_says_so_in_both_formats() {
    let room = RoomId::from_bits(1);
    for (frame, sentences) in [
        (
            json!({ "type": "mark", "txn": "t", "room": room, "seq": "7" }),
            [
                "The object takes a whole number, 0 or more.",
                "A field holds a value of another kind than it takes.",
            ],
        ),
        (
            json!({ "type": "mark", "tnx": "t", "room": room, "seq": 7 }),
            ["There is no field `tnx` here; there are: txn, room, seq."; 2],
        ),
        (
            json!({ "type": "set_role", "txn": "t", "room": room, "user": UserId::from_bits(2), "role": null }),
            ["The object is one of: member, admin, owner."; 2],
        ),
    ] {
        let packed = rmp_serde::to_vec_named(&frame).unwrap();
        let texts = [
            read(frame::read::json(&frame.to_string(), of_frame)),
            read(frame::read::msgpack(&packed, of_frame)),
        ];
        assert_eq!(texts.map(|no| no.unwrap_err().message), sentences);
    }
}

#[test]
fn no_parsers_word_comes_out_whatever_is_sent() {
    // [RE9]
    let mut numbers = Numbers(1);
    let mut refusals = 0;
    let mut look = |result: Result<(), Refusal>, what: &str| {
        if let Err(refusal) = result {
            check(&refusal, what);
            refusals += 1;
        }
    };
    for round in 0..4_000 {
        let good = good();
        let mut value = good[round % good.len()].clone();
        for _ in 0..=numbers.below(3) {
            spoil(&mut value, &mut numbers);
        }
        let mut text = value.to_string().into_bytes();
        if numbers.below(4) == 0 {
            // Bytes of any kind, in any place.
            let at = numbers.below(text.len());
            match numbers.below(3) {
                0 => text.truncate(at),
                1 => text[at] = u8::try_from(numbers.below(256)).unwrap(),
                _ => text.insert(at, b"{}[]\",:\\0"[numbers.below(9)]),
            }
        }
        let shown = String::from_utf8_lossy(&text[..text.len().min(200)]).into_owned();
        look(json::<SignUp>(&text).map(drop), &shown);
        look(json::<SignIn>(&text).map(drop), &shown);
        look(json::<CreateRoom>(&text).map(drop), &shown);
        look(json::<RenameRoom>(&text).map(drop), &shown);
        look(json::<SetRole>(&text).map(drop), &shown);
        look(json::<EditMessage>(&text).map(drop), &shown);
        look(json::<MoveMarker>(&text).map(drop), &shown);
        look(
            json::<tidings_protocol::rest::SendMessage>(&text).map(drop),
            &shown,
        );
        // As the socket reads them.
        if let Ok(text) = str::from_utf8(&text) {
            look(read(frame::read::json(text, of_frame)), &shown);
        }
        let mut packed = rmp_serde::to_vec_named(&value).unwrap();
        if numbers.below(3) == 0 {
            let at = numbers.below(packed.len());
            packed[at] = u8::try_from(numbers.below(256)).unwrap();
        }
        look(read(frame::read::msgpack(&packed, of_frame)), &shown);
        let pairs: Vec<String> = (0..numbers.below(4))
            .map(|_| {
                let name = ["after", "limit", "x", "", "%zz"][numbers.below(5)];
                let value = ["", "1", "-1", "x", "99999999999999999999", "%ff", "1.5"];
                format!("{name}={}", value[numbers.below(value.len())])
            })
            .collect();
        let text = pairs.join("&");
        look(query::<Query>(&text).map(drop), &text);
    }
    assert!(refusals > 20_000, "{refusals}");
}
