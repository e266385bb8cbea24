//! What a decided batch means in rows, for both databases.
//!
//! Owns: checking that a batch continues its shard, and picking the rows that its changes name.
//! Never: touches a database.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
};

use tidings_core::{Device, Entry, Needs, State, names};
use tidings_protocol::{
    DisplayName, Gone, LogId, Marker, Position, RoomId, RoomName, ServerRole, ShardId, UserId,
    Username, content::Known,
};

use crate::{Commit, error::StoreError};

/// The shard's new head.
///
/// # Errors
/// Trouble, when the batch does not continue the head without a gap: a bug of the decider, caught before it is written.
pub(crate) fn check(
    shard: ShardId,
    head: Position,
    entries: &[Entry],
) -> Result<Position, StoreError> {
    let mut last = head;
    for entry in entries {
        last = last.next();
        if entry.event.position != last || entry.event.shard != shard {
            return Err(StoreError::Trouble(format!(
                "a batch for shard {shard} after position {head} has an entry of shard {} at position {}",
                entry.event.shard, entry.event.position
            )));
        }
    }
    Ok(last)
}

/// Whether a batch is nothing but messages, and each command that may be a retry is one of them: then no row is written but
/// those of the log, of messages, and of their rooms and authors.
pub(crate) fn all_said(commit: &Commit, needs: &Needs) -> bool {
    let mut txns = needs.txns.len();
    for entry in &commit.entries {
        if !matches!(entry.content, Known::Message { .. }) {
            return false;
        }
        txns = txns.saturating_sub(usize::from(entry.event.txn.is_some()));
    }
    txns == 0 && !commit.entries.is_empty()
}

/// How a list of deleted messages is kept: numbers with commas between.
pub(crate) fn gone(gone: &Gone) -> String {
    let numbers: Vec<String> = gone.seqs().iter().map(|seq| seq.0.to_string()).collect();
    numbers.join(",")
}

/// The changed rows of one kind.
///
/// # Errors
/// Trouble, when a change names a row that the state does not hold.
pub(crate) fn rows<'a, K: Eq + Hash, T>(
    changed: &BTreeSet<K>,
    held: &'a HashMap<K, T>,
) -> Result<Vec<&'a T>, StoreError> {
    changed
        .iter()
        .map(|key| held.get(key).ok_or_else(missing))
        .collect()
}

/// The devices to add.
///
/// # Errors
/// As [`rows`].
pub(crate) fn added_devices(state: &State) -> Result<Vec<&Device>, StoreError> {
    let added = state.changes.devices.iter().filter(|(_, added)| **added);
    added
        .map(|(id, _)| state.devices.get(id).ok_or_else(missing))
        .collect()
}

fn missing() -> StoreError {
    StoreError::Trouble("a change names a row that its batch does not hold".to_owned())
}

/// A marker with the position of the event that moved it.
pub(crate) struct MarkerRow {
    pub(crate) user: UserId,
    pub(crate) room: RoomId,
    pub(crate) marker: Marker,
    pub(crate) position: Position,
}

/// The markers to write.
///
/// # Errors
/// As [`rows`].
pub(crate) fn markers(commit: &Commit) -> Result<Vec<MarkerRow>, StoreError> {
    let changed = &commit.state.changes.markers;
    let row = |&(user, room): &(UserId, RoomId)| {
        let moved = commit.entries.iter().rev().find(|entry| {
            entry.event.log == LogId::User(user)
                && matches!(&entry.content, Known::MarkerMoved { room: r, .. } if *r == room)
        });
        let position = moved.ok_or_else(missing)?.event.position;
        let marker = *commit
            .state
            .markers
            .get(&(user, room))
            .ok_or_else(missing)?;
        Ok(MarkerRow {
            user,
            room,
            marker,
            position,
        })
    };
    changed.iter().map(row).collect()
}

/// The account that this batch makes the owner of the server, as the first of all.
pub(crate) fn first_account(entries: &[Entry]) -> Option<UserId> {
    let makes_owner = |entry: &&Entry| {
        let Known::UserCreated { role, .. } = &entry.content else {
            return false;
        };
        *role == ServerRole::Owner
    };
    let entry = entries.iter().find(makes_owner);
    entry.map(|entry| entry.event.actor)
}

/// The kind of log as it stands in `log_kind`.
pub(crate) fn log_kind(log: LogId) -> &'static str {
    match log {
        LogId::Room(_) => "room",
        LogId::User(_) => "user",
    }
}

/// A display name as it is found by.
pub(crate) fn folded(name: &DisplayName) -> String {
    name.as_str().to_lowercase()
}

/// The words that somebody is found by, from the names as they stand in a row.
pub(crate) fn words_of(username: &str, display_name: &str) -> BTreeSet<String> {
    names::found_by(&Username::kept(username), &DisplayName::kept(display_name))
}

/// Which public channels have their names alone, as they are compared, of channels in the order in which they were made:
/// of several with one name from before that was so, the first has it. `[RM11]`
pub(crate) fn public_names<Id>(
    channels: impl IntoIterator<Item = (Id, String)>,
) -> Vec<(Id, String)> {
    let mut taken = BTreeSet::new();
    channels
        .into_iter()
        .map(|(id, name)| (id, names::compared(&RoomName::kept(&name))))
        .filter(|(_, name)| taken.insert(name.clone()))
        .collect()
}

/// The words that new people are found by.
pub(crate) fn words(entries: &[Entry]) -> Vec<(String, UserId)> {
    let of = |entry: &Entry| {
        if let Known::UserCreated {
            username,
            display_name,
            ..
        } = &entry.content
        {
            names::found_by(username, display_name)
        } else {
            BTreeSet::new()
        }
    };
    let with_user = |entry: &Entry| {
        let user = entry.event.actor;
        of(entry).into_iter().map(move |word| (word, user))
    };
    entries.iter().flat_map(with_user).collect()
}
