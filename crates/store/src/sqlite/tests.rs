//! Every statement prepares, and none of the hot ones scans a table.

use rusqlite::Connection;

use super::{open, open::Place, statements};
use crate::query::READS;

fn database() -> (Place, Connection) {
    let place = Place::temporary().unwrap();
    let (connection, _) = open::writer(&place).unwrap();
    (place, connection)
}

fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    let reads = READS.iter().map(|q| (q.name, q.sqlite.as_str()));
    reads.chain(statements::ALL.iter().copied())
}

#[test]
fn every_statement_prepares() {
    let (_place, connection) = database();
    for (name, text) in all() {
        if let Err(error) = connection.prepare(text) {
            panic!("{name}: {error}\n{text}");
        }
    }
}

fn plan(connection: &Connection, text: &str) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {text}"))
        .unwrap();
    let nulls = std::iter::repeat_n(rusqlite::types::Null, statement.parameter_count());
    let steps = statement.query_map(rusqlite::params_from_iter(nulls), |row| row.get(3));
    steps.unwrap().collect::<Result<_, _>>().unwrap()
}

/// What may look at every row of a table: `shards` has one row, and whether any user exists needs one row of them.
const MAY_SCAN: [&str; 2] = ["HEADS", "LOAD_ANY_USER"];

#[test]
fn no_statement_scans_a_table() {
    let (_place, connection) = database();
    for (name, text) in all() {
        if MAY_SCAN.contains(&name) {
            continue;
        }
        let steps = plan(&connection, text);
        for step in &steps {
            // Lists that came with the question, and what a recursive query has found so far.
            let list = step.contains("VIRTUAL TABLE") || step == "SCAN h";
            assert!(!step.starts_with("SCAN") || list, "{name}: {steps:#?}");
        }
    }
}

#[test]
fn hot_reads_take_their_order_from_an_index() {
    let (_place, connection) = database();
    let hot = [
        "LOG_AFTER",
        "SHARD_AFTER",
        "VISIBLE_AFTER",
        "MESSAGES_BEFORE",
        "MESSAGES_AFTER",
        "MEMBERS",
        "PUBLIC_ROOMS",
        "DEVICES",
        "ANY_MESSAGE_UPTO",
        "ANY_MESSAGE_FROM",
    ];
    for name in hot {
        let query = READS.iter().find(|q| q.name == name).unwrap();
        let plan = plan(&connection, &query.sqlite);
        let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(!sorts, "{name} sorts: {plan:#?}");
    }
}
