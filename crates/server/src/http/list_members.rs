//! `GET /api/v1/rooms/{room}/members`: who is in a room.
//!
//! Owns: the pages. Never: shows them to one who may not read the room.

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use serde::Deserialize;
use tidings_protocol::{RoomId, UserId, rest::Members};

use super::{
    extract::{AsReader, Ids, Query},
    paging::{self, Beside},
};
use crate::{node::Node, problem::Problem};

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListMembers {
    /// `next` of the page before.
    after: Option<UserId>,
    /// At most so many: 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// List members
#[utoipa::path(
    get,
    path = "/api/v1/rooms/{room}/members",
    tag = "rooms",
    params(("room" = RoomId, Path), ListMembers),
    responses((status = 200, description = "In the order of their ids", body = Members))
)]
pub(crate) async fn list_members(
    State(node): State<Arc<Node>>,
    asking: AsReader,
    Ids(room): Ids<RoomId>,
    Query(query): Query<ListMembers>,
    uri: OriginalUri,
) -> Result<Response, Problem> {
    let limit = paging::limit(query.limit)?;
    // One more than asked for says whether there is a next page.
    let reading = node
        .store
        .members_for(asking.reader(), room, query.after, limit + 1);
    let mut members = asking.shown(reading.await?)?;
    let next = paging::cut(&mut members, limit).map(|member| member.user.id);
    let page = Members { members, next };
    Ok(paging::answer(&node, &uri, &Beside::after(next), page))
}
