//! `GET /api/v1/rooms/{room}/events`: the log itself.
//!
//! Owns: a piece of it, in order. Never: shows it to one who may not read the room.

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use serde::Deserialize;
use tidings_protocol::{RefusalCode, RoomId, Seq, rest::Events};

use super::{
    extract::{AsReader, Ids, Query},
    list_messages::in_range,
    paging::{self, Beside},
};
use crate::{node::Node, problem::Problem};

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListEvents {
    /// Events after this `seq`; from the first on without it.
    after: Option<Seq>,
    /// At most so many: 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Read the log
///
/// Every event after `after`, in order and without a gap. The content of what was deleted is null.
#[utoipa::path(
    get,
    path = "/api/v1/rooms/{room}/events",
    tag = "messages",
    params(("room" = RoomId, Path), ListEvents),
    responses((status = 200, description = "In the order of `seq`", body = Events))
)]
pub(crate) async fn list_events(
    State(node): State<Arc<Node>>,
    asking: AsReader,
    Ids(room): Ids<RoomId>,
    Query(query): Query<ListEvents>,
    uri: OriginalUri,
) -> Result<Response, Problem> {
    let (after, limit) = (
        in_range(query.after.unwrap_or_default())?,
        paging::limit(query.limit)?,
    );
    let reading = node.store.events_for(asking.reader(), room, after, limit);
    let (events, head) = asking.shown(reading.await?)?;
    let events: Result<Vec<_>, _> = events
        .iter()
        .map(|event| event.to_event(asking.reader().user))
        .collect();
    let events = events.map_err(|error| {
        tracing::error!(%room, %error, "a stored body does not parse");
        RefusalCode::Internal
    })?;
    let last = events.last().map(|event| event.seq);
    let next = last.filter(|last| *last < head);
    let page = Events { events, head, next };
    Ok(paging::answer(&node, &uri, &Beside::after(next), page))
}
