//! No question costs more in a room of a million than in a small one: each is run, and its buffers counted.

use serde_json::Value as Json;

use super::{Session, database, statements};
use crate::{
    growth::{self, Case, Value},
    query::READS,
};

/// Pages that any statement may touch, and those that each row may cost which it answers or looks at: a way down an
/// index in up to five tables.
const BUFFERS_BASE: i64 = 40;
const BUFFERS_A_ROW: i64 = 20;
/// Rows that may be sorted beside those that are answered.
const SORTED_MAX: i64 = 200;

fn literal(value: &Value) -> String {
    let id = |n: &i64| format!("{n:032x}");
    let list = |items: Vec<String>| format!("'{{{}}}'", items.join(","));
    match value {
        Value::Id(n) => format!("'{}'", id(n)),
        Value::Ids(ids) => list(ids.iter().map(id).collect()),
        Value::Int(n) => n.to_string(),
        Value::Ints(numbers) => list(numbers.iter().map(i64::to_string).collect()),
        Value::Text(text) => format!("'{text}'"),
        Value::Texts(texts) => list(texts.iter().map(|text| format!("\"{text}\"")).collect()),
        Value::Flags(flags) => list(flags.iter().map(bool::to_string).collect()),
        Value::Bytes(bytes) => format!("'\\x{}'", hex(bytes)),
        Value::ManyBytes(many) => list(
            many.iter()
                .map(|b| format!("\"\\\\x{}\"", hex(b)))
                .collect(),
        ),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn filled() -> Session {
    let (_, session) = database().await;
    let patient = "SET statement_timeout = 0; SET synchronous_commit = off";
    session.client().batch_execute(patient).await.unwrap();
    for text in growth::rows() {
        let text = text
            .replace("SERIES[", "generate_series(")
            .replace("BYTES[n]", "convert_to(n::text, 'UTF8')");
        let text = ids(&series(&text));
        session
            .client()
            .batch_execute(&text)
            .await
            .unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    }
    session
        .client()
        .batch_execute("VACUUM ANALYZE")
        .await
        .unwrap();
    session
}

/// `generate_series(a, b]` as it is written.
fn series(text: &str) -> String {
    match text.split_once("generate_series(") {
        Some((before, after)) => {
            let (range, rest) = after.split_once(']').unwrap();
            format!("{before}generate_series({range}) AS s (n){rest}")
        }
        None => text.to_owned(),
    }
}

fn ids(text: &str) -> String {
    text.replace("ID[", "lpad(to_hex((")
        .replace(']', ")::bigint), 32, '0')::uuid")
}

/// What one run of a statement did.
#[derive(Debug)]
struct Work {
    buffers: i64,
    answered: i64,
    sorted: i64,
    scans: bool,
}

async fn work(session: &Session, text: &str, values: &[Value]) -> (Work, Json) {
    let values: Vec<_> = values.iter().map(literal).collect();
    let values = if values.is_empty() {
        String::new()
    } else {
        format!("({})", values.join(", "))
    };
    // What it writes is taken back.
    let run = format!(
        "PREPARE q AS {text}; BEGIN; EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE q{values}; ROLLBACK; \
         DEALLOCATE q"
    );
    let answers = session.client().simple_query(&run).await;
    let answers = answers.unwrap_or_else(|error| panic!("{error:?}\n{text}\n{values}"));
    let plan = answers.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    let plan: Json = serde_json::from_str(&plan.unwrap()).unwrap();
    let plan = plan[0]["Plan"].clone();
    let number = |node: &Json, key: &str| node[key].as_f64().unwrap_or_default() as i64;
    let mut work = Work {
        buffers: number(&plan, "Shared Hit Blocks") + number(&plan, "Shared Read Blocks"),
        answered: number(&plan, "Actual Rows"),
        sorted: 0,
        scans: false,
    };
    let mut nodes = vec![&plan];
    while let Some(node) = nodes.pop() {
        match node["Node Type"].as_str().unwrap_or_default() {
            "Seq Scan" => work.scans = true,
            "Sort" => work.sorted = work.sorted.max(number(&node["Plans"][0], "Actual Rows")),
            _ => {}
        }
        nodes.extend(node["Plans"].as_array().into_iter().flatten());
    }
    (work, plan)
}

#[tokio::test]
async fn no_question_grows_with_the_rows_it_does_not_answer() {
    let session = filled().await;
    let mut faults = Vec::new();
    // The plan for any values, as a connection keeps it after a few uses, and the plan for these.
    for mode in ["force_generic_plan", "force_custom_plan"] {
        let set = format!("SET plan_cache_mode = {mode}");
        session.client().batch_execute(&set).await.unwrap();
        for Case { name, asked, looks } in growth::reads().into_iter().chain(written()) {
            let text = READS.iter().find(|q| q.name == name).map(|q| q.text);
            let named = || {
                statements::ALL
                    .iter()
                    .find(|(other, _)| *other == name)
                    .unwrap()
                    .1
            };
            let text = text.unwrap_or_else(named);
            for values in asked {
                let (work, plan) = work(&session, text, &values).await;
                let rows = work.answered + looks;
                let may_scan = super::MAY_SCAN.contains(&name);
                let well = work.buffers <= BUFFERS_BASE + BUFFERS_A_ROW * rows
                    && work.sorted <= SORTED_MAX + rows
                    && (may_scan || !work.scans);
                if !well {
                    faults.push(format!(
                        "{name} ({mode}) asked {values:?}: {work:?}\n{plan:#}"
                    ));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// How the statements of a batch are asked.
fn written() -> Vec<Case> {
    use Value::{Flags, Id, Ids, Int, Ints, ManyBytes, Texts};
    let ids = |n: i64| Ids(vec![n]);
    let ints = |n: i64| Ints(vec![n]);
    let texts = |text: &str| Texts(vec![text.to_owned()]);
    let large = || ids(growth::room_key(1));
    // Early in the large room, in the middle, and at its end.
    let places = [1, growth::MESSAGES / 2, growth::MESSAGES];
    let at = |asked: &dyn Fn(i64) -> Vec<Value>| places.iter().map(|place| asked(*place)).collect();
    let next = growth::MESSAGES + 1;
    let event = || {
        vec![
            Int(0),
            ints(9_000_000),
            large(),
            texts("room"),
            ints(next),
            ids(9),
            ints(1),
            ids(1),
            ints(next),
            texts("new"),
            ints(1),
            texts("message"),
            Ints(vec![]),
            texts("{}"),
            ManyBytes(vec![vec![7; 16]]),
            ManyBytes(vec![vec![7; 32]]),
        ]
    };
    let case = |name, looks, asked| Case { name, asked, looks };
    let cases = vec![
        case("LOCK_HEAD", 0, vec![vec![Int(0)]]),
        case("SET_HEAD", 0, vec![vec![Int(0), Int(9_000_000)]]),
        case("LOAD_ROOMS", 0, vec![vec![large()]]),
        case(
            "LOAD_MEMBERS",
            0,
            at(&|n| vec![large(), ids(1 + n % growth::USERS)]),
        ),
        case(
            "LOAD_MESSAGES",
            0,
            at(&|n| vec![large(), ids(growth::event_key(n))]),
        ),
        case("LOAD_USERS", 0, at(&|n| vec![ids(1 + n % growth::USERS)])),
        case("LOAD_DEVICES", 0, vec![vec![ids(growth::device_key(77))]]),
        case(
            "LOAD_USERNAMES",
            0,
            vec![vec![texts("user77")], vec![texts("nobody")]],
        ),
        case(
            "LOAD_PUBLIC_NAMES",
            0,
            vec![vec![texts("room 2")], vec![texts("nothing")]],
        ),
        case("LOAD_MARKERS", 0, vec![vec![ids(1), large()]]),
        case("LOAD_COUNTS", 0, at(&|n| vec![large(), ints(n)])),
        case(
            "LOAD_REACTIONS",
            // As many of one kind as it counts.
            32,
            at(&|n| vec![large(), ids(growth::event_key(n)), texts("e1"), ids(1)]),
        ),
        // At most as many as one may have.
        case("LOAD_DEVICE_COUNTS", 50, vec![vec![ids(1)]]),
        case("LOAD_DEVICES_OF", 50, vec![vec![ids(1)]]),
        case("LOAD_ROOM_COUNTS", 5_000, vec![vec![ids(1)]]),
        case("LOAD_ANY_USER", 0, vec![vec![]]),
        case(
            "LOAD_TXNS",
            0,
            at(&|n| vec![large(), ids(1 + n % 1_000), texts(&format!("t{n}"))]),
        ),
        case("ADD_EVENTS", 2, vec![event()]),
        case(
            "SAY",
            // An event, a message, a room and a member.
            8,
            vec![
                [
                    event(),
                    vec![
                        Int(growth::head()),
                        Int(9_000_000),
                        large(),
                        ints(next),
                        ints(9_000_000),
                        ints(next),
                        ints(next),
                        ManyBytes(vec![vec![7; 32]]),
                        large(),
                        ids(77),
                        ints(next),
                        ints(next),
                    ],
                ]
                .concat(),
            ],
        ),
        case("ERASE_MESSAGES", 2, at(&|n| vec![large(), ints(n)])),
        case("ERASE_EDITS", 2, at(&|n| vec![large(), ints(n)])),
        case(
            "ERASE_REACTIONS",
            2,
            at(&|n| vec![large(), ids(growth::event_key(n + 100_000))]),
        ),
        case(
            "PUT_ROOMS",
            2,
            vec![vec![
                large(),
                texts("channel"),
                texts("private"),
                texts("room"),
                Ids(vec![]),
                Ids(vec![]),
                ids(1),
                ints(1),
                ints(next),
                ints(9_000_000),
                ints(next),
                ints(1),
                ints(1),
                ints(next),
                ManyBytes(vec![vec![7; 32]]),
                texts("7,9"),
            ]],
        ),
        case(
            "PUT_MEMBERS",
            2,
            vec![vec![
                large(),
                ids(77),
                texts("member"),
                Flags(vec![true]),
                ints(1),
                ints(1),
                ints(0),
                ints(0),
                ints(next),
                ints(next),
                ints(0),
            ]],
        ),
        case(
            "PUT_MESSAGES",
            2,
            at(&|n| {
                vec![
                    large(),
                    ints(n),
                    ids(growth::event_key(n)),
                    ids(1),
                    texts("new"),
                    ints(n),
                    Ints(vec![]),
                    ints(0),
                ]
            }),
        ),
        case(
            "ADD_REACTIONS",
            2,
            at(&|n| vec![large(), ids(growth::event_key(n)), texts("new"), ids(1)]),
        ),
        case(
            "REMOVE_REACTIONS",
            2,
            at(&|n| vec![large(), ids(growth::event_key(n)), texts("e1"), ids(1)]),
        ),
        case(
            "PUT_USERS",
            2,
            vec![vec![
                ids(77),
                texts("user77"),
                texts("New"),
                texts("new"),
                texts("person"),
                texts("member"),
                ints(1),
                texts(""),
                ints(2),
                ints(9_000_000),
                ManyBytes(vec![vec![7; 32]]),
            ]],
        ),
        case("ADD_WORDS", 2, vec![vec![texts("new"), ids(77)]]),
        case(
            "SET_PUBLIC_NAMES",
            2,
            vec![vec![ids(growth::room_key(2)), texts("new")]],
        ),
        case("ADD_FIRST_ACCOUNT", 2, vec![vec![Id(1)]]),
        case(
            "PUT_MARKERS",
            2,
            vec![vec![
                ids(1),
                large(),
                ints(next),
                ints(next),
                ints(9_000_000),
            ]],
        ),
        case(
            "ADD_DEVICES",
            2,
            vec![vec![
                ids(9),
                ids(1),
                texts("new"),
                ManyBytes(vec![b"new".to_vec()]),
                ints(1),
            ]],
        ),
        case("REMOVE_DEVICES", 2, vec![vec![ids(growth::device_key(77))]]),
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
