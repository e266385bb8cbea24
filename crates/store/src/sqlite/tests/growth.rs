//! No question costs more in a room of a million than in a small one: each is run, and its steps counted.

use std::rc::Rc;

use rusqlite::{Connection, StatementStatus, ToSql, types::Value as Sql};

use super::{database, statements};
use crate::{
    growth::{self, Case, Value},
    query::READS,
};

/// Steps of SQLite's machine that any statement may take, and those that each row may cost which it answers or looks at.
const STEPS_BASE: i64 = 500;
const STEPS_A_ROW: i64 = 150;

fn filled() -> (super::Place, Connection) {
    let (place, connection) = database();
    connection
        .pragma_update(None, "synchronous", "off")
        .unwrap();
    for text in growth::rows() {
        let text = text.replace("BYTES[n]", "CAST(CAST(n AS TEXT) AS BLOB)");
        let text = series(&text)
            .replace("ID[", "unhex(printf('%032x', ")
            .replace(']', "))");
        connection
            .execute(&text, [])
            .unwrap_or_else(|e| panic!("{e}\n{text}"));
    }
    (place, connection)
}

fn series(text: &str) -> String {
    match text.split_once("SERIES[") {
        Some((before, after)) => {
            let (range, rest) = after.split_once(']').unwrap();
            let (from, upto) = range.split_once(", ").unwrap();
            let numbers = format!(
                "WITH RECURSIVE s (n) AS (SELECT {from} UNION ALL SELECT n + 1 FROM s WHERE n < {upto}) SELECT n FROM s"
            );
            format!("{before}({numbers}) AS s{rest}")
        }
        None => text.to_owned(),
    }
}

fn id(number: i64) -> Vec<u8> {
    u128::from(number.unsigned_abs()).to_be_bytes().to_vec()
}

fn bound(value: &Value) -> Box<dyn ToSql> {
    match value {
        Value::Id(n) => Box::new(id(*n)),
        Value::Ids(ids) => Box::new(Rc::new(
            ids.iter().map(|n| Sql::Blob(id(*n))).collect::<Vec<_>>(),
        )),
        Value::Int(n) => Box::new(*n),
        Value::Text(text) => Box::new(text.clone()),
        Value::Bytes(bytes) => Box::new(bytes.clone()),
        lists => panic!("only PostgreSQL takes {lists:?}"),
    }
}

#[test]
fn no_question_grows_with_the_rows_it_does_not_answer() {
    let (_place, connection) = filled();
    let mut faults = Vec::new();
    for Case { name, asked, looks } in growth::reads().into_iter().chain(written()) {
        let text = READS
            .iter()
            .find(|q| q.name == name)
            .map(|q| q.sqlite.as_str());
        let named = || {
            statements::ALL
                .iter()
                .find(|(other, _)| *other == name)
                .unwrap()
                .1
        };
        let text = text.unwrap_or_else(named);
        for values in asked {
            // What it writes is taken back.
            connection.execute_batch("BEGIN").unwrap();
            let mut statement = connection.prepare(text).unwrap();
            let mut answered = 0;
            let mut rows = statement
                .query(rusqlite::params_from_iter(values.iter().map(bound)))
                .unwrap();
            while rows.next().unwrap().is_some() {
                answered += 1;
            }
            drop(rows);
            let steps = i64::from(statement.get_status(StatementStatus::VmStep));
            let scanned = statement.get_status(StatementStatus::FullscanStep);
            drop(statement);
            connection.execute_batch("ROLLBACK").unwrap();
            let rows = answered + looks;
            if steps > STEPS_BASE + STEPS_A_ROW * rows {
                faults.push(format!("{name} asked {values:?}: {steps} steps, {scanned} of a scan, for {answered} rows"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// How the statements of a batch are asked.
fn written() -> Vec<Case> {
    use Value::{Bytes, Id, Int, Text};
    use growth::{room, user};
    let text = |text: &str| Text(text.to_owned());
    // Early in the large room, in the middle, and at its end.
    let places = [1, growth::MESSAGES / 2, growth::MESSAGES];
    let at = |asked: &dyn Fn(i64) -> Vec<Value>| places.iter().map(|place| asked(*place)).collect();
    let next = growth::MESSAGES + 1;
    let message = |place| Id(growth::event_key(place));
    let case = |name, looks, asked| Case { name, asked, looks };
    let cases = vec![
        case("HEAD", 0, vec![vec![Int(0)]]),
        case("SET_HEAD", 0, vec![vec![Int(0), Int(9_000_000)]]),
        case("LOAD_ROOM", 0, vec![vec![room(1)]]),
        case(
            "LOAD_MEMBER",
            0,
            at(&|n| vec![room(1), user(1 + n % growth::USERS)]),
        ),
        case("LOAD_MESSAGE", 0, at(&|n| vec![room(1), message(n)])),
        case("LOAD_USER", 0, at(&|n| vec![user(1 + n % growth::USERS)])),
        case("LOAD_DEVICE", 0, vec![vec![Id(growth::device_key(77))]]),
        case(
            "LOAD_USERNAME",
            0,
            vec![vec![text("user77")], vec![text("nobody")]],
        ),
        case(
            "LOAD_PUBLIC_NAME",
            0,
            vec![vec![text("room 2")], vec![text("nothing")]],
        ),
        case("LOAD_MARKER", 0, vec![vec![user(1), room(1)]]),
        case("LOAD_COUNT", 0, at(&|n| vec![room(1), Int(n)])),
        case(
            "LOAD_REACTED",
            0,
            at(&|n| vec![room(1), message(n), text("e1"), user(1)]),
        ),
        // As many of one kind as it counts.
        case(
            "LOAD_REACTION_COUNT",
            32,
            at(&|n| vec![room(1), message(n), text("e1")]),
        ),
        // At most as many as one may have.
        case("LOAD_DEVICE_COUNT", 50, vec![vec![user(1)]]),
        case("LOAD_DEVICES_OF", 50, vec![vec![user(1)]]),
        case("LOAD_ROOM_COUNT", 5_000, vec![vec![user(1)]]),
        case("LOAD_ANY_USER", 0, vec![vec![]]),
        case(
            "LOAD_TXN",
            0,
            at(&|n| vec![room(1), user(1 + n % 1_000), Text(format!("t{n}"))]),
        ),
        case(
            "ADD_EVENT",
            2,
            vec![vec![
                Int(0),
                Int(9_000_000),
                room(1),
                text("room"),
                Int(next),
                Id(9),
                Int(1),
                user(1),
                Int(next),
                text("new"),
                Int(1),
                text("message"),
                Int(1),
                text("{}"),
                Bytes(vec![7; 16]),
                Bytes(vec![7; 32]),
            ]],
        ),
        case("ERASE_MESSAGE", 2, at(&|n| vec![room(1), Int(n)])),
        case("ERASE_EDITS", 2, at(&|n| vec![room(1), Int(n)])),
        case(
            "ERASE_REACTIONS",
            2,
            at(&|n| vec![room(1), message(n + 100_000)]),
        ),
        case(
            "PUT_ROOM",
            2,
            vec![vec![
                room(1),
                text("channel"),
                text("private"),
                text("room"),
                Bytes(vec![]),
                Bytes(vec![]),
                user(1),
                Int(1),
                Int(next),
                Int(9_000_000),
                Int(next),
                Int(1),
                Int(1),
                Int(next),
                Bytes(vec![7; 32]),
                text("7,9"),
            ]],
        ),
        case(
            "PUT_MEMBER",
            2,
            vec![vec![
                room(1),
                user(77),
                text("member"),
                Int(1),
                Int(1),
                Int(1),
                Int(0),
                Int(0),
                Int(next),
                Int(next),
                Int(0),
            ]],
        ),
        case(
            "PUT_MESSAGE",
            2,
            at(&|n| {
                vec![
                    room(1),
                    Int(n),
                    message(n),
                    user(1),
                    text("new"),
                    Int(n),
                    Int(n),
                    Int(0),
                ]
            }),
        ),
        case(
            "ADD_REACTION",
            2,
            at(&|n| vec![room(1), message(n), text("new"), user(1)]),
        ),
        case(
            "REMOVE_REACTION",
            2,
            at(&|n| vec![room(1), message(n), text("e1"), user(1)]),
        ),
        case(
            "PUT_USER",
            2,
            vec![vec![
                user(77),
                text("user77"),
                text("New"),
                text("new"),
                text("person"),
                text("member"),
                Int(1),
                text(""),
                Int(2),
                Int(9_000_000),
                Bytes(vec![7; 32]),
            ]],
        ),
        case("ADD_WORD", 2, vec![vec![text("new"), user(77)]]),
        case("SET_PUBLIC_NAME", 2, vec![vec![room(2), text("new")]]),
        case("ADD_FIRST_ACCOUNT", 2, vec![vec![user(1)]]),
        case(
            "PUT_MARKER",
            2,
            vec![vec![user(1), room(1), Int(next), Int(next), Int(9_000_000)]],
        ),
        case(
            "ADD_DEVICE",
            2,
            vec![vec![
                Id(9),
                user(1),
                text("new"),
                Bytes(b"new".to_vec()),
                Int(1),
            ]],
        ),
        case("REMOVE_DEVICE", 2, vec![vec![Id(growth::device_key(77))]]),
    ];
    let named: Vec<_> = cases.iter().map(|case| case.name).collect();
    for (name, _) in statements::ALL {
        assert!(
            named.contains(name),
            "{name} has no place here: say how it is asked"
        );
    }
    cases
}
