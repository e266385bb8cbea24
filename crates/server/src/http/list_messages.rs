//! `GET /api/v1/rooms/{room}/messages`: a page of history, in its current state.
//!
//! Owns: which page is asked for. Never: shows it to one who may not read the room.

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use serde::Deserialize;
use tidings_protocol::{
    Message, Refusal, RefusalCode, RoomId, Seq, number::NUMBER_MAX, rest::Messages,
};
use tidings_store::Page;

use super::{
    extract::{AsReader, Ids, Query},
    paging::{self, Beside},
};
use crate::{node::Node, problem::Problem};

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListMessages {
    /// The newest of those before this `seq`.
    before: Option<Seq>,
    /// The oldest of those after this `seq`.
    after: Option<Seq>,
    /// Half up to and including this `seq`, half after it.
    around: Option<Seq>,
    /// At most so many: 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

impl ListMessages {
    fn page(&self) -> Result<Page, Problem> {
        let page = match (self.before, self.after, self.around) {
            (None, None, None) => Page::Latest,
            (Some(seq), None, None) => Page::Before(in_range(seq)?),
            (None, Some(seq), None) => Page::After(in_range(seq)?),
            (None, None, Some(seq)) => Page::Around(in_range(seq)?),
            _ => return Err(bad("Give one of `before`, `after` and `around`.")),
        };
        Ok(page)
    }
}

/// A `seq` as it may stand in an address. `[ID3]`
///
/// # Errors
/// `bad_request` above the largest.
pub(super) fn in_range(seq: Seq) -> Result<Seq, Problem> {
    if seq.0 > NUMBER_MAX {
        return Err(bad("A seq is at most 2^53 - 1."));
    }
    Ok(seq)
}

fn bad(sentence: &str) -> Problem {
    Problem(Refusal::with_message(RefusalCode::BadRequest, sentence))
}

/// Read history
///
/// Without `before`, `after` or `around`: the newest.
#[utoipa::path(
    get,
    path = "/api/v1/rooms/{room}/messages",
    tag = "messages",
    params(("room" = RoomId, Path), ListMessages),
    responses((status = 200, description = "Oldest first", body = Messages))
)]
pub(crate) async fn list_messages(
    State(node): State<Arc<Node>>,
    asking: AsReader,
    Ids(room): Ids<RoomId>,
    Query(query): Query<ListMessages>,
    uri: OriginalUri,
) -> Result<Response, Problem> {
    let (page, limit) = (query.page()?, paging::limit(query.limit)?);
    let reading = node.store.messages_for(asking.reader(), room, page, limit);
    let page = asking.shown(reading.await?)?;
    let seq_of = |message: Option<&Message>| message.map(|message| message.seq.to_string());
    let beside = Beside {
        before: seq_of(page.messages.first().filter(|_| page.more_before)),
        after: seq_of(page.messages.last().filter(|_| page.more_after)),
    };
    let page = Messages {
        messages: page.messages,
        head: page.head,
        more_before: page.more_before,
        more_after: page.more_after,
    };
    Ok(paging::answer(&node, &uri, &beside, page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_one_of_four() {
        let seq = Some(Seq(3));
        let of = |before, after, around| {
            ListMessages {
                before,
                after,
                around,
                limit: None,
            }
            .page()
        };
        assert_eq!(of(None, None, None).unwrap(), Page::Latest);
        assert_eq!(of(seq, None, None).unwrap(), Page::Before(Seq(3)));
        assert_eq!(of(None, seq, None).unwrap(), Page::After(Seq(3)));
        assert_eq!(of(None, None, seq).unwrap(), Page::Around(Seq(3)));
        assert!(of(seq, seq, None).is_err() && of(None, seq, seq).is_err());
        assert!(of(Some(Seq(NUMBER_MAX + 1)), None, None).is_err());
    }
}
