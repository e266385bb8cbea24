//! One transaction: lock, load, decide, write, commit.
//!
//! Owns: the order of its steps and the writes of a batch.
//! Never: decides anything; the closure does, and it must not wait.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use tidings_core::{Entry, Needs, State};
use tidings_protocol::{Position, ShardId};

use super::{columns::failed, load, statements as text};
use crate::{
    Commit,
    batch::{self, MarkerRow},
    error::StoreError,
};

type Result<T> = std::result::Result<T, StoreError>;

/// See [`Store::append`](crate::Store::append).
pub(super) fn append<R>(
    connection: &mut Connection,
    shard: ShardId,
    needs: &Needs,
    decide: impl FnOnce(Position, State) -> (Commit, R),
) -> Result<R> {
    // Immediate: the lock of the file is the lock of the shard's head, against other processes too.
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    let head = transaction
        .prepare_cached(text::HEAD)
        .and_then(|mut s| s.query_row([shard.0], |row| row.get::<_, i64>(0)))
        .map_err(failed)?;
    let head = Position(u64::try_from(head).map_err(|_| StoreError::damaged("a head"))?);
    let state = load::state(&transaction, needs)?;
    let (commit, answer) = decide(head, state);
    if commit.entries.is_empty() {
        return Ok(answer);
    }
    let last = batch::check(shard, head, &commit.entries)?;
    write(&transaction, &commit, shard, last)?;
    // Whether the log reached the disk before an error is not known.
    let committed = transaction.commit();
    committed.map_err(|error| failed(error).unknown())?;
    Ok(answer)
}

fn write(
    transaction: &Transaction<'_>,
    commit: &Commit,
    shard: ShardId,
    head: Position,
) -> Result<()> {
    let (state, changes) = (&commit.state, &commit.state.changes);
    // Accounts first: if a name was taken meanwhile, nothing else was done in vain.
    users(transaction, commit)?;
    events(transaction, &commit.entries)?;
    rooms(transaction, state)?;
    members(transaction, state)?;
    messages(transaction, state)?;
    for (key, added) in &changes.reactions {
        let text = if *added {
            text::ADD_REACTION
        } else {
            text::REMOVE_REACTION
        };
        let params = params![
            key.room.bytes(),
            key.message.bytes(),
            key.emoji.as_str(),
            key.user.bytes()
        ];
        run(transaction, text, params)?;
    }
    for marker in batch::markers(commit)? {
        let MarkerRow {
            user,
            room,
            marker,
            position,
        } = marker;
        let params = params![
            user.bytes(),
            room.bytes(),
            number(marker.seq.0),
            number(marker.count),
            number(position.0)
        ];
        run(transaction, text::PUT_MARKER, params)?;
    }
    devices(transaction, state)?;
    // Last, so that it also blanks what this very batch wrote.
    for (room, seq, message) in &changes.erased {
        let place = params![room.bytes(), number(seq.0)];
        run(transaction, text::ERASE_MESSAGE, place)?;
        run(transaction, text::ERASE_EDITS, place)?;
        let params = params![room.bytes(), message.bytes()];
        run(transaction, text::ERASE_REACTIONS, params)?;
    }
    run(
        transaction,
        text::SET_HEAD,
        params![shard.0, number(head.0)],
    )
}

fn events(transaction: &Transaction<'_>, entries: &[Entry]) -> Result<()> {
    let mut add = transaction
        .prepare_cached(text::ADD_EVENT)
        .map_err(failed)?;
    for entry in entries {
        let event = &entry.event;
        add.execute(params![
            event.shard.0,
            number(event.position.0),
            event.log.bytes(),
            batch::log_kind(event.log),
            number(event.seq.0),
            event.id.bytes(),
            event.at.micros(),
            event.actor.bytes(),
            number(event.count),
            event.txn.as_ref().map(tidings_protocol::TxnId::as_str),
            entry.fingerprint,
            &*event.kind,
            entry.content.target().map(|seq| number(seq.0)),
            event.body.as_deref(),
            entry.salt.0,
            entry.chain.0,
        ])
        .map_err(failed)?;
    }
    Ok(())
}

fn rooms(transaction: &Transaction<'_>, state: &State) -> Result<()> {
    for row in batch::rows(&state.changes.rooms, &state.rooms)? {
        let params = params![
            row.id.bytes(),
            row.kind.as_str(),
            row.visibility.as_str(),
            row.name.as_ref().map(tidings_protocol::RoomName::as_str),
            row.direct.map(|(a, _)| a.bytes()),
            row.direct.map(|(_, b)| b.bytes()),
            row.created_by.bytes(),
            row.created_at.micros(),
            number(row.head.0),
            number(row.head_position.0),
            number(row.count),
            row.members,
            row.owners,
            row.last_message.map(|seq| number(seq.0)),
            row.chain.0,
            batch::gone(&row.gone),
        ];
        run(transaction, text::PUT_ROOM, params)?;
    }
    let named = batch::rows(&state.changes.public_names, &state.rooms)?;
    // All are freed before any is taken: one may have had what another of this batch takes.
    for row in &named {
        let params = params![row.id.bytes(), None::<String>];
        run(transaction, text::SET_PUBLIC_NAME, params)?;
    }
    for row in named {
        let params = params![row.id.bytes(), row.public_name()];
        run(transaction, text::SET_PUBLIC_NAME, params)?;
    }
    Ok(())
}

fn members(transaction: &Transaction<'_>, state: &State) -> Result<()> {
    for row in batch::rows(&state.changes.members, &state.members)? {
        let params = params![
            row.room.bytes(),
            row.user.bytes(),
            row.role.as_str(),
            row.joined,
            number(row.joined_seq.0),
            number(row.joined_position.0),
            number(row.left_seq.0),
            number(row.left_position.0),
            number(row.sent.seq.0),
            number(row.sent.count),
            number(row.earlier_left_position.0),
        ];
        run(transaction, text::PUT_MEMBER, params)?;
    }
    Ok(())
}

fn messages(transaction: &Transaction<'_>, state: &State) -> Result<()> {
    let mut put = transaction
        .prepare_cached(text::PUT_MESSAGE)
        .map_err(failed)?;
    for row in batch::rows(&state.changes.messages, &state.messages)? {
        put.execute(params![
            row.room.bytes(),
            number(row.seq.0),
            row.id.bytes(),
            row.author.bytes(),
            row.text.as_ref().map(tidings_protocol::MessageText::as_str),
            row.edited.map(|seq| number(seq.0)),
            row.deleted.map(|seq| number(seq.0)),
            row.emoji,
        ])
        .map_err(failed)?;
    }
    Ok(())
}

fn users(transaction: &Transaction<'_>, commit: &Commit) -> Result<()> {
    if let Some(owner) = batch::first_account(&commit.entries) {
        run(transaction, text::ADD_FIRST_ACCOUNT, params![owner.bytes()])?;
    }
    for row in batch::rows(&commit.state.changes.users, &commit.state.users)? {
        let params = params![
            row.id.bytes(),
            row.username.as_str(),
            row.display_name.as_str(),
            batch::folded(&row.display_name),
            row.kind.as_str(),
            row.role.as_str(),
            row.created_at.micros(),
            row.password_hash,
            number(row.head.0),
            number(row.head_position.0),
            row.chain.0,
        ];
        run(transaction, text::PUT_USER, params)?;
    }
    for (word, user) in batch::words(&commit.entries) {
        run(transaction, text::ADD_WORD, params![word, user.bytes()])?;
    }
    Ok(())
}

fn devices(transaction: &Transaction<'_>, state: &State) -> Result<()> {
    for (device, added) in &state.changes.devices {
        // Removed before added: a batch may do both to one user, never both to one device.
        if !added {
            run(transaction, text::REMOVE_DEVICE, params![device.bytes()])?;
        }
    }
    for row in batch::added_devices(state)? {
        let params = params![
            row.id.bytes(),
            row.user.bytes(),
            row.name,
            row.token_hash,
            row.created_at.micros(),
        ];
        run(transaction, text::ADD_DEVICE, params)?;
    }
    Ok(())
}

fn run(transaction: &Transaction<'_>, text: &str, params: &[&dyn rusqlite::ToSql]) -> Result<()> {
    transaction
        .prepare_cached(text)
        .and_then(|mut statement| statement.execute(params))
        .map(drop)
        .map_err(failed)
}

/// Numbers of the protocol stay below 2^53.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
