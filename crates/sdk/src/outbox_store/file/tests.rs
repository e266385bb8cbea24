//! The file of an outbox, closed and opened again in every state.
//!
//! Owns: crashes between any two bytes. Never: needs a network.

use std::fs;

use tidings_protocol::{ClientFrame, RoomId, SendContent, Timestamp, TxnId, subject::SendMessage};
use tidings_sync::outbox::Row;

use super::{DEAD_LINES_MAX, FileOutbox};
use crate::OutboxStore;

fn row(txn: &str) -> Row {
    let command = ClientFrame::give(
        txn.parse().unwrap(),
        SendMessage {
            room: RoomId::from_bits(1),
            content: SendContent::Text {
                text: format!("text of {txn}").parse().unwrap(),
            },
        },
    );
    Row::new(command, Timestamp::from_millis(5)).unwrap()
}

fn txn(text: &str) -> TxnId {
    text.parse().unwrap()
}

fn names(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row.txn().as_str()).collect()
}

#[tokio::test]
async fn rows_outlive_the_process_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.jsonl");
    let mut outbox = FileOutbox::open(&path).unwrap();
    assert!(outbox.load().unwrap().is_empty());
    let stored: Vec<_> = ["a", "b", "c"]
        .iter()
        .map(|name| outbox.add(&row(name)))
        .collect();
    for stored in stored {
        stored.await.unwrap();
    }
    assert_eq!(
        fs::read_to_string(&path).unwrap().lines().count(),
        3,
        "said to be stored"
    );
    outbox.remove(&txn("b"));
    drop(outbox);
    let mut outbox = FileOutbox::open(&path).unwrap();
    let rows = outbox.load().unwrap();
    assert_eq!(names(&rows), ["a", "c"]);
    assert_eq!(rows[0], row("a"));
}

#[tokio::test]
async fn a_file_cut_anywhere_holds_the_rows_that_were_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.jsonl");
    let mut outbox = FileOutbox::open(&path).unwrap();
    outbox.add(&row("a")).await.unwrap();
    outbox.add(&row("b")).await.unwrap();
    drop(outbox);
    let bytes = fs::read(&path).unwrap();
    let first = bytes.iter().position(|&b| b == b'\n').unwrap() + 1;
    // Around each line's end every byte, elsewhere some: each cut waits for the disk a few times.
    let near = |cut: usize, end: usize| cut.abs_diff(end) <= 2;
    let cuts = |cut: &usize| cut.is_multiple_of(29) || near(*cut, first) || near(*cut, bytes.len());
    for cut in (0..=bytes.len()).filter(cuts) {
        fs::write(&path, &bytes[..cut]).unwrap();
        let mut outbox = FileOutbox::open(&path).unwrap();
        let rows = outbox.load().unwrap();
        let whole = usize::from(cut >= first) + usize::from(cut == bytes.len());
        assert_eq!(names(&rows), ["a", "b"][..whole], "cut at {cut}");
        // And it goes on from there.
        outbox.add(&row("c")).await.unwrap();
        drop(outbox);
        let rows = FileOutbox::open(&path).unwrap().load().unwrap();
        assert_eq!(rows.len(), whole + 1, "cut at {cut}");
    }
}

#[tokio::test]
async fn a_file_that_is_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.jsonl");
    fs::write(&path, "{\"add\":\"nonsense\"}\nrest\n").unwrap();
    let error = FileOutbox::open(&path).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    assert!(error.to_string().starts_with("line 1 "), "{error}");
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "{\"add\":\"nonsense\"}\nrest\n"
    );
}

#[tokio::test]
async fn a_command_of_another_version_costs_only_itself_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.jsonl");
    let mut outbox = FileOutbox::open(&path).unwrap();
    outbox.add(&row("a")).await.unwrap();
    drop(outbox);
    // Two emoji were a reaction once, and a later version votes.
    let mut text = fs::read_to_string(&path).unwrap();
    for (txn, command) in [
        (
            "old",
            r#"{"type":"react","txn":"old","room":"room_01h455vb4pex5vsknk084sn02q","message":"evt_01h455vb4pex5vsknk084sn02q","emoji":"👍👍"}"#,
        ),
        ("new", r#"{"type":"vote","txn":"new"}"#),
    ] {
        text += &format!(
            r#"{{"add":{{"txn":"{txn}","command":{command},"state":"waiting","attempts":0,"created":"2026-11-27T00:00:00.000000Z"}}}}"#
        );
        text.push('\n');
    }
    fs::write(&path, &text).unwrap();
    for _ in 0..2 {
        let mut outbox = FileOutbox::open(&path).unwrap();
        assert_eq!(names(&outbox.load().unwrap()), ["a"]);
        assert_eq!(outbox.unread().len(), 2);
    }
    let mut outbox = FileOutbox::open(&path).unwrap();
    outbox.remove(&txn("old"));
    drop(outbox);
    let outbox = FileOutbox::open(&path).unwrap();
    assert!(outbox.unread()[0].contains("vote"), "{:?}", outbox.unread());
    assert_eq!(outbox.unread().len(), 1);
}

#[tokio::test]
async fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.jsonl");
    let first = FileOutbox::open(&path).unwrap();
    let error = FileOutbox::open(&path).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    drop(first);
    FileOutbox::open(&path).unwrap();
}

#[tokio::test]
async fn the_file_stays_small() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.jsonl");
    let mut outbox = FileOutbox::open(&path).unwrap();
    outbox.add(&row("kept")).await.unwrap();
    for number in 0..2 * DEAD_LINES_MAX {
        let name = format!("t{number}");
        // Not waited for: rows that arrive together share the disk's time.
        drop(outbox.add(&row(&name)));
        outbox.remove(&txn(&name));
    }
    outbox.add(&row("last")).await.unwrap();
    let lines = fs::read_to_string(&path).unwrap().lines().count();
    assert!(
        lines < 3 * DEAD_LINES_MAX,
        "{lines} of {}",
        4 * DEAD_LINES_MAX + 2
    );
    drop(outbox);
    assert_eq!(
        names(&FileOutbox::open(&path).unwrap().load().unwrap()),
        ["kept", "last"]
    );
}

#[test]
fn a_closed_outbox_is_free_though_a_child_that_starts_has_copies_of_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.jsonl");
    let lock = super::lock(&path).unwrap();
    let held = super::lock(&path).unwrap_err();
    assert_eq!(held.kind(), std::io::ErrorKind::WouldBlock);
    let copy = lock.0.try_clone().unwrap();
    drop(lock);
    super::lock(&path).unwrap();
    drop(copy);
}
