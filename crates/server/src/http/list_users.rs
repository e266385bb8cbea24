//! `GET /api/v1/users`: profiles, by id or by the beginning of a name.
//!
//! Owns: its two questions, of which a request asks one. Never: tells an id that does not exist from nothing.

use std::sync::Arc;

use axum::{Json, extract::State};
use http::Uri;
use tidings_protocol::{Refusal, RefusalCode, UserId, limits::USERS_PER_QUERY_MAX, rest::Users};

use super::extract::page_limit;
use crate::{auth::Principal, node::Node, problem::Problem};

/// What a request asks.
#[derive(Debug, PartialEq, Eq)]
enum Question {
    Ids(Vec<UserId>),
    Beginning(String, u32),
}

/// Find users
///
/// `?id=` may be repeated; those that do not exist are left out. `?q=` finds by the beginning of the username or the
/// display name.
#[utoipa::path(
    get,
    path = "/api/v1/users",
    tag = "accounts",
    params(
        ("id" = Option<Vec<UserId>>, Query, description = "Ids, at most 100", explode = true),
        ("q" = Option<String>, Query, description = "The beginning of a name"),
        ("limit" = Option<u32>, Query, description = "At most so many, with `q`: 1 to 200"),
    ),
    responses((status = 200, description = "Those found", body = Users))
)]
pub(crate) async fn list_users(
    State(node): State<Arc<Node>>,
    _: Principal,
    uri: Uri,
) -> Result<Json<Users>, Problem> {
    let users = match question(uri.query().unwrap_or_default())? {
        Question::Ids(ids) => node.store.profiles(&ids).await?,
        Question::Beginning(text, limit) => node.store.search_users(&text, limit).await?,
    };
    Ok(Json(Users { users }))
}

fn question(query: &str) -> Result<Question, Problem> {
    let bad = |sentence: &str| Problem(Refusal::with_message(RefusalCode::BadRequest, sentence));
    let (mut ids, mut beginning, mut limit) = (Vec::new(), None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let again = match &*name {
            "id" => {
                ids.push(
                    value
                        .parse()
                        .map_err(|error| bad(&format!("`id`: {error}.")))?,
                );
                false
            }
            "q" => beginning.replace(value.into_owned()).is_some(),
            "limit" => {
                let number = value.parse().map_err(|_| bad("`limit` is a number."))?;
                limit.replace(number).is_some()
            }
            _ => return Err(bad(&format!("There is no parameter `{name}` here."))),
        };
        if again {
            return Err(bad(&format!("Give `{name}` once.")));
        }
    }
    match (ids.is_empty(), beginning) {
        (false, None) if ids.len() > USERS_PER_QUERY_MAX => {
            Err(bad("Ask for at most 100 ids at once."))
        }
        (false, None) if limit.is_none() => Ok(Question::Ids(ids)),
        (true, Some(text)) => Ok(Question::Beginning(text, page_limit(limit)?)),
        _ => Err(bad("Ask by `id`, or by `q` and `limit`.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_asks_one_thing() {
        let (a, b) = (UserId::from_bits(1), UserId::from_bits(2));
        let both = question(&format!("id={a}&id={b}")).unwrap();
        assert_eq!(both, Question::Ids(vec![a, b]));
        let begins = question("q=%C3%84d+a&limit=3").unwrap();
        assert_eq!(begins, Question::Beginning("Äd a".to_owned(), 3));
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
