//! The rows that a batch is decided against.
//!
//! Owns: beginning the transaction, locking the shard's head and turning [`Needs`] into a [`State`], in one round
//! trip: the server runs the loads after the lock is had, so they see every commit before it.
//! Never: loads a row that was not asked for.

use futures_util::future::{BoxFuture, try_join_all};
use tidings_core::{Done, Needs, ReactionKey, State};
use tidings_protocol::{Position, RoomId, ShardId, Username};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{session::Session, statements::name};
use crate::{decode, error::StoreError, value::Columns};

type Result<T> = std::result::Result<T, StoreError>;

/// Ids as a column of a list of rows.
pub(super) fn ids(ids: impl IntoIterator<Item = [u8; 16]>) -> Vec<Uuid> {
    ids.into_iter().map(Uuid::from_bytes).collect()
}

/// Numbers of the protocol stay below 2^53.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The rows of one statement, once they are there.
type Rows<'a> = BoxFuture<'a, Result<Vec<Row>>>;
/// Puts the rows of one statement into the state.
type Place<'a> = Box<dyn FnOnce(Vec<Row>, &mut State) -> Result<()> + Send + 'a>;

pub(super) async fn locked(
    session: &Session,
    shard: ShardId,
    needs: &Needs,
) -> Result<(Position, State)> {
    // All of them are sent in this order before the first answer is waited for.
    let begin: Rows<'_> = Box::pin(async {
        session.begin().await?;
        Ok(Vec::new())
    });
    let lock: Rows<'_> =
        Box::pin(async move { session.query(name::LOCK_HEAD, &[&i64::from(shard.0)]).await });
    let (loads, places) = loads(session, needs);
    let sent: Vec<_> = [begin, lock].into_iter().chain(loads).collect();
    debug_assert!(sent.len() <= IN_ORDER_MAX);
    let mut answers = try_join_all(sent).await?.into_iter().skip(1);
    let head = answers.next().unwrap_or_default();
    let head = head
        .first()
        .ok_or_else(|| StoreError::Trouble(format!("there is no shard {shard}")))?;
    let head = decode::position(head)?;
    let mut state = State::default();
    for (place, rows) in places.into_iter().zip(answers) {
        place(rows, &mut state)?;
    }
    Ok((head, state))
}

/// Up to so many futures `try_join_all` polls them in order; there are 16 at most.
const IN_ORDER_MAX: usize = 30;

/// The statements for what is needed, and what to do with their rows.
fn loads<'a>(session: &'a Session, needs: &'a Needs) -> (Vec<Rows<'a>>, Vec<Place<'a>>) {
    let mut loads: Vec<Rows<'a>> = Vec::new();
    let mut places: Vec<Place<'a>> = Vec::new();
    macro_rules! load {
        ($asked:expr, $name:ident, [$($param:expr),*], $place:expr) => {
            if $asked {
                loads.push(Box::pin(async move { session.query(name::$name, &[$(&$param),*]).await }));
                places.push(Box::new($place));
            }
        };
    }
    load!(
        !needs.rooms.is_empty(),
        LOAD_ROOMS,
        [ids(needs.rooms.iter().map(|r| r.bytes()))],
        |rows, state| each(rows, |row| {
            let row = decode::room(row)?;
            state.rooms.insert(row.id, row);
            Ok(())
        })
    );
    load!(
        !needs.members.is_empty(),
        LOAD_MEMBERS,
        [
            ids(needs.members.iter().map(|k| k.0.bytes())),
            ids(needs.members.iter().map(|k| k.1.bytes()))
        ],
        |rows, state| each(rows, |row| {
            let row = decode::member(row)?;
            state.members.insert((row.room, row.user), row);
            Ok(())
        })
    );
    load!(
        !needs.messages.is_empty(),
        LOAD_MESSAGES,
        [
            ids(needs.messages.iter().map(|k| k.0.bytes())),
            ids(needs.messages.iter().map(|k| k.1.bytes()))
        ],
        |rows, state| each(rows, |row| {
            let row = decode::message(row)?;
            state.messages.insert((row.room, row.id), row);
            Ok(())
        })
    );
    load!(
        !needs.users.is_empty(),
        LOAD_USERS,
        [ids(needs.users.iter().map(|u| u.bytes()))],
        |rows, state| each(rows, |row| {
            let row = decode::user(row)?;
            state.users.insert(row.id, row);
            Ok(())
        })
    );
    load!(
        !needs.devices.is_empty(),
        LOAD_DEVICES,
        [ids(needs.devices.iter().map(|d| d.bytes()))],
        |rows, state| each(rows, |row| {
            let row = decode::device(row)?;
            state.devices.insert(row.id, row);
            Ok(())
        })
    );
    load!(
        !needs.devices_of.is_empty(),
        LOAD_DEVICES_OF,
        [ids(needs.devices_of.iter().map(|u| u.bytes()))],
        |rows, state| each(rows, |row| {
            let row = decode::device(row)?;
            state.devices.insert(row.id, row);
            Ok(())
        })
    );
    load!(
        !needs.usernames.is_empty(),
        LOAD_USERNAMES,
        [texts(needs.usernames.iter().map(Username::as_str))],
        |rows, state| each(rows, |row| {
            let name = Username::kept(row.text(1)?);
            state.usernames.insert(name, decode::user_id(row)?);
            Ok(())
        })
    );
    load!(
        !needs.public_names.is_empty(),
        LOAD_PUBLIC_NAMES,
        [texts(needs.public_names.iter().map(String::as_str))],
        |rows, state| each(rows, |row| {
            let name = row.text(1)?.to_owned();
            state.public_names.insert(name, decode::room_id(row)?);
            Ok(())
        })
    );
    load!(
        !needs.markers.is_empty(),
        LOAD_MARKERS,
        [
            ids(needs.markers.iter().map(|k| k.0.bytes())),
            ids(needs.markers.iter().map(|k| k.1.bytes()))
        ],
        |rows, state| each(rows, |row| {
            let room = RoomId::from_bytes(row.id(1)?);
            let marker = decode::marker_at(row, 2)?;
            state.markers.insert((decode::user_id(row)?, room), marker);
            Ok(())
        })
    );
    load!(
        !needs.counts.is_empty(),
        LOAD_COUNTS,
        [
            ids(needs.counts.iter().map(|k| k.0.bytes())),
            needs
                .counts
                .iter()
                .map(|k| number(k.1.0))
                .collect::<Vec<_>>()
        ],
        |rows, state| each(rows, |row| {
            let place = decode::marker_at(row, 1)?;
            state
                .counts
                .insert((decode::room_id(row)?, place.seq), place.count);
            Ok(())
        })
    );
    load!(
        !needs.reactions.is_empty(),
        LOAD_REACTIONS,
        [
            ids(needs.reactions.iter().map(|k| k.0.bytes())),
            ids(needs.reactions.iter().map(|k| k.1.bytes())),
            texts(needs.reactions.iter().map(|k| k.2.as_str())),
            ids(needs.reactions.iter().map(|k| k.3.bytes()))
        ],
        |rows, state| reactions(needs, &rows, state)
    );
    load!(
        !needs.device_counts.is_empty(),
        LOAD_DEVICE_COUNTS,
        [ids(needs.device_counts.iter().map(|u| u.bytes()))],
        |rows, state| each(rows, |row| {
            state
                .device_counts
                .insert(decode::user_id(row)?, small(row, 1)?);
            Ok(())
        })
    );
    load!(
        !needs.room_counts.is_empty(),
        LOAD_ROOM_COUNTS,
        [ids(needs.room_counts.iter().map(|u| u.bytes()))],
        |rows, state| each(rows, |row| {
            state
                .room_counts
                .insert(decode::user_id(row)?, small(row, 1)?);
            Ok(())
        })
    );
    load!(needs.any_user, LOAD_ANY_USER, [], |rows, state| each(
        rows,
        |row| {
            state.any_user = row.flag_or_none(0)? == Some(true);
            Ok(())
        }
    ));
    load!(
        !needs.txns.is_empty(),
        LOAD_TXNS,
        [
            ids(needs.txns.iter().map(|k| k.0.bytes())),
            ids(needs.txns.iter().map(|k| k.1.bytes())),
            texts(needs.txns.iter().map(|k| k.2.as_str()))
        ],
        |rows, state| each(rows, |row| {
            let (event, fingerprint) = decode::event_and_fingerprint(row)?;
            let key = (event.log, event.actor, event.txn.clone());
            if let (log, actor, Some(txn)) = key {
                state
                    .txns
                    .insert((log, actor, txn), Done { fingerprint, event });
            }
            Ok(())
        })
    );
    (loads, places)
}

fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    texts.collect()
}

fn each(rows: Vec<Row>, mut place: impl FnMut(&Row) -> Result<()>) -> Result<()> {
    rows.iter().try_for_each(&mut place)
}

fn small(row: &Row, index: usize) -> Result<u32> {
    u32::try_from(row.int(index)?).map_err(|_| StoreError::damaged("a count"))
}

fn reactions(needs: &Needs, rows: &[Row], state: &mut State) -> Result<()> {
    let asked: Vec<_> = needs.reactions.iter().collect();
    for row in rows {
        let index = usize::try_from(row.int(0)? - 1).unwrap_or(usize::MAX);
        let (room, message, emoji, user) = asked
            .get(index)
            .ok_or_else(|| StoreError::damaged("the number of a row"))?;
        let count = small(row, 1)?;
        if count > 0 {
            let key = (*room, *message, emoji.clone());
            state.reaction_counts.insert(key, count);
        }
        if row.flag_or_none(2)? == Some(true) {
            state.reactions.insert(ReactionKey {
                room: *room,
                message: *message,
                emoji: emoji.clone(),
                user: *user,
            });
        }
    }
    Ok(())
}
