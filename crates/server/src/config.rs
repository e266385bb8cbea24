//! The settings: from a file, the environment and flags, the later over the earlier.
//!
//! Owns: every setting's default, and what values make sense. Never: prints a secret; they are masked.

mod complaint;
mod secret;
mod settings;

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

pub use complaint::of_command_line;
pub use secret::Secret;
pub use settings::{DatabaseSettings, DoctorSettings, Settings, check_variables, page};

/// The settings in effect.
#[derive(Debug, Clone, Serialize)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The path that everything is served below: empty, or with a slash at its beginning and none at its end.
    pub base_path: String,
    /// The folder for SQLite and files.
    pub data: PathBuf,
    /// A PostgreSQL address; SQLite in the data folder without one.
    pub database: Option<Secret>,
    /// A Redis address for hints between nodes.
    pub redis: Option<Secret>,
    /// Threads that serve connections; as many as cores by default.
    pub cores: usize,
    /// Threads that hash passwords.
    pub password_threads: usize,
    /// Origins besides the server's own whose pages may call the API and use cookies.
    pub origins: Vec<String>,
    /// Whose word about the client's address and TLS is believed.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// What `/metrics` asks for; only for this machine without one.
    pub metrics_token: Option<Secret>,
    /// Whether new accounts may be made by anybody.
    pub sign_up: bool,
    /// Sign-ins and sign-ups a minute from one address.
    pub sign_ins_per_minute: u32,
    /// Commands a second of one user, in the long run.
    pub commands_per_second: u32,
    /// Sessions (sockets, streams, polls) that one user may have on this node.
    pub sessions_per_user: u32,
    /// Log lines as `text` or `json`.
    pub log: LogFormat,
    /// Milliseconds that a node still serves after SIGTERM, while `/readyz` says that it leaves.
    pub drain_delay_ms: u64,
    /// Milliseconds over which clients spread when the server drains.
    pub drain_jitter_ms: u64,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Config {
    /// Puts the sources together: `over` (environment and flags) over the file.
    ///
    /// # Errors
    /// When the file cannot be read, has an unknown key, or a value makes no sense.
    pub fn load(file: Option<&std::path::Path>, over: Settings) -> anyhow::Result<Config> {
        let under = match file {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read the settings in {}", path.display()))?;
                complaint::read(&text).map_err(|said| {
                    anyhow::anyhow!("the settings in {} do not fit: {said}", path.display())
                })?
            }
            None => Settings::default(),
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let config = Config {
            listen: over
                .listen
                .or(under.listen)
                .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))),
            base_path: base_path(&over.base_path.or(under.base_path).unwrap_or_default())?,
            data: over
                .data
                .or(under.data)
                .unwrap_or_else(|| PathBuf::from("data")),
            database: over.database.or(under.database),
            redis: over.redis.or(under.redis),
            cores: over.cores.or(under.cores).unwrap_or(cores),
            password_threads: over
                .password_threads
                .or(under.password_threads)
                .unwrap_or(cores.min(4)),
            origins: over.origins.or(under.origins).unwrap_or_default(),
            trusted_proxies: over
                .trusted_proxies
                .or(under.trusted_proxies)
                .unwrap_or_default(),
            metrics_token: over.metrics_token.or(under.metrics_token),
            sign_up: over.sign_up.or(under.sign_up).unwrap_or(true),
            sign_ins_per_minute: over
                .sign_ins_per_minute
                .or(under.sign_ins_per_minute)
                .unwrap_or(30),
            commands_per_second: over
                .commands_per_second
                .or(under.commands_per_second)
                .unwrap_or(50),
            sessions_per_user: over
                .sessions_per_user
                .or(under.sessions_per_user)
                .unwrap_or(500),
            log: over.log.or(under.log).unwrap_or(LogFormat::Text),
            drain_delay_ms: over
                .drain_delay_ms
                .or(under.drain_delay_ms)
                .unwrap_or(5_000),
            drain_jitter_ms: over
                .drain_jitter_ms
                .or(under.drain_jitter_ms)
                .unwrap_or(5_000),
        };
        anyhow::ensure!(
            (1..=256).contains(&config.cores),
            "cores is between 1 and 256"
        );
        anyhow::ensure!(
            (1..=64).contains(&config.password_threads),
            "password_threads is between 1 and 64"
        );
        anyhow::ensure!(
            config.commands_per_second > 0 && config.sign_ins_per_minute > 0,
            "a rate is at least 1"
        );
        anyhow::ensure!(
            config.sessions_per_user > 0,
            "sessions_per_user is at least 1: without a session nobody hears anything"
        );
        // A variable that is set to nothing is none.
        let mut origins = config.origins.iter().filter(|origin| !origin.is_empty());
        anyhow::ensure!(
            origins.all(|origin| crate::auth::origin::is_origin(origin)),
            "one of origins is none; an origin is https://HOST or https://HOST:PORT, without a path"
        );
        anyhow::ensure!(
            config
                .metrics_token
                .as_ref()
                .is_none_or(|token| !token.reveal().is_empty()),
            "metrics_token is empty; leave it out, or choose one"
        );
        Ok(config)
    }
}

/// A path of plain words: it stands in cookies, headers and the page.
fn base_path(text: &str) -> anyhow::Result<String> {
    let path = text.trim_matches('/');
    let is_word = |word: &str| {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        !word.is_empty() && word.bytes().all(is_plain) && word != "." && word != ".."
    };
    anyhow::ensure!(
        path.is_empty() || path.split('/').all(is_word),
        "base_path is `{text}`; it is a path such as /chat, of letters, digits, `-`, `_` and `.`"
    );
    Ok(if path.is_empty() {
        String::new()
    } else {
        format!("/{path}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_refused_and_secrets_masked() {
        let wrong = toml::from_str::<Settings>("listn = \"127.0.0.1:1\"");
        assert!(wrong.unwrap_err().to_string().contains("listn"));
        let right: Settings = toml::from_str("database = \"postgres://me:pass@host/db\"").unwrap();
        let config = Config::load(None, right).unwrap();
        assert!(!format!("{config:?}").contains("pass@"));
        assert!(!serde_json::to_string(&config).unwrap().contains("pass@"));
    }

    #[test]
    fn values_that_make_no_sense_are_refused() {
        for text in [
            "cores = 0",
            "password_threads = 65",
            "commands_per_second = 0",
            "metrics_token = \"\"",
            "sessions_per_user = 0",
            "origins = [\"https://chat.example.org/app\"]",
            "origins = [\"https://a.example.org\", \"chat.example.org\"]",
            "origins = [\"*\"]",
        ] {
            let settings: Settings = toml::from_str(text).unwrap();
            assert!(Config::load(None, settings).is_err(), "{text}");
        }
    }

    #[test]
    fn a_base_path_has_one_form() {
        for (text, path) in [
            ("", ""),
            ("/", ""),
            ("chat", "/chat"),
            ("/a/b-c/", "/a/b-c"),
        ] {
            assert_eq!(base_path(text).unwrap(), path);
        }
        for wrong in [
            "/a b",
            "/a//b",
            "/../a",
            "/ä",
            "/a;b",
            "/a\"b",
            "https://x/a",
        ] {
            assert!(base_path(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn flags_go_over_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tidings.toml");
        std::fs::write(&path, "cores = 3\nsign_up = false\n").unwrap();
        let over = Settings {
            cores: Some(1),
            ..Settings::default()
        };
        let config = Config::load(Some(&path), over).unwrap();
        assert_eq!((config.cores, config.sign_up), (1, false));
    }
}
