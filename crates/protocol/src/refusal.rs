//! Refusals: a command's "no", with a stable code and a sentence that says what to do. `[RF1]`
//!
//! Owns: the codes, their HTTP status, their default sentences. Never: carries what the caller may not know.

use serde::{Deserialize, Serialize};

use crate::{id::RoomId, limits::REFUSAL_MESSAGE_LEN_MAX};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal, $message:literal;)*) => {
        /// The stable code of a refusal, the same over REST and the socket.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum RefusalCode { $($(#[$doc])* $name,)* }

        impl RefusalCode {
            /// Every code, for documents and tests.
            pub const ALL: &'static [RefusalCode] = &[$(RefusalCode::$name,)*];

            /// The code as it stands on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(RefusalCode::$name => $text,)* }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(RefusalCode::$name => $status,)* }
            }

            /// The sentence for a person, when the place that refuses has no better one.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self { $(RefusalCode::$name => $message,)* }
            }
        }
    };
}

codes! {
    /// The request cannot be read, or a value breaks its rule.
    BadRequest = "bad_request", 400, "The request cannot be read. Check it against the documentation.";
    /// No valid token.
    Unauthenticated = "unauthenticated", 401, "Sign in first.";
    /// Username or password is wrong; never says which.
    WrongCredentials = "wrong_credentials", 401, "Username or password is wrong.";
    /// The old password, asked for before it is changed, is wrong.
    WrongPassword = "wrong_password", 403, "The old password is wrong.";
    /// The new password is one that is guessed first.
    WeakPassword = "weak_password", 400, "This password is among the first that are tried. Choose one that nobody would guess.";
    /// The caller sees it, but may not do this.
    Forbidden = "forbidden", 403, "You may not do this here. Ask an owner or admin of the room.";
    /// The request came from a page of another site.
    ForeignOrigin = "foreign_origin", 403, "Requests with a cookie must come from this server's own page.";
    /// It does not exist, or the caller may not see it; the answer is the same.
    NotFound = "not_found", 404, "There is nothing here that you can see.";
    /// The method is not offered at this address.
    MethodNotAllowed = "method_not_allowed", 405, "This address does not offer that method.";
    /// The username belongs to somebody.
    UsernameTaken = "username_taken", 409, "That username is taken. Choose another.";
    /// Another public channel has the name; `room` says which.
    NameTaken = "name_taken", 409, "A public channel has this name. Open that one, or choose another name.";
    /// The username is kept for the server, or means something else.
    UsernameReserved = "username_reserved", 409, "That username is kept for the server. Choose another.";
    /// The `txn` was used for another command.
    TxnReused = "txn_reused", 409, "This txn was used for another command. Make a new one for each command.";
    /// A direct room has its two members, always.
    DirectRoom = "direct_room", 409, "A direct room keeps its two members and has no name.";
    /// The last owner can neither leave nor step down while others stay.
    LastOwner = "last_owner", 409, "You are the last owner. Make another member owner first.";
    /// The message was deleted.
    MessageDeleted = "message_deleted", 409, "This message was deleted.";
    /// Above a limit of size.
    TooLarge = "too_large", 413, "This is larger than the limit. See the limits in the documentation.";
    /// The body is of a kind, or in a coding, that is not taken here.
    UnsupportedMediaType = "unsupported_media_type", 415, "Send the body as JSON, with `Content-Type: application/json` and without a `Content-Encoding`.";
    /// The address of the socket was asked without a handshake of RFC 6455.
    UpgradeRequired = "upgrade_required", 426, "This address speaks WebSocket (RFC 6455, version 13). Ask it to upgrade the connection.";
    /// Above a limit of number (rooms, members, reactions, open rooms).
    LimitReached = "limit_reached", 409, "A limit is reached. See the limits in the documentation.";
    /// Too many requests; `retry_after_ms` says when to come back.
    RateLimited = "rate_limited", 429, "Too many requests. Wait, then try again.";
    /// A fault of ours; the request id finds it in the log.
    Internal = "internal", 500, "Something went wrong on our side. Try again; it is safe with the same txn.";
    /// Not now: starting, draining, or the database is away. Nothing happened, or the same `txn` will tell.
    Unavailable = "unavailable", 503, "The server cannot do this right now. Try again with the same txn.";
}

/// Where a request does not fit, and how. `[RE9]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// The field in the body or frame, as a JSON pointer (RFC 6901).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The parameter of the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// The header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// What is wrong, for a person.
    pub detail: String,
}

impl FieldError {
    /// About a field of the body or frame.
    #[must_use]
    pub fn pointer(pointer: &str, detail: &str) -> FieldError {
        FieldError {
            pointer: Some(pointer.to_owned()),
            parameter: None,
            header: None,
            detail: detail.to_owned(),
        }
    }

    /// About a parameter, in the path or in the query.
    #[must_use]
    pub fn parameter(name: &str, detail: &str) -> FieldError {
        FieldError {
            pointer: None,
            parameter: Some(name.to_owned()),
            header: None,
            detail: detail.to_owned(),
        }
    }

    /// About a header.
    #[must_use]
    pub fn header(name: &str, detail: &str) -> FieldError {
        FieldError {
            pointer: None,
            parameter: None,
            header: Some(name.to_owned()),
            detail: detail.to_owned(),
        }
    }
}

/// A "no" with its reason. On REST it is a problem details object (RFC 9457), on the socket part of `refused`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[error("{}: {message}", code.as_str())]
pub struct Refusal {
    /// The stable code.
    pub code: RefusalCode,
    /// What to do, for a person.
    pub message: String,
    /// Milliseconds to wait before trying again, when waiting helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Finds the command in the server's log, when the trouble is ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The fields, parameters or headers that do not fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The room that stands in the way, where one does: with `name_taken` the one that has the name. (Boxed, since every
    /// error carries a refusal and hardly any a room.)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<Box<RoomId>>,
}

impl Refusal {
    /// A refusal with the code's own sentence.
    #[must_use]
    pub fn new(code: RefusalCode) -> Refusal {
        Refusal {
            code,
            message: code.message().to_owned(),
            retry_after_ms: None,
            request_id: None,
            errors: Vec::new(),
            room: None,
        }
    }

    /// A refusal with a sentence that knows more; a long one is cut, since it may quote what was sent.
    #[must_use]
    pub fn with_message(code: RefusalCode, message: impl Into<String>) -> Refusal {
        let mut message = message.into();
        if let Some((end, _)) = message.char_indices().nth(REFUSAL_MESSAGE_LEN_MAX) {
            message.truncate(end);
            message.push('…');
            message.shrink_to_fit();
        }
        Refusal {
            code,
            message,
            retry_after_ms: None,
            request_id: None,
            errors: Vec::new(),
            room: None,
        }
    }

    /// The same, saying when to come back.
    #[must_use]
    pub fn retry_after_ms(mut self, millis: u64) -> Refusal {
        self.retry_after_ms = Some(millis);
        self
    }

    /// The same, saying what finds it in the log.
    #[must_use]
    pub fn request_id(mut self, id: impl Into<String>) -> Refusal {
        self.request_id = Some(id.into());
        self
    }

    /// The same, naming a place that does not fit.
    #[must_use]
    pub fn error(mut self, error: FieldError) -> Refusal {
        self.errors.push(error);
        self
    }

    /// The same, naming the field that it is about, unless places are named already. `[RE9]`
    #[must_use]
    pub fn at(mut self, pointer: &str) -> Refusal {
        if self.errors.is_empty() {
            let error = FieldError::pointer(pointer, &self.message);
            self.errors.push(error);
        }
        self
    }

    /// The same, naming the room that stands in the way.
    #[must_use]
    pub fn room(mut self, room: RoomId) -> Refusal {
        self.room = Some(Box::new(room));
        self
    }

    /// Whether it is the server's trouble and not the caller's doing: then a log line belongs to it.
    #[must_use]
    pub const fn is_trouble(&self) -> bool {
        matches!(self.code, RefusalCode::Internal | RefusalCode::Unavailable)
    }
}

impl From<RefusalCode> for Refusal {
    fn from(code: RefusalCode) -> Refusal {
        Refusal::new(code)
    }
}

impl From<crate::NameError> for Refusal {
    fn from(error: crate::NameError) -> Refusal {
        let code = match error {
            crate::NameError::TooLong(..) => RefusalCode::TooLarge,
            crate::NameError::Empty(_) | crate::NameError::Characters(..) => {
                RefusalCode::BadRequest
            }
        };
        Refusal::with_message(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sentence_is_cut_between_characters() {
        let refusal = Refusal::with_message(RefusalCode::BadRequest, "ä".repeat(100_000));
        assert_eq!(refusal.message.chars().count(), REFUSAL_MESSAGE_LEN_MAX + 1);
        assert!(refusal.message.ends_with("ä…") && refusal.message.capacity() < 2_000);
        let short = Refusal::with_message(RefusalCode::BadRequest, "ä".repeat(300));
        assert_eq!(short.message, "ä".repeat(300));
    }

    #[test]
    fn codes_stand_on_the_wire_as_named() {
        // [RF1]
        for &code in RefusalCode::ALL {
            assert_eq!(
                serde_json::to_string(&code).unwrap(),
                format!("\"{}\"", code.as_str())
            );
            assert!((400..600).contains(&code.status()));
        }
    }
}
