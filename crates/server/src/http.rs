//! The doors of HTTP: every address on this page, grouped by who uses it.
//!
//! Owns: which address leads to which file, and what stands around all of them (see [`edge`], [`admit`]).
//! Never: decides, or reads the store itself; each verb is one file beside this one.
//!
//! Read in this order: this page, [`edge`], [`admit`], [`extract`], then `send_message`.

mod about;
mod add_member;
mod add_reaction;
pub(crate) mod admit;
mod base;
mod coding;
mod command;
mod compress;
mod cors;
mod create_room;
mod delete_message;
pub mod docs;
pub(crate) mod edge;
mod edit_message;
mod extract;
mod get_room;
mod health;
mod list_devices;
mod list_events;
mod list_members;
mod list_messages;
mod list_rooms;
mod list_users;
mod me;
mod move_marker;
mod page;
mod paging;
mod remove_device;
mod remove_member;
mod remove_reaction;
mod rename_room;
mod send_message;
mod set_password;
mod set_role;
mod sign_in;
mod sign_out;
mod sign_up;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{delete, get, patch, post, put},
};
use tidings_protocol::limits::BODY_BYTES_MAX;

use crate::{node::Node, socket, stream};

pub(crate) use sign_up::SERVER_NAME;

/// The documented handlers, for [`openapi`](crate::openapi).
pub(crate) mod documented {
    pub(crate) use super::{
        about::*, add_member::*, add_reaction::*, create_room::*, delete_message::*,
        edit_message::*, get_room::*, health::*, list_devices::*, list_events::*, list_members::*,
        list_messages::*, list_rooms::*, list_users::*, me::*, move_marker::*, remove_device::*,
        remove_member::*, remove_reaction::*, rename_room::*, send_message::*, set_password::*,
        set_role::*, sign_in::*, sign_out::*, sign_up::*,
    };
}

/// Everything that a node answers over HTTP.
pub fn router(node: Arc<Node>) -> Router {
    let admitted = signed_in().route_layer(middleware::from_fn_with_state(
        Arc::clone(&node),
        admit::admit,
    ));
    let readers = readers().route_layer(middleware::from_fn_with_state(
        Arc::clone(&node),
        admit::admit_reader,
    ));
    let api = anybody()
        .merge(admitted)
        .merge(readers)
        .layer(middleware::from_fn(edge::in_time))
        .merge(streams())
        // Here, too: what is set further out would stand outside of these layers.
        .method_not_allowed_fallback(edge::method_not_allowed)
        .layer(middleware::from_fn(compress::compress))
        .layer(middleware::from_fn(edge::private));
    let documents = documents().layer(middleware::from_fn(compress::compress));
    let base = node.config.base_path.clone();
    let all = Router::new()
        .nest("/api/v1", cors::for_origins(&node, api))
        .merge(operators())
        .merge(documents)
        .fallback(page::page)
        .method_not_allowed_fallback(edge::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&node),
            edge::edge,
        ))
        .with_state(node);
    if base.is_empty() {
        return all;
    }
    // Outside of the router: it has chosen the route when its own layers see a request.
    let below = tower::util::MapRequest::new(all, move |request| base::take_off(&base, request));
    Router::new().fallback_service(below)
}

/// Those who have no token yet.
fn anybody() -> Router<Arc<Node>> {
    Router::new()
        .route("/", get(about::about))
        .route("/users", post(sign_up::sign_up))
        .route("/devices", post(sign_in::sign_in))
}

/// Those who have one: people, bots, programs.
fn signed_in() -> Router<Arc<Node>> {
    Router::new()
        // Oneself, and others.
        .route("/me", get(me::me))
        .route("/me/password", put(set_password::set_password))
        .route("/devices", get(list_devices::list_devices))
        .route("/devices/current", delete(sign_out::sign_out))
        .route("/devices/{device}", delete(remove_device::remove_device))
        .route("/users", get(list_users::list_users))
        // Rooms, and who is in them.
        .route(
            "/rooms",
            post(create_room::create_room).get(list_rooms::list_rooms),
        )
        .route(
            "/rooms/{room}",
            get(get_room::get_room).patch(rename_room::rename_room),
        )
        .route(
            "/rooms/{room}/members/{user}",
            put(add_member::add_member)
                .patch(set_role::set_role)
                .delete(remove_member::remove_member),
        )
        // What is said in them.
        .route("/rooms/{room}/messages", post(send_message::send_message))
        .route(
            "/rooms/{room}/messages/{message}",
            patch(edit_message::edit_message).delete(delete_message::delete_message),
        )
        .route(
            "/rooms/{room}/messages/{message}/reactions/{emoji}",
            put(add_reaction::add_reaction).delete(remove_reaction::remove_reaction),
        )
        .route("/rooms/{room}/marker", put(move_marker::move_marker))
}

/// The same people, where the read itself finds out whether their device is signed in.
fn readers() -> Router<Arc<Node>> {
    Router::new()
        .route("/rooms/{room}/members", get(list_members::list_members))
        .route("/rooms/{room}/messages", get(list_messages::list_messages))
        .route("/rooms/{room}/events", get(list_events::list_events))
}

/// The stream, which stays open and asks for the token itself.
fn streams() -> Router<Arc<Node>> {
    Router::new()
        .route("/socket", get(socket::upgrade))
        .route("/events", get(stream::events))
}

/// Those who run the server.
fn operators() -> Router<Arc<Node>> {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
}

/// Those who build on it.
fn documents() -> Router<Arc<Node>> {
    Router::new()
        .route("/api/openapi.json", get(docs::openapi_json))
        .route("/api/asyncapi.json", get(docs::asyncapi_json))
        .route("/docs", get(docs::to_docs))
        .route("/docs/", get(docs::index))
        .route("/docs/protocol", get(docs::protocol))
        .route("/docs/reference", get(docs::reference))
        .route("/docs/{*file}", get(docs::file))
}
