//! The hash chain over each log: each event is bound to all before it, so that what was changed past the door is found.
//!
//! Owns: what is hashed, in which order. `spec/chain.json` pins it.
//! Never: draws a salt (it is an argument), or says who changed something: whoever writes to the database can compute
//! the chain anew. It finds damage, lost and forged rows, not an owner who rewrites history.
//!
//! An event's body is bound by a salted hash, so that the chain still holds once the body is erased, and what was erased
//! cannot be guessed from its hash: the salt is erased with it.

use std::fmt;

use sha2::{Digest, Sha256};
use tidings_protocol::{LogId, Seq};

use crate::stored::StoredEvent;

/// What stands before everything that is hashed for a body, and for a link: a later form has another word.
const BODY_FORM: &[u8] = b"tidings body 1";
const LINK_FORM: &[u8] = b"tidings link 1";

/// A log up to and including one event, as one hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chain(pub [u8; 32]);

/// Random bytes that are hashed with a body and erased with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Salt(pub [u8; 16]);

/// The hash that stands for a body in the chain, for ever.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BodyHash(pub [u8; 32]);

impl Chain {
    /// A log before its first event.
    pub const START: Chain = Chain([0; 32]);

    /// The chain after one more event. `target` stands beside the envelope in the database.
    #[must_use]
    pub fn next(self, event: &StoredEvent, target: Option<Seq>, body: BodyHash) -> Chain {
        let mut hash = Sha256::new();
        hash.update(LINK_FORM);
        hash.update(self.0);
        let (log_kind, log) = match event.log {
            LogId::Room(room) => (0u8, room.bytes()),
            LogId::User(user) => (1u8, user.bytes()),
        };
        hash.update([log_kind]);
        hash.update(log);
        hash.update(event.seq.0.to_be_bytes());
        hash.update(event.shard.0.to_be_bytes());
        hash.update(event.position.0.to_be_bytes());
        hash.update(event.id.bytes());
        hash.update(event.at.micros().to_be_bytes());
        hash.update(event.actor.bytes());
        hash.update(event.count.to_be_bytes());
        // Every field has a fixed length or its length before it, so that no two events have the same bytes. An empty
        // `txn` does not exist, and no seq is 0.
        let txn = event.txn.as_ref().map_or("", |txn| txn.as_str());
        for text in [txn, &*event.kind] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        hash.update(target.unwrap_or(Seq::ZERO).0.to_be_bytes());
        hash.update(body.0);
        Chain(hash.finalize().into())
    }
}

/// Hashes a body as it is stored, and the fingerprint of its command, which tells of the same text.
#[must_use]
pub fn body_hash(salt: Salt, fingerprint: i64, body: &str) -> BodyHash {
    let mut hash = Sha256::new();
    hash.update(BODY_FORM);
    hash.update(salt.0);
    hash.update(fingerprint.to_be_bytes());
    hash.update(body);
    BodyHash(hash.finalize().into())
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0[..4], f)
    }
}

impl fmt::Debug for BodyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0[..4], f)
    }
}

impl fmt::Debug for Salt {
    /// Not shown: who knows it can guess what was erased.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tidings_protocol::{EventId, Position, RoomId, ShardId, Timestamp, UserId};

    use super::*;

    /// A row as the database holds it.
    #[derive(Clone)]
    struct Row {
        event: StoredEvent,
        target: Option<Seq>,
        fingerprint: i64,
        salt: Salt,
    }

    fn rows() -> Vec<Row> {
        let row = |seq: u64, txn: Option<&str>, kind: &str, target: Option<u64>, body: &str| Row {
            event: StoredEvent {
                shard: ShardId(3),
                position: Position(seq * 10),
                log: LogId::Room(RoomId::from_bits(0x0190_0000_0000_7000_8000_0000_0000_1000)),
                seq: Seq(seq),
                id: EventId::from_bits(0x0190_0000_0000_7000_8000_0000_0000_2000 + u128::from(seq)),
                at: Timestamp(1_795_208_400_000_000 + i64::try_from(seq).unwrap()),
                actor: UserId::from_bits(0x0190_0000_0000_7000_8000_0000_0000_0001),
                count: seq.min(2),
                txn: txn.map(|txn| txn.parse().unwrap()),
                kind: kind.into(),
                body: Some(body.into()),
            },
            target: target.map(Seq),
            fingerprint: if txn.is_some() { -17 } else { 0 },
            salt: Salt([u8::try_from(seq).unwrap(); 16]),
        };
        vec![
            row(
                1,
                Some("a"),
                "message",
                None,
                r#"{"kind":"message","text":"hello"}"#,
            ),
            row(
                2,
                None,
                "message",
                None,
                r#"{"kind":"message","text":"日本 👋"}"#,
            ),
            row(
                3,
                Some("b"),
                "message_edited",
                Some(2),
                r#"{"kind":"message_edited","message":"evt_01","target":2,"text":""}"#,
            ),
        ]
    }

    fn chained(rows: &[Row]) -> Vec<Chain> {
        let mut chain = Chain::START;
        let next = |row: &Row| {
            let body = row.event.body.as_deref().unwrap();
            chain = chain.next(
                &row.event,
                row.target,
                body_hash(row.salt, row.fingerprint, body),
            );
            chain
        };
        rows.iter().map(next).collect()
    }

    #[test]
    fn the_published_chain_is_that_of_this_code() {
        let rows = rows();
        let shown = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
        let list: Vec<Value> = rows
            .iter()
            .zip(chained(&rows))
            .map(|(row, chain)| {
                let (event, body) = (&row.event, row.event.body.as_deref().unwrap());
                json!({
                    "log": event.log, "shard": event.shard, "position": event.position, "seq": event.seq,
                    "id": event.id, "at_micros": event.at.micros(), "actor": event.actor, "count": event.count,
                    "txn": event.txn, "kind": &*event.kind, "target": row.target, "fingerprint": row.fingerprint,
                    "salt": shown(&row.salt.0), "body": body,
                    "body_hash": shown(&body_hash(row.salt, row.fingerprint, body).0),
                    "chain": chain.to_string(),
                })
            })
            .collect();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/chain.json");
        if std::env::var_os("TIDINGS_WRITE_VECTORS").is_some() {
            let text = serde_json::to_string_pretty(&list).unwrap();
            std::fs::write(path, format!("{text}\n")).unwrap();
        }
        let published: Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(published, Value::Array(list));
    }

    type Change = fn(&mut Row);

    #[test]
    fn every_field_is_bound() {
        let right = chained(&rows());
        let changes: [(&str, Change); 14] = [
            ("shard", |row| row.event.shard = ShardId(4)),
            ("position", |row| row.event.position = Position(11)),
            ("log", |row| {
                row.event.log =
                    LogId::User(UserId::from_bits(0x0190_0000_0000_7000_8000_0000_0000_1000));
            }),
            ("seq", |row| row.event.seq = Seq(9)),
            ("id", |row| row.event.id = EventId::from_bits(1)),
            ("at", |row| row.event.at = Timestamp(5)),
            ("actor", |row| row.event.actor = UserId::from_bits(5)),
            ("count", |row| row.event.count = 7),
            ("txn", |row| row.event.txn = None),
            ("kind", |row| row.event.kind = "messagf".into()),
            ("target", |row| row.target = Some(Seq(1))),
            ("fingerprint", |row| row.fingerprint = 5),
            ("salt", |row| row.salt.0[15] ^= 1),
            ("body", |row| {
                row.event.body = Some(r#"{"kind":"message","text":"hellp"}"#.into());
            }),
        ];
        for (what, change) in changes {
            let mut rows = rows();
            change(&mut rows[0]);
            let wrong = chained(&rows);
            assert_ne!(wrong[0], right[0], "{what}");
            // And all after it.
            assert_ne!(wrong[2], right[2], "{what}");
        }
        // What ends one field and begins the next is no matter of taste.
        let (mut left, mut moved) = (rows(), rows());
        left[0].event.txn = Some("ab".parse().unwrap());
        left[0].event.kind = "c".into();
        moved[0].event.txn = Some("a".parse().unwrap());
        moved[0].event.kind = "bc".into();
        assert_ne!(chained(&left)[0], chained(&moved)[0]);
    }
}
