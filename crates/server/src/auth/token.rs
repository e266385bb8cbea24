//! Opaque tokens: 256 random bits, shown once, kept only as their hash.
//!
//! Owns: the text form (`tdg_` and 43 characters of base64url) and the hash that is stored.
//! Never: prints a token; whoever reads one from a log could use it.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use tidings_protocol::{Refusal, RefusalCode};

/// What every token begins with, so that scanners for leaked secrets know one.
const PREFIX: &str = "tdg_";
/// Random bytes of a token: far beyond guessing, so no salt and no slow hash is needed.
const TOKEN_BYTES: usize = 32;

/// A token as its owner holds it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; TOKEN_BYTES]);

impl Token {
    /// A fresh token of the system's randomness.
    ///
    /// # Errors
    /// `internal` when the system has no randomness.
    pub fn fresh() -> Result<Token, Refusal> {
        let mut bytes = [0u8; TOKEN_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| {
            tracing::error!(%error, "the system gives no randomness");
            Refusal::new(RefusalCode::Internal)
        })?;
        Ok(Token(bytes))
    }

    /// What is stored: SHA-256 of the random bytes.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }

    /// The text that its owner gets. The only way to see it.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl FromStr for Token {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Token, Refusal> {
        text.strip_prefix(PREFIX)
            .filter(|rest| rest.len() == 43)
            .and_then(|rest| URL_SAFE_NO_PAD.decode(rest).ok())
            .and_then(|bytes| bytes.try_into().ok())
            .map(Token)
            .ok_or_else(|| RefusalCode::Unauthenticated.into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_round_trips_and_never_prints() {
        let token = Token::fresh().unwrap();
        let text = token.reveal();
        assert_eq!(text.parse::<Token>().unwrap().hash(), token.hash());
        assert_eq!(format!("{token:?}"), "Token(***)");
        assert_ne!(token, Token::fresh().unwrap());
    }

    #[test]
    fn anything_else_is_unauthenticated() {
        let good = Token::fresh().unwrap().reveal();
        for wrong in [
            "",
            "tdg_",
            &good[4..],
            &good[..46],
            &format!("{good}A"),
            &good.to_uppercase(),
        ] {
            assert_eq!(
                wrong.parse::<Token>().unwrap_err().code,
                RefusalCode::Unauthenticated
            );
        }
    }
}
