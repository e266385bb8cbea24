//! The OpenAPI 3.1 document of the REST API, made from the handlers and the protocol's own types.
//!
//! Owns: which handlers it has (all of them; a test compares it with the router), and what holds for every one:
//! how to sign in, and the form of every "no". [`shape`] names what makers of clients need named, [`examples`] gives
//! every body its example. Never: repeats by hand what a type says.

mod examples;
pub(crate) mod shape;
#[cfg(test)]
mod tests;

use serde_json::Value;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        Content, ContentBuilder, Ref, RefOr, ResponseBuilder,
        path::PathItem,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::{http::documented, problem, stream};

/// The document.
#[must_use]
pub fn openapi() -> Value {
    let mut document = serde_json::to_value(Document::openapi())
        .expect("the document is plain data, which always encodes");
    shape::no_null_in_parameters(&mut document);
    let asked = shape::asked(&mut document);
    let schemas = document["components"]["schemas"].as_object_mut();
    let schemas = schemas.expect("the document has schemas");
    shape::name_variants(schemas);
    shape::write_null_once(schemas, &asked);
    shape::drop_unnamed(&mut document);
    examples::give(&mut document);
    document
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tidings",
        description = "Real-time chat: rooms, messages, and a stream of what happens. Rules by id stand in \
            [the protocol](protocol), every frame, code and limit in [the reference](reference); the socket is \
            described by [asyncapi.json](../api/asyncapi.json).",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/", description = "This server")),
    paths(
        documented::about,
        documented::sign_up,
        documented::sign_in,
        documented::list_devices,
        documented::sign_out,
        documented::remove_device,
        documented::me,
        documented::set_password,
        documented::list_users,
        documented::create_room,
        documented::list_rooms,
        documented::get_room,
        documented::rename_room,
        documented::list_members,
        documented::add_member,
        documented::set_role,
        documented::remove_member,
        documented::send_message,
        documented::list_messages,
        documented::edit_message,
        documented::delete_message,
        documented::add_reaction,
        documented::remove_reaction,
        documented::move_marker,
        documented::list_events,
        stream::events,
        documented::healthz,
        documented::readyz,
        documented::metrics,
    ),
    components(schemas(problem::ProblemBody, stream::Live, documented::Scope)),
    tags(
        (name = "accounts", description = "Users and their devices"),
        (name = "rooms", description = "Rooms and who is in them"),
        (name = "messages", description = "What is said in them"),
        (name = "stream", description = "What happens, as it happens"),
        (name = "operations", description = "For those who run the server"),
    ),
    security(("bearer" = []), ("cookie" = [])),
    modifiers(&SignIn, &Refusals)
)]
struct Document;

/// The two ways to carry a token. `[RE1]`
struct SignIn;

impl Modify for SignIn {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The token of a sign-in."))
            .build();
        let cookie = ApiKeyValue::with_description(
            crate::auth::cookie::NAME,
            "Set by signing in with `X-Tidings-Cookie: 1`; then every request but GET and HEAD needs an `Origin` of \
             the server's own.",
        );
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

/// Every operation refuses in one form. `[RE3]`
struct Refusals;

impl Modify for Refusals {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let content: Content = ContentBuilder::new()
            .schema(Some(RefOr::Ref(Ref::from_schema_name("Problem"))))
            .build();
        let refusal = ResponseBuilder::new()
            .description("A refusal; `code` says which (RFC 9457)")
            .content(problem::CONTENT_TYPE, content)
            .build();
        for path in document.paths.paths.values_mut() {
            for operation in operations(path) {
                operation
                    .responses
                    .responses
                    .insert("default".to_owned(), RefOr::T(refusal.clone()));
            }
        }
    }
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut utoipa::openapi::path::Operation> {
    [
        &mut path.get,
        &mut path.post,
        &mut path.put,
        &mut path.patch,
        &mut path.delete,
    ]
    .into_iter()
    .filter_map(Option::as_mut)
}
