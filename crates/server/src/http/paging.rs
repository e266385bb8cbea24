//! Lists in pages, all in one style. `[RE13]`
//!
//! Owns: the size of a page, and the addresses of the pages beside it (`Link`, RFC 8288).
//! Never: reads a page.

use axum::{
    Json,
    extract::OriginalUri,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use serde::Serialize;
use tidings_protocol::limits::{PAGE_DEFAULT, PAGE_MAX};

use super::extract::bad_parameter;
use crate::{node::Node, problem::Problem};

/// Rows of a page, between 1 and the most there are.
///
/// # Errors
/// `bad_request` outside of that.
pub(super) fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    match asked {
        None => Ok(PAGE_DEFAULT),
        Some(limit) if (1..=PAGE_MAX).contains(&limit) => Ok(limit),
        Some(_) => Err(bad_parameter(
            "limit",
            &format!("`limit` is between 1 and {PAGE_MAX}."),
        )),
    }
}

/// Keeps as many rows as were asked for, of one more. Returns the last when there is another page.
pub(super) fn cut<T>(rows: &mut Vec<T>, limit: u32) -> Option<&T> {
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    rows.last().filter(|_| more)
}

/// What the page before (`before`) and after (`after`) this one is asked by.
#[derive(Debug, Default)]
pub(super) struct Beside {
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

impl Beside {
    /// A list that goes one way.
    pub(super) fn after(next: Option<impl ToString>) -> Beside {
        Beside {
            before: None,
            after: next.map(|next| next.to_string()),
        }
    }
}

/// The page, and where its neighbours are.
pub(super) fn answer(
    node: &Node,
    OriginalUri(uri): &OriginalUri,
    beside: &Beside,
    page: impl Serialize,
) -> Response {
    let path = format!("{}{}", node.config.base_path, uri.path());
    let query = uri.query().unwrap_or_default();
    let links = [
        ("prev", "before", &beside.before),
        ("next", "after", &beside.after),
    ];
    let links: Vec<String> = links
        .into_iter()
        .filter_map(|(relation, parameter, value)| {
            let query = with(query, parameter, value.as_deref()?);
            Some(format!("<{path}?{query}>; rel=\"{relation}\""))
        })
        .collect();
    let mut response = Json(page).into_response();
    if !links.is_empty()
        && let Ok(links) = HeaderValue::from_str(&links.join(", "))
    {
        response.headers_mut().insert(header::LINK, links);
    }
    response
}

/// The query of another page of the same list.
fn with(query: &str, parameter: &str, value: &str) -> String {
    let mut out = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if !matches!(&*name, "before" | "after" | "around") {
            out.append_pair(&name, &value);
        }
    }
    out.append_pair(parameter, value).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_a_size_within_limits() {
        assert_eq!(limit(None).unwrap(), PAGE_DEFAULT);
        assert_eq!(limit(Some(1)).unwrap(), 1);
        assert_eq!(limit(Some(PAGE_MAX)).unwrap(), PAGE_MAX);
        assert!(limit(Some(0)).is_err() && limit(Some(PAGE_MAX + 1)).is_err());
    }

    #[test]
    fn another_page_is_asked_by_the_same_query() {
        assert_eq!(with("", "after", "3"), "after=3");
        assert_eq!(
            with("q=%C3%A4+x&after=a&limit=2", "after", "b c"),
            "q=%C3%A4+x&limit=2&after=b+c"
        );
        assert_eq!(with("around=4&limit=2", "before", "1"), "limit=2&before=1");
    }
}
