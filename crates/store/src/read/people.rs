//! Accounts, profiles and devices.
//!
//! Owns: finding people and sign-ins. Never: puts a password's hash into a profile.

use tidings_core::{Device, User, names};
use tidings_protocol::{UserId, UserProfile, Username};

use crate::{
    decode,
    error::StoreError,
    query,
    value::{Param, Snapshot, row},
};

pub(crate) async fn user<S: Snapshot>(s: &S, id: UserId) -> Result<Option<User>, StoreError> {
    row(s, &query::USER, vec![id.bytes().into()], decode::user).await
}

pub(crate) async fn user_by_name<S: Snapshot>(
    s: &S,
    name: Username,
) -> Result<Option<User>, StoreError> {
    let params = vec![Param::Text(name.as_str().to_owned())];
    row(s, &query::USER_BY_NAME, params, decode::user).await
}

pub(crate) async fn profiles<S: Snapshot>(
    s: &S,
    ids: Vec<UserId>,
) -> Result<Vec<UserProfile>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids = ids.into_iter().map(UserId::bytes).collect();
    s.rows(&query::PROFILES, vec![Param::Ids(ids)], decode::profile)
        .await
}

/// A page of those found by a question, after one of them.
pub(crate) async fn search<S: Snapshot>(
    s: &S,
    question: String,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<UserProfile>, StoreError> {
    if question.trim().is_empty() {
        return everybody(s, after, limit).await;
    }
    let asked = names::asked(&question);
    if asked.is_empty() {
        // Dots and signs alone: no word begins so.
        return Ok(Vec::new());
    }
    let asked = rarest_first(s, asked).await?;
    let mut beginnings = asked
        .iter()
        .map(String::as_str)
        .chain(std::iter::repeat(""));
    let mut next = || between(beginnings.next().unwrap_or_default());
    let (from, upto) = next();
    let mut place = (from.clone(), [0; 16]);
    if let Some(user) = after {
        let params = vec![
            user.bytes().into(),
            Param::Text(from.clone()),
            Param::Text(upto.clone()),
        ];
        let word = row(s, &query::FIRST_WORD, params, |row| {
            row.text(0).map(str::to_owned)
        });
        match word.await? {
            Some(word) => place = (word, user.bytes()),
            // Nothing comes after one who is not found.
            None => return Ok(Vec::new()),
        }
    }
    let mut params = vec![
        Param::Text(from),
        Param::Text(upto),
        Param::Text(place.0),
        place.1.into(),
    ];
    for (from, upto) in [next(), next(), next()] {
        params.extend([Param::Text(from), Param::Text(upto)]);
    }
    params.push(limit.into());
    s.rows(&query::SEARCH_USERS, params, decode::profile).await
}

/// By their usernames, which each has one of: a page of words may hold none but further words of those told before.
async fn everybody<S: Snapshot>(
    s: &S,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<UserProfile>, StoreError> {
    let mut from = String::new();
    if let Some(last) = after {
        match user(s, last).await? {
            Some(last) => from = last.username.as_str().to_owned(),
            None => return Ok(Vec::new()),
        }
    }
    let params = vec![Param::Text(from), limit.into()];
    s.rows(&query::LIST_USERS, params, decode::profile).await
}

/// Of several beginnings the one that the fewest words have comes first: its words are looked at. No more of them are than
/// the query says, so of two beginnings that thousands share, some who have both may not be found.
async fn rarest_first<S: Snapshot>(s: &S, asked: Vec<String>) -> Result<Vec<String>, StoreError> {
    if asked.len() < 2 {
        return Ok(asked);
    }
    let mut counted = Vec::new();
    for beginning in asked {
        let (from, upto) = between(&beginning);
        let params = vec![Param::Text(from), Param::Text(upto)];
        let count = row(s, &query::WORDS_BEGINNING, params, |row| row.int(0)).await?;
        counted.push((count.unwrap_or_default(), beginning));
    }
    // Stable: of equals the longest stays first.
    counted.sort_by_key(|(count, _)| *count);
    Ok(counted
        .into_iter()
        .map(|(_, beginning)| beginning)
        .collect())
}

/// Where the words that begin so stand: everything that begins with `from` sorts below `from` and the last character there
/// is.
fn between(from: &str) -> (String, String) {
    (from.to_owned(), format!("{from}\u{10ffff}"))
}

pub(crate) async fn device_by_token<S: Snapshot>(
    s: &S,
    hash: [u8; 32],
) -> Result<Option<(Device, User)>, StoreError> {
    let params = vec![Param::Bytes(hash.to_vec())];
    row(s, &query::DEVICE_BY_TOKEN, params, decode::device_and_user).await
}

pub(crate) async fn devices<S: Snapshot>(s: &S, user: UserId) -> Result<Vec<Device>, StoreError> {
    s.rows(&query::DEVICES, vec![user.bytes().into()], decode::device)
        .await
}

pub(crate) async fn sharing_room<S: Snapshot>(
    s: &S,
    user: UserId,
    others: Vec<UserId>,
) -> Result<Vec<UserId>, StoreError> {
    if others.is_empty() {
        return Ok(Vec::new());
    }
    let others = others.into_iter().map(UserId::bytes).collect();
    let params = vec![user.bytes().into(), Param::Ids(others)];
    s.rows(&query::SHARING_ROOM, params, decode::user_id).await
}
