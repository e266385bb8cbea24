//! `GET /api/v1/rooms`: one's own rooms, or the public channels.
//!
//! Owns: the two lists. Never: shows a private room to one who is no member.

use std::sync::Arc;

use axum::{
    Json,
    extract::{OriginalUri, State},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tidings_protocol::{RoomId, rest::Rooms};

use super::{
    extract::{Query, bad_parameter},
    paging::{self, Beside},
};
use crate::{auth::Principal, node::Node, problem::Problem};

/// Which rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// Those that the caller is a member of.
    #[default]
    Mine,
    /// The public channels.
    Public,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListRooms {
    /// `mine` (the default) or `public`.
    scope: Option<Scope>,
    /// `next` of the page before; for public channels.
    after: Option<RoomId>,
    /// At most so many, 1 to 200; for public channels.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// List rooms
///
/// The caller's own rooms come as one answer; public channels in pages.
#[utoipa::path(
    get,
    path = "/api/v1/rooms",
    tag = "rooms",
    params(ListRooms),
    responses((status = 200, description = "In the order of their ids", body = Rooms))
)]
pub(crate) async fn list_rooms(
    State(node): State<Arc<Node>>,
    principal: Principal,
    Query(query): Query<ListRooms>,
    uri: OriginalUri,
) -> Result<Response, Problem> {
    if query.scope == Some(Scope::Public) {
        return public(&node, &principal, &query, &uri).await;
    }
    let unused = [
        ("after", query.after.is_some()),
        ("limit", query.limit.is_some()),
    ];
    if let Some((name, _)) = unused.iter().find(|(_, is_given)| *is_given) {
        let sentence = "Your own rooms come as one answer, without `after` and `limit`.";
        return Err(bad_parameter(name, sentence));
    }
    let resume = node.store.resume(principal.user, None).await?;
    let mut rooms = resume.map(|resume| resume.rooms).unwrap_or_default();
    rooms.sort_by_key(|room| room.id);
    Ok(Json(Rooms { rooms, next: None }).into_response())
}

async fn public(
    node: &Node,
    principal: &Principal,
    query: &ListRooms,
    uri: &OriginalUri,
) -> Result<Response, Problem> {
    let limit = paging::limit(query.limit)?;
    // One more than asked for says whether there is a next page.
    let mut rooms = node
        .store
        .public_rooms(principal.user, query.after, limit + 1)
        .await?;
    let next = paging::cut(&mut rooms, limit).map(|room| room.id);
    let page = Rooms { rooms, next };
    Ok(paging::answer(node, uri, &Beside::after(next), page))
}
