//! What is a frame, what is refused with its `txn`, and what is no object: in both formats.

use serde_json::{Value, json as value};

use super::*;

fn json(text: &str) -> Read {
    super::json(text, |fault| fault.plainly())
}

fn msgpack(bytes: &[u8]) -> Read {
    super::msgpack(bytes, |fault| fault.plainly())
}

const ROOM: &str = "room_01h455vb4pex5vsknk084sn02q";
const USER: &str = "user_01h455vb4pex5vsknk084sn02q";
const MESSAGE: &str = "evt_01h455vb4pex5vsknk084sn02q";

/// One of each frame, with every field that it may have.
fn frames() -> Vec<Value> {
    let (txn, room, message, user) = ("t", ROOM, MESSAGE, USER);
    let content = value!({"kind": "text", "text": "hello"});
    vec![
        value!({"type": "hello", "token": "t", "since": "c", "follow": "all", "open": [{"room": room, "after": 1}], "user_seq": 1}),
        value!({"type": "open", "room": room, "after": 1}),
        value!({"type": "close", "room": room}),
        value!({"type": "send", "txn": txn, "room": room, "content": content}),
        value!({"type": "edit", "txn": txn, "room": room, "message": message, "content": content}),
        value!({"type": "delete", "txn": txn, "room": room, "message": message}),
        value!({"type": "react", "txn": txn, "room": room, "message": message, "emoji": "👍"}),
        value!({"type": "unreact", "txn": txn, "room": room, "message": message, "emoji": "👍"}),
        value!({"type": "mark", "txn": txn, "room": room, "seq": 1}),
        value!({"type": "create_room", "txn": txn, "kind": "channel", "name": "tea", "visibility": "public", "members": [user]}),
        value!({"type": "rename", "txn": txn, "room": room, "name": "tea"}),
        value!({"type": "join", "txn": txn, "room": room, "user": user}),
        value!({"type": "leave", "txn": txn, "room": room, "user": user}),
        value!({"type": "set_role", "txn": txn, "room": room, "user": user, "role": "owner"}),
        value!({"type": "typing", "room": room, "on": true}),
        value!({"type": "presence", "status": "away"}),
        value!({"type": "watch", "users": [user]}),
        value!({"type": "ping"}),
    ]
}

fn both(frame: &Value) -> [Read; 2] {
    [
        json(&frame.to_string()),
        msgpack(&rmp_serde::to_vec_named(frame).unwrap()),
    ]
}

/// The `txn` of the refusal, and its sentence.
fn refusal(read: Read) -> (Option<String>, String) {
    match read {
        Read::Refused { txn, refusal } => {
            assert_eq!(refusal.code, RefusalCode::BadRequest);
            (txn.map(|txn| txn.to_string()), refusal.message)
        }
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// Every object of a frame, by its path.
fn objects(frame: &Value, path: &str, found: &mut Vec<String>) {
    match frame {
        Value::Object(map) => {
            found.push(path.to_owned());
            for (key, part) in map {
                objects(part, &format!("{path}/{key}"), found);
            }
        }
        Value::Array(list) => {
            for (index, part) in list.iter().enumerate() {
                objects(part, &format!("{path}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn every_frame_reads_in_both_formats() {
    // [FR1]
    for frame in frames() {
        for read in both(&frame) {
            assert!(matches!(read, Read::Frame(_)), "{frame}: {read:?}");
        }
    }
}

#[test]
fn a_field_that_is_not_known_is_refused_by_its_name_wherever_it_stands() {
    // [FR2] A misspelt `user` made the sender leave instead.
    for frame in frames() {
        let mut paths = Vec::new();
        objects(&frame, "", &mut paths);
        for path in paths {
            let mut wrong = frame.clone();
            let object = wrong.pointer_mut(&path).unwrap().as_object_mut().unwrap();
            object.insert("usr".to_owned(), value!(USER));
            let txn = frame.get("txn").map(|_| "t".to_owned());
            for read in both(&wrong) {
                let (said, sentence) = refusal(read);
                assert_eq!(said, txn, "{wrong}");
                assert!(sentence.contains("`usr`"), "{wrong}: {sentence}");
            }
        }
    }
}

#[test]
fn a_key_that_comes_twice_is_refused() {
    // [FR2]
    for frame in frames() {
        let Value::Object(map) = &frame else {
            unreachable!()
        };
        for (key, part) in map {
            let text = frame.to_string();
            let twice = format!("{},\"{key}\":{part}}}", &text[..text.len() - 1]);
            let (_, sentence) = refusal(json(&twice));
            assert!(
                sentence.contains(&format!("duplicate field `{key}`")),
                "{sentence}"
            );
            // The same in MessagePack: one more pair in a map of fewer than fifteen.
            let mut packed = rmp_serde::to_vec_named(&frame).unwrap();
            packed[0] += 1;
            packed.extend(rmp_serde::to_vec(key).unwrap());
            packed.extend(rmp_serde::to_vec_named(part).unwrap());
            refusal(msgpack(&packed));
        }
    }
    let twice = format!(r#"{{"type":"leave","txn":"a","txn":"b","room":"{ROOM}"}}"#);
    assert_eq!(refusal(json(&twice)).0, None, "nobody knows which is meant");
}

#[test]
fn what_cannot_be_read_is_refused_with_its_txn() {
    // [FR2]
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    for part in [
        r#""half \ud83d of it""#,
        r#""\udc00\ud800""#,
        "1e999999",
        "-99999999999999999999999999999999999",
        "1.5",
        "null",
        "{}",
        "[]",
        &deep,
        &deep
            .replace('[', r#"{"x":"#)
            .replace(']', "}")
            .replace(":}", ":0}"),
    ] {
        for frame in [
            format!(
                r#"{{"type":"send","txn":"t","room":"{ROOM}","content":{{"kind":"text","text":{part}}}}}"#
            ),
            format!(r#"{{"type":"send","room":"{ROOM}","content":{part},"txn":"t"}}"#),
            format!(r#"{{"room":{part},"type":"send","txn":"t"}}"#),
            format!(r#"{{"txn":"t","type":{part}}}"#),
            format!(r#"{{"\ud800":{part},"txn":"t","type":"send"}}"#),
            format!(r#"{{"type":"mark","txn":"t","room":"{ROOM}","seq":{part}}}"#),
        ] {
            let (txn, sentence) = refusal(json(&frame));
            assert_eq!(txn.as_deref(), Some("t"), "{frame:.200}");
            assert!(!sentence.contains("column"), "{sentence}");
        }
        let (txn, _) = refusal(json(&format!(r#"{{"type":"ping","txn":{part}}}"#)));
        assert_eq!(txn, None);
    }
    assert_eq!(
        refusal(json(r#"{"type":"dance","txn":"t"}"#)).0.as_deref(),
        Some("t")
    );
    assert_eq!(refusal(json(r#"{"txn":"t"}"#)).0.as_deref(), Some("t"));
    assert_eq!(refusal(json("{}")).0, None);
}

#[test]
fn what_is_no_object_is_told_apart() {
    // [FR2]
    for text in [
        "",
        " ",
        "nonsense",
        "[1]",
        r#"["ping"]"#,
        r#""ping""#,
        "1",
        "null",
        "{",
        r#"{"type":"ping""#,
        r#"{"type":"ping"} {}"#,
        r#"{"type":"ping"}x"#,
        "{'type':'ping'}",
        r#"{"type":ping}"#,
        "\u{feff}{}",
    ] {
        assert_eq!(json(text), Read::NoObject, "{text}");
    }
    for value in [value!(["ping"]), value!("ping"), value!(1), value!(null)] {
        let packed = rmp_serde::to_vec_named(&value).unwrap();
        assert_eq!(msgpack(&packed), Read::NoObject, "{value}");
    }
    for frame in frames() {
        let packed = rmp_serde::to_vec_named(&frame).unwrap();
        for len in 0..packed.len() {
            assert_eq!(
                msgpack(&packed[..len]),
                Read::NoObject,
                "{frame} cut at {len}"
            );
        }
    }
    assert_eq!(msgpack(&[0xdf, 0xff, 0xff, 0xff, 0xff]), Read::NoObject);
    assert_eq!(msgpack(&[0x81, 0xc1, 0xc0]), Read::NoObject);
}

#[test]
fn messagepack_says_no_more_than_json_could() {
    // [FR1] [FR2]
    let frame = value!({"type": "typing", "room": ROOM, "on": true});
    let packed = rmp_serde::to_vec_named(&frame).unwrap();
    for after in [&[0xc0][..], &packed] {
        let longer = [&packed, after].concat();
        assert!(refusal(msgpack(&longer)).1.contains("after its end"));
    }
    let with = |key: &[u8], part: &[u8]| {
        let mut bytes = vec![0x83, 0xa3];
        bytes.extend(b"txn\xa1t\xa4type\xa4ping");
        bytes.extend(key);
        bytes.extend(part);
        refusal(msgpack(&bytes))
    };
    for (key, part, sentence) in [
        (&b"\xa4room"[..], &b"\xc4\x04text"[..], "`str`"),
        (b"\xa4room", b"\xd4\x01x", "`str`"),
        (b"\xa4room", b"\xc7\x00\x01", "`str`"),
        (b"\xc4\x04room", b"\xa1x", "keys"),
        (b"\x01", b"\xa1x", "keys"),
        (b"\x81\xa1x\xc0", b"\xa1x", "keys"),
        (b"\xa4room", b"\xa2\xff\xff", ""),
    ] {
        let (txn, said) = with(key, part);
        assert!(said.contains(sentence), "{said}");
        assert_eq!(txn.as_deref(), Some("t"), "{key:?}");
    }
    for depth in [MSGPACK_DEPTH_MAX, 700, 5_000] {
        let mut deep = vec![0x91; depth];
        deep.push(0xc0);
        assert_eq!(with(b"\xa4room", &deep).0.as_deref(), Some("t"));
    }
}
