//! Settings as they are written: the keys of the file, the flags, the variables.
//!
//! Owns: every setting's name and meaning, and `docs/settings.md`, which is made from them.
//! Never: fills in a default; that is [`Config`](super::Config). The help names it, and a test holds them together.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Deserializer};

use super::{LogFormat, Secret, complaint::OWN};

/// One source of settings; what it leaves out comes from an earlier one.
#[derive(Debug, Clone, Default, Deserialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to listen, ADDRESS:PORT [default: 127.0.0.1:8080]
    #[arg(long, env = "TIDINGS_LISTEN", value_parser = listen)]
    #[serde(default, deserialize_with = "listen_in_file")]
    pub listen: Option<SocketAddr>,
    /// The path that everything is served below (/chat), where a host serves other things too
    #[arg(long, env = "TIDINGS_BASE_PATH")]
    pub base_path: Option<String>,
    /// The folder for the database and files [default: data]
    #[arg(long, env = "TIDINGS_DATA")]
    pub data: Option<PathBuf>,
    /// A PostgreSQL address (postgres://…); SQLite in the data folder without one
    #[arg(long, env = "TIDINGS_DATABASE", hide_env_values = true)]
    pub database: Option<Secret>,
    /// A Redis address (redis://…) for hints between nodes
    #[arg(long, env = "TIDINGS_REDIS", hide_env_values = true)]
    pub redis: Option<Secret>,
    /// Threads that serve connections [default: one for each core]
    #[arg(long, env = "TIDINGS_CORES")]
    pub cores: Option<usize>,
    /// Threads that hash passwords [default: one for each core, at most 4]
    #[arg(long, env = "TIDINGS_PASSWORD_THREADS")]
    pub password_threads: Option<usize>,
    /// Another origin whose pages may call the API, with the cookie too (https://chat.example.org); repeatable
    #[arg(long = "origin", env = "TIDINGS_ORIGINS", value_delimiter = ',')]
    pub origins: Option<Vec<String>>,
    /// A proxy, or a network of them, whose X-Forwarded-For and -Proto are believed (127.0.0.1, 10.0.0.0/8); repeatable
    #[arg(long = "trusted-proxy", env = "TIDINGS_TRUSTED_PROXIES", value_delimiter = ',', value_parser = network)]
    #[serde(default, deserialize_with = "networks_in_file")]
    pub trusted_proxies: Option<Vec<ipnet::IpNet>>,
    /// The Bearer token that /metrics asks for; without one it answers only programs on the same machine
    #[arg(long, env = "TIDINGS_METRICS_TOKEN", hide_env_values = true)]
    pub metrics_token: Option<Secret>,
    /// Whether anybody may make an account (true or false) [default: true]
    #[arg(long, env = "TIDINGS_SIGN_UP")]
    pub sign_up: Option<bool>,
    /// Sign-ins and sign-ups a minute from one address [default: 30]
    #[arg(long, env = "TIDINGS_SIGN_INS_PER_MINUTE")]
    pub sign_ins_per_minute: Option<u32>,
    /// Commands a second of one user, in the long run [default: 50]
    #[arg(long, env = "TIDINGS_COMMANDS_PER_SECOND")]
    pub commands_per_second: Option<u32>,
    /// Sessions (sockets, streams, polls) that one user may have on this node [default: 500]
    #[arg(long, env = "TIDINGS_SESSIONS_PER_USER")]
    pub sessions_per_user: Option<u32>,
    /// Log lines for people or machines [default: text]
    #[arg(long, env = "TIDINGS_LOG", value_enum)]
    pub log: Option<LogFormat>,
    /// Milliseconds that a node still serves after SIGTERM, while /readyz says 503 so that none are sent to it; Ctrl-C
    /// waits for nothing [default: 5000]
    #[arg(long, env = "TIDINGS_DRAIN_DELAY_MS")]
    pub drain_delay_ms: Option<u64>,
    /// Milliseconds over which clients spread when the server drains [default: 5000]
    #[arg(long, env = "TIDINGS_DRAIN_JITTER_MS")]
    pub drain_jitter_ms: Option<u64>,
}

/// The settings of commands that only need the database.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DatabaseSettings {
    /// The folder for the database and files [default: data]
    #[arg(long, env = "TIDINGS_DATA")]
    data: Option<PathBuf>,
    /// A PostgreSQL address (postgres://…); SQLite in the data folder without one
    #[arg(long, env = "TIDINGS_DATABASE", hide_env_values = true)]
    database: Option<Secret>,
}

impl From<DatabaseSettings> for Settings {
    fn from(settings: DatabaseSettings) -> Settings {
        Settings {
            data: settings.data,
            database: settings.database,
            ..Settings::default()
        }
    }
}

/// The settings of what the doctor looks at.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DoctorSettings {
    #[command(flatten)]
    database: DatabaseSettings,
    /// Where to listen, ADDRESS:PORT [default: 127.0.0.1:8080]
    #[arg(long, env = "TIDINGS_LISTEN", value_parser = listen)]
    listen: Option<SocketAddr>,
    /// A Redis address (redis://…) for hints between nodes
    #[arg(long, env = "TIDINGS_REDIS", hide_env_values = true)]
    redis: Option<Secret>,
    /// Look at every event and every row, too: the database's own checks, and the hash chain of each log
    #[arg(long)]
    pub deep: bool,
}

impl From<DoctorSettings> for Settings {
    fn from(settings: DoctorSettings) -> Settings {
        Settings {
            listen: settings.listen,
            redis: settings.redis,
            ..settings.database.into()
        }
    }
}

/// An address and a port. A name would have to be looked up, and may be several addresses.
fn listen(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    match (host, port.parse::<u16>()) {
        ("localhost", Ok(port)) => Ok(SocketAddr::from(([127, 0, 0, 1], port))),
        (_, Ok(port)) => Err(format!(
            "{OWN}that is no IP address; listen on 127.0.0.1:{port} for this machine alone, 0.0.0.0:{port} or \
             [::]:{port} for all networks, or on the address of one"
        )),
        (_, Err(_))
            if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) && host != text =>
        {
            Err(format!("{OWN}that is no port; they go from 0 to 65535"))
        }
        (_, Err(_)) => Err(format!(
            "{OWN}a port is missing; it is ADDRESS:PORT, such as 127.0.0.1:8080"
        )),
    }
}

fn listen_in_file<'de, D: Deserializer<'de>>(d: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(d)?;
    listen(&text).map(Some).map_err(serde::de::Error::custom)
}

/// One address, or a network of them.
fn network(text: &str) -> Result<ipnet::IpNet, String> {
    let alone = text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from);
    alone
        .or_else(|_| text.parse())
        .map_err(|_| format!("{OWN}one is neither an address nor a network such as 10.0.0.0/8"))
}

fn networks_in_file<'de, D: Deserializer<'de>>(
    d: D,
) -> Result<Option<Vec<ipnet::IpNet>>, D::Error> {
    let texts = Vec::<String>::deserialize(d)?;
    let networks: Result<_, _> = texts.iter().map(|text| network(text)).collect();
    networks.map(Some).map_err(serde::de::Error::custom)
}

/// Variables beside the settings: the program's own, and those that stand around it for others.
const VARIABLES: [&str; 8] = [
    "TIDINGS_CONFIG",
    "TIDINGS_LOG_FILTER",
    // Tests, generators and examples of this repository.
    "TIDINGS_BIN",
    "TIDINGS_WRITE_VECTORS",
    "TIDINGS_E2E_SHOTS",
    "TIDINGS_URL",
    "TIDINGS_TOKEN",
    "TIDINGS_STATE",
];
/// Beginnings of such: the tests', and what Kubernetes sets for a service called "tidings".
const VARIABLE_PREFIXES: [&str; 3] = ["TIDINGS_TEST_", "TIDINGS_SERVICE_", "TIDINGS_PORT_"];

/// Refuses `TIDINGS_…` variables that mean nothing, as unknown keys of the file are: a misspelt one would be dropped
/// silently.
///
/// # Errors
/// The names, for the operator.
pub fn check_variables(names: impl IntoIterator<Item = OsString>) -> anyhow::Result<()> {
    let settings = arguments();
    let is_known = |name: &str| {
        name == "TIDINGS_PORT"
            || VARIABLES.contains(&name)
            || VARIABLE_PREFIXES
                .iter()
                .any(|begin| name.starts_with(begin))
            || settings
                .get_arguments()
                .any(|arg| arg.get_env().is_some_and(|env| env == name))
    };
    let mut unknown: Vec<String> = names
        .into_iter()
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with("TIDINGS_") && !is_known(name))
        .collect();
    unknown.sort();
    anyhow::ensure!(
        unknown.is_empty(),
        "no such setting: {}; `tidings serve --help` names them all",
        unknown.join(", ")
    );
    Ok(())
}

fn arguments() -> clap::Command {
    <Settings as clap::Args>::augment_args(clap::Command::new("settings"))
}

/// What a key of the file is for; none when it is no key.
pub(super) fn meaning_of(key: &str) -> Option<String> {
    let arguments = arguments();
    let arg = arguments.get_arguments().find(|arg| arg.get_id() == key)?;
    Some(meaning(arg).0)
}

/// The variable of a flag or key.
pub(super) fn variable_of(key: &str) -> Option<String> {
    let arguments = arguments();
    let arg = arguments.get_arguments().find(|arg| {
        let flag = arg.get_long().unwrap_or_default().replace('-', "_");
        flag == key || arg.get_id() == key
    })?;
    Some(arg.get_env()?.to_string_lossy().into_owned())
}

/// The keys of the file.
#[cfg(test)]
pub(super) fn keys() -> Vec<String> {
    let arguments = arguments();
    let ids = arguments
        .get_arguments()
        .map(|arg| arg.get_id().to_string());
    ids.collect()
}

/// The flags.
#[cfg(test)]
pub(super) fn flags() -> Vec<String> {
    let arguments = arguments();
    let flags = arguments.get_arguments().filter_map(clap::Arg::get_long);
    flags.map(str::to_owned).collect()
}

/// The help without its default, and the default.
fn meaning(arg: &clap::Arg) -> (String, Option<String>) {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    match help.split_once(" [default: ") {
        Some((meaning, default)) => (
            meaning.to_owned(),
            Some(default.trim_end_matches(']').to_owned()),
        ),
        None => (help, None),
    }
}

/// The page `docs/settings.md`: every setting in a table.
#[must_use]
pub fn page() -> String {
    let mut out = String::from(
        "# Settings\n\n\
         Made from `crates/server/src/config/settings.rs` by `cargo xtask codegen`.\n\
         A flag goes before its variable, a variable before the key in the file that `--config` names (TOML).\n\
         Lists stand in variables with commas between, and in the file as lists.\n\
         Unknown keys and unknown `TIDINGS_…` variables are refused; `tidings settings` prints what is in effect, secrets \
         masked.\n\n\
         | key | flag | variable | default | meaning |\n|---|---|---|---|---|\n",
    );
    for arg in arguments().get_arguments() {
        let (meaning, default) = meaning(arg);
        let flag = arg.get_long().unwrap_or_default();
        let variable = arg.get_env().map(|env| env.to_string_lossy().into_owned());
        out.push_str(&format!(
            "| `{}` | `--{flag}` | `{}` | {} | {meaning} |\n",
            arg.get_id(),
            variable.unwrap_or_default(),
            default.unwrap_or_default(),
        ));
    }
    out.push_str(
        "\nBeside the settings there are `TIDINGS_CONFIG` (the file) and `TIDINGS_LOG_FILTER` (which log lines, such as \
         `info` or `warn,tidings_engine=debug`).\n\
         Variables that Kubernetes sets for a service named `tidings` (`TIDINGS_PORT…`, `TIDINGS_SERVICE_…`) and those of \
         the tests (`TIDINGS_TEST_…`, `TIDINGS_BIN` and a few more) mean nothing to the server and are let be.\n",
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_help_names_the_defaults_in_effect() {
        let config =
            serde_json::to_value(Config::load(None, Settings::default()).unwrap()).unwrap();
        for arg in arguments().get_arguments() {
            let key = arg.get_id().as_str();
            let value = match &config[key] {
                serde_json::Value::String(text) => {
                    Some(text.clone()).filter(|text| !text.is_empty())
                }
                serde_json::Value::Null => None,
                serde_json::Value::Array(list) => (!list.is_empty()).then(|| "some".to_owned()),
                other => Some(other.to_string()),
            };
            let told = meaning(arg).1;
            match key {
                // Of this machine.
                "cores" | "password_threads" => {
                    assert!(told.unwrap().starts_with("one for each core"))
                }
                _ => assert_eq!(told, value, "{key}"),
            }
        }
    }

    #[test]
    fn a_setting_means_the_same_in_every_command() {
        let all = arguments();
        let part = <DoctorSettings as clap::Args>::augment_args(clap::Command::new("part"));
        let mut names = Vec::new();
        // How deep it looks is its own.
        for arg in part.get_arguments().filter(|arg| arg.get_id() != "deep") {
            let same = all
                .get_arguments()
                .find(|a| a.get_id() == arg.get_id())
                .unwrap();
            assert_eq!(meaning(arg), meaning(same));
            assert_eq!(
                (arg.get_long(), arg.get_env()),
                (same.get_long(), same.get_env())
            );
            assert_eq!(arg.is_hide_env_values_set(), same.is_hide_env_values_set());
            names.push(arg.get_id().as_str());
        }
        assert_eq!(names, ["data", "database", "listen", "redis"]);
    }

    #[test]
    fn an_address_to_listen_on_is_an_address_or_localhost() {
        assert_eq!(
            listen("localhost:8080").unwrap(),
            listen("127.0.0.1:8080").unwrap()
        );
        assert_eq!(listen("[::1]:9").unwrap().port(), 9);
        let name = listen("chat.example.org:8080").unwrap_err();
        assert!(
            name.contains("no IP address") && name.contains("0.0.0.0:8080"),
            "{name}"
        );
        for text in ["8080", "localhost", "127.0.0.1", "127.0.0.1:http"] {
            assert!(
                listen(text).unwrap_err().contains("port is missing"),
                "{text}"
            );
        }
        for text in ["localhost:70000", "127.0.0.1:99999", "[::1]:65536"] {
            assert!(listen(text).unwrap_err().contains("is no port"), "{text}");
        }
        let file: Settings = toml::from_str("listen = \"localhost:81\"").unwrap();
        assert_eq!(file.listen, listen("127.0.0.1:81").ok());
        let wrong = toml::from_str::<Settings>("listen = \"here:81\"").unwrap_err();
        assert!(wrong.to_string().contains("no IP address"), "{wrong}");
    }

    #[test]
    fn proxies_are_addresses_and_networks() {
        let file: Settings =
            toml::from_str("trusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\", \"::1\"]").unwrap();
        let shown: Vec<String> = file
            .trusted_proxies
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(shown, ["127.0.0.1/32", "10.0.0.0/8", "::1/128"]);
        let wrong = toml::from_str::<Settings>("trusted_proxies = [\"proxy\"]").unwrap_err();
        assert!(wrong.to_string().contains("is neither"), "{wrong}");
    }

    #[test]
    fn unknown_variables_are_refused_by_name() {
        let check = |names: &[&str]| check_variables(names.iter().map(OsString::from));
        check(&[
            "PATH",
            "TIDINGS_LISTEN",
            "TIDINGS_CONFIG",
            "TIDINGS_LOG_FILTER",
            "TIDINGS_BIN",
        ])
        .unwrap();
        check(&[
            "TIDINGS_TEST_KILLS",
            "TIDINGS_PORT",
            "TIDINGS_PORT_80_TCP",
            "TIDINGS_SERVICE_HOST",
        ])
        .unwrap();
        let said = check(&["TIDINGS_LISTN", "TIDINGS_DATA", "TIDINGS_A"])
            .unwrap_err()
            .to_string();
        assert!(said.contains("TIDINGS_A, TIDINGS_LISTN;"), "{said}");
    }
}
