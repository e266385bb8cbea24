//! Why something did not work, for callers to match on.
//!
//! Owns: the kinds of failure. Never: holds a token or a password.

use std::{convert::Infallible, io};

use tidings_protocol::{CloseCode, NameError, Refusal, RefusalCode};

use crate::server::refused_certificate;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server said no; the refusal says what to do.
    #[error("{refusal}")]
    Refused {
        /// The no, with its stable code.
        refusal: Box<Refusal>,
        /// Finds the request in the server's log; known over REST alone.
        request_id: Option<String>,
    },
    /// The server could not be reached, or went away before it answered.
    #[error("the server cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The answer is none of this protocol: another program, or a proxy, answers at this address.
    #[error("the answer cannot be read: {0}")]
    Answer(String),
    /// The server's certificate is refused: another may answer in its place, or its authority is not known here.
    #[error(
        "the server's certificate is refused: {0}; \
         when it is of an authority of your own, name that with `Server::trusting`"
    )]
    Certificate(String),
    /// The authorities to trust cannot be used.
    #[error("the authorities to trust cannot be used: {0}")]
    Trust(String),
    /// The address of the server cannot be used.
    #[error("{0}")]
    Address(&'static str),
    /// A command could not be stored, so it was not sent.
    #[error("the outbox cannot be stored")]
    Outbox(#[source] io::Error),
    /// The server does not want this client back as it is; the close code says why. Commands stay in the outbox.
    #[error("{}", why_stopped(*code))]
    Stopped {
        /// The close code; none when the connection was closed from here.
        code: Option<u16>,
    },
}

impl Error {
    /// The server's no, when that is what it is.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        if let Error::Refused { refusal, .. } = self {
            Some(refusal)
        } else {
            None
        }
    }

    /// The code of the server's no.
    #[must_use]
    pub fn code(&self) -> Option<RefusalCode> {
        self.refusal().map(|refusal| refusal.code)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::Refused {
            refusal: Box::new(refusal),
            request_id: None,
        }
    }
}

impl From<NameError> for Error {
    fn from(error: NameError) -> Error {
        Error::from(Refusal::from(error))
    }
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Error {
        match refused_certificate(&error) {
            Some(why) => Error::Certificate(why),
            None => Error::Unreachable(error),
        }
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Error {
        match never {}
    }
}

/// What a close code says to a person.
fn why_stopped(code: Option<u16>) -> String {
    let Some(code) = code else {
        return "the connection was closed from here".to_owned();
    };
    if code == CloseCode::Unauthenticated.code() {
        "the server does not know this token: sign in again for another".to_owned()
    } else if code == CloseCode::DeviceRemoved.code() {
        "this device was signed out: sign in again".to_owned()
    } else if code == CloseCode::BadFrame.code() {
        "what answers at this address is no server of this protocol, or of another version"
            .to_owned()
    } else {
        format!("the connection ended for good (close code {code})")
    }
}
