//! The writes of a batch and its commit, in one round trip; for messages alone, in one statement.
//!
//! Owns: a batch as lists of rows, the order of the statements.
//! Never: sends COMMIT before every statement was encoded and sent: a half batch must not be committed.

use std::{future::poll_fn, pin::Pin, task::Poll};

use futures_util::future::{BoxFuture, MaybeDone, join, join_all, maybe_done};
use tidings_core::{Entry, MessageRow, State};
use tidings_protocol::{MessageText, Position, RoomName, Seq, ShardId, TxnId};
use tokio_postgres::types::ToSql;

use super::{
    load::{ids, number},
    session::Session,
    statements::name,
};
use crate::{Commit, batch, error::StoreError};

type Result<T> = std::result::Result<T, StoreError>;
type Sent<'a> = BoxFuture<'a, Result<()>>;

/// Writes the batch and commits it; durable when it returns `Ok`.
pub(super) async fn commit(
    session: &Session,
    shard: ShardId,
    commit: &Commit,
    head: Position,
) -> Result<()> {
    let mut writes: Vec<_> = writes(session, shard, commit, head)?
        .into_iter()
        .map(|write| Box::pin(maybe_done(write)))
        .collect();
    // The first poll sends; what cannot be encoded fails here, before the commit is on its way.
    poll_fn(|context| {
        for write in &mut writes {
            let _ = Future::poll(write.as_mut(), context);
        }
        Poll::Ready(())
    })
    .await;
    for write in &mut writes {
        if let MaybeDone::Done(Err(error)) = &**write {
            return Err(error.clone());
        }
    }
    let rest = join_all(writes.into_iter().map(finish));
    let (committed, written) = join(session.commit(), rest).await;
    // The first failure is the cause. The server turns the COMMIT of a failed transaction into a rollback, and says
    // nothing of it.
    written.into_iter().collect::<Result<()>>()?;
    committed.map_err(StoreError::unknown)
}

async fn finish(mut write: Pin<Box<MaybeDone<Sent<'_>>>>) -> Result<()> {
    write.as_mut().await;
    write.as_mut().take_output().unwrap_or(Ok(()))
}

macro_rules! send {
    ($session:ident, $name:ident, $($param:expr),* $(,)?) => {
        Box::pin(async move { $session.execute(name::$name, &[$(&$param),*]).await.map(drop) }) as Sent<'_>
    };
}

/// A column of a list of rows.
macro_rules! column {
    ($rows:ident, $row:ident => $value:expr) => {
        $rows.iter().map(|$row| $value).collect::<Vec<_>>()
    };
}

/// In the order in which they are to run.
fn writes<'a>(
    session: &'a Session,
    shard: ShardId,
    commit: &'a Commit,
    head: Position,
) -> Result<Vec<Sent<'a>>> {
    let state = &commit.state;
    let mut writes = Vec::new();
    // Accounts first: if a name was taken meanwhile, nothing else was done in vain.
    users(session, commit, &mut writes)?;
    writes.push(events(session, shard, &commit.entries));
    rooms(session, state, &mut writes)?;
    members(session, state, &mut writes)?;
    messages(session, state, &mut writes)?;
    reactions(session, state, &mut writes);
    markers(session, commit, &mut writes)?;
    devices(session, state, &mut writes)?;
    // Last, so that it also blanks what this very batch wrote.
    erased(session, state, &mut writes);
    writes.push(send!(session, SET_HEAD, i64::from(shard.0), number(head.0)));
    Ok(writes)
}

/// Commits a batch of nothing but messages in one statement, if the shard's head is at `before`; false when it is not, and
/// nothing was written.
pub(super) async fn say(
    session: &Session,
    shard: ShardId,
    commit: &Commit,
    before: Position,
    head: Position,
) -> Result<bool> {
    let (entries, state) = (&commit.entries, &commit.state);
    let rooms = batch::rows(&state.changes.rooms, &state.rooms)?;
    let members = batch::rows(&state.changes.members, &state.members)?;
    let mut columns = event_columns(shard, entries);
    columns.extend([
        boxed(number(before.0)),
        boxed(number(head.0)),
        boxed(ids(rooms.iter().map(|r| r.id.bytes()))),
        boxed(column!(rooms, r => number(r.head.0))),
        boxed(column!(rooms, r => number(r.head_position.0))),
        boxed(column!(rooms, r => number(r.count))),
        boxed(column!(rooms, r => opt(r.last_message))),
        boxed(column!(rooms, r => r.chain.0.as_slice())),
        boxed(ids(members.iter().map(|m| m.room.bytes()))),
        boxed(ids(members.iter().map(|m| m.user.bytes()))),
        boxed(column!(members, m => number(m.sent.seq.0))),
        boxed(column!(members, m => number(m.sent.count))),
    ]);
    let changed = session.execute(name::SAY, &refs(&columns)).await?;
    Ok(changed > 0)
}

fn opt(seq: Option<Seq>) -> Option<i64> {
    seq.map(|seq| number(seq.0))
}

/// A column of a list of rows, of whatever type.
type AnyColumn<'a> = Box<dyn ToSql + Sync + Send + 'a>;

fn boxed<'a>(column: impl ToSql + Sync + Send + 'a) -> AnyColumn<'a> {
    Box::new(column)
}

fn refs<'a>(columns: &'a [AnyColumn<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    let all = columns.iter();
    all.map(|column| &**column as &(dyn ToSql + Sync)).collect()
}

/// What every statement that adds events begins with: the shard, then a column for each field.
fn event_columns(shard: ShardId, entries: &[Entry]) -> Vec<AnyColumn<'_>> {
    vec![
        boxed(i64::from(shard.0)),
        boxed(column!(entries, e => number(e.event.position.0))),
        boxed(ids(entries.iter().map(|e| e.event.log.bytes()))),
        boxed(column!(entries, e => batch::log_kind(e.event.log))),
        boxed(column!(entries, e => number(e.event.seq.0))),
        boxed(ids(entries.iter().map(|e| e.event.id.bytes()))),
        boxed(column!(entries, e => e.event.at.micros())),
        boxed(ids(entries.iter().map(|e| e.event.actor.bytes()))),
        boxed(column!(entries, e => number(e.event.count))),
        boxed(column!(entries, e => e.event.txn.as_ref().map(TxnId::as_str))),
        boxed(column!(entries, e => e.fingerprint)),
        boxed(column!(entries, e => &*e.event.kind)),
        boxed(column!(entries, e => opt(e.content.target()))),
        boxed(column!(entries, e => e.event.body.as_deref())),
        boxed(column!(entries, e => e.salt.0.as_slice())),
        boxed(column!(entries, e => e.chain.0.as_slice())),
    ]
}

fn events<'a>(session: &'a Session, shard: ShardId, entries: &'a [Entry]) -> Sent<'a> {
    Box::pin(async move {
        let columns = event_columns(shard, entries);
        session
            .execute(name::ADD_EVENTS, &refs(&columns))
            .await
            .map(drop)
    })
}

fn rooms<'a>(session: &'a Session, state: &'a State, writes: &mut Vec<Sent<'a>>) -> Result<()> {
    let rows = batch::rows(&state.changes.rooms, &state.rooms)?;
    if rows.is_empty() {
        return Ok(());
    }
    let direct = |first: bool| {
        let pick = |r: &&tidings_core::Room| {
            r.direct
                .map(|(a, b)| uuid::Uuid::from_bytes(if first { a } else { b }.bytes()))
        };
        rows.iter().map(pick).collect::<Vec<_>>()
    };
    let (direct_a, direct_b) = (direct(true), direct(false));
    writes.push(send!(
        session,
        PUT_ROOMS,
        ids(rows.iter().map(|r| r.id.bytes())),
        column!(rows, r => r.kind.as_str()),
        column!(rows, r => r.visibility.as_str()),
        column!(rows, r => r.name.as_ref().map(RoomName::as_str)),
        direct_a,
        direct_b,
        ids(rows.iter().map(|r| r.created_by.bytes())),
        column!(rows, r => r.created_at.micros()),
        column!(rows, r => number(r.head.0)),
        column!(rows, r => number(r.head_position.0)),
        column!(rows, r => number(r.count)),
        column!(rows, r => i64::from(r.members)),
        column!(rows, r => i64::from(r.owners)),
        column!(rows, r => opt(r.last_message)),
        column!(rows, r => r.chain.0.as_slice()),
        column!(rows, r => batch::gone(&r.gone)),
    ));
    let named = batch::rows(&state.changes.public_names, &state.rooms)?;
    if !named.is_empty() {
        // All are freed before any is taken: one may have had what another of this batch takes.
        let free = vec![None::<String>; named.len()];
        let names = column!(named, r => r.public_name());
        for names in [free, names] {
            let named = named.clone();
            writes.push(send!(
                session,
                SET_PUBLIC_NAMES,
                ids(named.iter().map(|r| r.id.bytes())),
                names,
            ));
        }
    }
    Ok(())
}

fn members<'a>(session: &'a Session, state: &'a State, writes: &mut Vec<Sent<'a>>) -> Result<()> {
    let rows = batch::rows(&state.changes.members, &state.members)?;
    if !rows.is_empty() {
        writes.push(send!(
            session,
            PUT_MEMBERS,
            ids(rows.iter().map(|m| m.room.bytes())),
            ids(rows.iter().map(|m| m.user.bytes())),
            column!(rows, m => m.role.as_str()),
            column!(rows, m => m.joined),
            column!(rows, m => number(m.joined_seq.0)),
            column!(rows, m => number(m.joined_position.0)),
            column!(rows, m => number(m.left_seq.0)),
            column!(rows, m => number(m.left_position.0)),
            column!(rows, m => number(m.sent.seq.0)),
            column!(rows, m => number(m.sent.count)),
            column!(rows, m => number(m.earlier_left_position.0)),
        ));
    }
    Ok(())
}

fn messages<'a>(session: &'a Session, state: &'a State, writes: &mut Vec<Sent<'a>>) -> Result<()> {
    let mut rows: Vec<&MessageRow> = batch::rows(&state.changes.messages, &state.messages)?;
    // In the order of the index that grows at its end.
    rows.sort_by_key(|row| (row.room, row.seq));
    if !rows.is_empty() {
        writes.push(send!(
            session,
            PUT_MESSAGES,
            ids(rows.iter().map(|t| t.room.bytes())),
            column!(rows, t => number(t.seq.0)),
            ids(rows.iter().map(|t| t.id.bytes())),
            ids(rows.iter().map(|t| t.author.bytes())),
            column!(rows, t => t.text.as_ref().map(MessageText::as_str)),
            column!(rows, t => opt(t.edited)),
            column!(rows, t => opt(t.deleted)),
            column!(rows, t => i64::from(t.emoji)),
        ));
    }
    Ok(())
}

fn reactions<'a>(session: &'a Session, state: &'a State, writes: &mut Vec<Sent<'a>>) {
    let keys = |wanted: bool| {
        let all = state.changes.reactions.iter();
        all.filter(move |(_, added)| **added == wanted)
            .map(|(key, _)| key)
            .collect::<Vec<_>>()
    };
    macro_rules! send_keys {
        ($name:ident, $keys:expr) => {
            let keys = $keys;
            if !keys.is_empty() {
                writes.push(send!(
                    session,
                    $name,
                    ids(keys.iter().map(|k| k.room.bytes())),
                    ids(keys.iter().map(|k| k.message.bytes())),
                    column!(keys, k => k.emoji.as_str()),
                    ids(keys.iter().map(|k| k.user.bytes())),
                ));
            }
        };
    }
    send_keys!(ADD_REACTIONS, keys(true));
    send_keys!(REMOVE_REACTIONS, keys(false));
}

fn users<'a>(session: &'a Session, commit: &'a Commit, writes: &mut Vec<Sent<'a>>) -> Result<()> {
    if let Some(owner) = batch::first_account(&commit.entries) {
        let owner = uuid::Uuid::from_bytes(owner.bytes());
        writes.push(send!(session, ADD_FIRST_ACCOUNT, owner));
    }
    let rows = batch::rows(&commit.state.changes.users, &commit.state.users)?;
    if !rows.is_empty() {
        writes.push(send!(
            session,
            PUT_USERS,
            ids(rows.iter().map(|u| u.id.bytes())),
            column!(rows, u => u.username.as_str()),
            column!(rows, u => u.display_name.as_str()),
            column!(rows, u => batch::folded(&u.display_name)),
            column!(rows, u => u.kind.as_str()),
            column!(rows, u => u.role.as_str()),
            column!(rows, u => u.created_at.micros()),
            column!(rows, u => u.password_hash.as_str()),
            column!(rows, u => number(u.head.0)),
            column!(rows, u => number(u.head_position.0)),
            column!(rows, u => u.chain.0.as_slice()),
        ));
    }
    let words = batch::words(&commit.entries);
    if !words.is_empty() {
        let users = ids(words.iter().map(|(_, user)| user.bytes()));
        let words: Vec<String> = words.into_iter().map(|(word, _)| word).collect();
        writes.push(send!(session, ADD_WORDS, words, users));
    }
    Ok(())
}

fn markers<'a>(session: &'a Session, commit: &'a Commit, writes: &mut Vec<Sent<'a>>) -> Result<()> {
    let rows = batch::markers(commit)?;
    if !rows.is_empty() {
        writes.push(send!(
            session,
            PUT_MARKERS,
            ids(rows.iter().map(|m| m.user.bytes())),
            ids(rows.iter().map(|m| m.room.bytes())),
            column!(rows, m => number(m.marker.seq.0)),
            column!(rows, m => number(m.marker.count)),
            column!(rows, m => number(m.position.0)),
        ));
    }
    Ok(())
}

fn devices<'a>(session: &'a Session, state: &'a State, writes: &mut Vec<Sent<'a>>) -> Result<()> {
    let removed = state.changes.devices.iter().filter(|(_, added)| !**added);
    let removed = ids(removed.map(|(id, _)| id.bytes()));
    if !removed.is_empty() {
        writes.push(send!(session, REMOVE_DEVICES, removed));
    }
    let rows = batch::added_devices(state)?;
    if !rows.is_empty() {
        writes.push(send!(
            session,
            ADD_DEVICES,
            ids(rows.iter().map(|d| d.id.bytes())),
            ids(rows.iter().map(|d| d.user.bytes())),
            column!(rows, d => d.name.as_str()),
            column!(rows, d => d.token_hash.as_slice()),
            column!(rows, d => d.created_at.micros()),
        ));
    }
    Ok(())
}

fn erased<'a>(session: &'a Session, state: &'a State, writes: &mut Vec<Sent<'a>>) {
    let erased = &state.changes.erased;
    if erased.is_empty() {
        return;
    }
    let rooms = || ids(erased.iter().map(|(room, _, _)| room.bytes()));
    let seqs = || column!(erased, k => number(k.1.0));
    let messages = ids(erased.iter().map(|(_, _, message)| message.bytes()));
    writes.push(send!(session, ERASE_MESSAGES, rooms(), seqs()));
    writes.push(send!(session, ERASE_EDITS, rooms(), seqs()));
    writes.push(send!(session, ERASE_REACTIONS, rooms(), messages));
}
