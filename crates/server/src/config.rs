//! The settings: from a file, the environment and flags, the later over the earlier.
//!
//! Owns: every setting's name, default and meaning. Never: prints a secret; they are masked.

use std::{fmt, net::SocketAddr, path::PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret(text)
    }
}

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Secret, Self::Err> {
        Ok(Secret(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"***\"")
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str("***")
    }
}

/// The settings in effect.
#[derive(Debug, Clone, Serialize)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
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
    /// Origins besides the server's own whose pages may use cookies.
    pub origins: Vec<String>,
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

/// One source of settings; what it leaves out comes from an earlier one.
#[derive(Debug, Clone, Default, Deserialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to listen, ADDRESS:PORT
    #[arg(long, env = "TIDINGS_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// The folder for the database and files
    #[arg(long, env = "TIDINGS_DATA")]
    pub data: Option<PathBuf>,
    /// A PostgreSQL address (postgres://…); SQLite in the data folder without one
    #[arg(long, env = "TIDINGS_DATABASE", hide_env_values = true)]
    pub database: Option<Secret>,
    /// A Redis address (redis://…) for hints between nodes
    #[arg(long, env = "TIDINGS_REDIS", hide_env_values = true)]
    pub redis: Option<Secret>,
    /// Threads that serve connections
    #[arg(long, env = "TIDINGS_CORES")]
    pub cores: Option<usize>,
    /// Threads that hash passwords
    #[arg(long, env = "TIDINGS_PASSWORD_THREADS")]
    pub password_threads: Option<usize>,
    /// Another origin whose pages may use cookies (https://chat.example.org); repeatable
    #[arg(long = "origin", env = "TIDINGS_ORIGINS", value_delimiter = ',')]
    pub origins: Option<Vec<String>>,
    /// Whether anybody may make an account (true or false)
    #[arg(long, env = "TIDINGS_SIGN_UP")]
    pub sign_up: Option<bool>,
    /// Sign-ins and sign-ups a minute from one address
    #[arg(long, env = "TIDINGS_SIGN_INS_PER_MINUTE")]
    pub sign_ins_per_minute: Option<u32>,
    /// Commands a second of one user, in the long run
    #[arg(long, env = "TIDINGS_COMMANDS_PER_SECOND")]
    pub commands_per_second: Option<u32>,
    /// Sessions (sockets, streams, polls) that one user may have on this node
    #[arg(long, env = "TIDINGS_SESSIONS_PER_USER")]
    pub sessions_per_user: Option<u32>,
    /// Log lines for people or machines
    #[arg(long, env = "TIDINGS_LOG", value_enum)]
    pub log: Option<LogFormat>,
    /// Milliseconds over which clients spread when the server drains
    #[arg(long, env = "TIDINGS_DRAIN_JITTER_MS")]
    pub drain_jitter_ms: Option<u64>,
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
                toml::from_str(&text)
                    .with_context(|| format!("the settings in {} do not fit", path.display()))?
            }
            None => Settings::default(),
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let config = Config {
            listen: over
                .listen
                .or(under.listen)
                .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))),
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
        Ok(config)
    }
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
