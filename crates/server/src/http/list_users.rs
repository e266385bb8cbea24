//! `GET /api/v1/users`: profiles, by id or by the words of a name.
//!
//! Owns: its two questions, of which a request asks one. Never: tells an id that does not exist from nothing.

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use http::Uri;
use tidings_protocol::{UserId, limits::USERS_PER_QUERY_MAX, rest::Users};

use super::{
    extract::bad_parameter,
    paging::{self, Beside},
};
use crate::{auth::Principal, node::Node, problem::Problem};

/// Characters of a parameter's name that a refusal quotes.
const QUOTED_LEN_MAX: usize = 60;

/// What a request asks.
#[derive(Debug, PartialEq, Eq)]
enum Question {
    Ids(Vec<UserId>),
    Words {
        text: String,
        after: Option<UserId>,
        limit: u32,
    },
}

/// Find users
///
/// `?id=` may be repeated; those that do not exist are left out. `?q=` finds who has, for each of its words, a word of the
/// username or the display name that begins so, whatever the case and the accents; `@` before it says nothing.
#[utoipa::path(
    get,
    path = "/api/v1/users",
    tag = "accounts",
    params(
        ("id" = Option<Vec<UserId>>, Query, description = "Ids, at most 100", explode = true),
        ("q" = Option<String>, Query, description = "The beginnings of words of a name"),
        ("after" = Option<UserId>, Query, description = "The `next` of the page before, with `q`"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "At most so many, with `q`: 1 to 200"),
    ),
    responses((status = 200, description = "Those found", body = Users))
)]
pub(crate) async fn list_users(
    State(node): State<Arc<Node>>,
    _: Principal,
    uri: Uri,
    original: OriginalUri,
) -> Result<Response, Problem> {
    let (mut users, limit) = match question(uri.query().unwrap_or_default())? {
        Question::Ids(ids) => (node.store.profiles(&ids).await?, u32::MAX),
        Question::Words { text, after, limit } => {
            // One more tells whether there is another page.
            let users = node.store.search_users(&text, after, limit + 1).await?;
            (users, limit)
        }
    };
    let next = paging::cut(&mut users, limit).map(|user| user.id);
    let beside = Beside::after(next);
    Ok(paging::answer(
        &node,
        &original,
        &beside,
        Users { users, next },
    ))
}

fn question(query: &str) -> Result<Question, Problem> {
    let (mut ids, mut text, mut after, mut limit) = (Vec::new(), None, None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let bad = |sentence: &str| bad_parameter(&name, sentence);
        let again = match &*name {
            "id" => {
                let id = value.parse();
                ids.push(id.map_err(|error| bad(&format!("`id`: {error}.")))?);
                false
            }
            "q" => text.replace(value.into_owned()).is_some(),
            "after" => {
                let user = value.parse::<UserId>();
                let user = user.map_err(|error| bad(&format!("`after`: {error}.")))?;
                after.replace(user).is_some()
            }
            "limit" => {
                let number = value.parse();
                let number = number.map_err(|_| bad("`limit` takes a whole number, 0 or more."))?;
                limit.replace(number).is_some()
            }
            _ => {
                let name: String = name.chars().take(QUOTED_LEN_MAX).collect();
                let sentence =
                    format!("There is no parameter `{name}` here; there are: id, q, after, limit.");
                return Err(bad_parameter(&name, &sentence));
            }
        };
        if again {
            return Err(bad(&format!("Give `{name}` once.")));
        }
    }
    match (ids.is_empty(), text) {
        (false, None) if ids.len() > USERS_PER_QUERY_MAX => {
            Err(bad_parameter("id", "Ask for at most 100 ids at once."))
        }
        (false, None) if limit.is_none() && after.is_none() => Ok(Question::Ids(ids)),
        (true, Some(text)) => Ok(Question::Words {
            text,
            after,
            limit: paging::limit(limit)?,
        }),
        _ => Err(bad_parameter(
            "q",
            "Ask by `id`, or by `q`, `after` and `limit`.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_protocol::RefusalCode;

    #[test]
    fn a_request_asks_one_thing() {
        let (a, b) = (UserId::from_bits(1), UserId::from_bits(2));
        let both = question(&format!("id={a}&id={b}")).unwrap();
        assert_eq!(both, Question::Ids(vec![a, b]));
        let words = question(&format!("q=%C3%84d+a&limit=3&after={a}")).unwrap();
        let (text, after) = ("Äd a".to_owned(), Some(a));
        assert_eq!(
            words,
            Question::Words {
                text,
                after,
                limit: 3
            }
        );
        assert!(question(&format!("id={a}&").repeat(100)).is_ok());
        for wrong in [
            "",
            "id=user_x",
            "id=",
            "limit=3",
            "q=a&q=b",
            "q=a&limit=0",
            "q=a&limit=201",
            "q=a&limit=x",
            "q=a&name=b",
            &format!("id={a}&q=b"),
            &format!("id={a}&limit=3"),
            &format!("id={a}&after={b}"),
            "q=a&after=b",
            &format!("id={a}&").repeat(101),
        ] {
            assert_eq!(
                question(wrong).unwrap_err().0.code,
                RefusalCode::BadRequest,
                "{wrong}"
            );
        }
    }
}
