//! `tidings doctor`: whether what the server needs is there and well, one line each.
//!
//! Owns: the checks. Never: changes anything.

use std::{io::Write, time::Duration};

use crate::{config::Config, node::store_config};

/// Files a process should be able to open: one a connection, and some.
const FILES_MIN: u64 = 4_096;
/// How long a check may take.
const CHECK_WAIT: Duration = Duration::from_secs(5);

/// Runs every check and prints what it found.
///
/// # Errors
/// When something needed is missing, after all checks were printed.
pub fn run(config: &Config) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    let mut wrong = 0;
    let mut tell = |what: &str, found: Result<String, String>| -> anyhow::Result<()> {
        match found {
            Ok(text) => writeln!(out, "ok     {what}: {text}")?,
            Err(text) => {
                wrong += 1;
                writeln!(out, "WRONG  {what}: {text}")?;
            }
        }
        Ok(())
    };
    tell("address", address(config))?;
    tell("open files", open_files())?;
    if config.database.is_none() {
        tell("data folder", data_folder(config))?;
    }
    let runtime = tokio::runtime::Runtime::new()?;
    tell("database", runtime.block_on(database(config)))?;
    if let Some(url) = &config.redis {
        tell("redis", runtime.block_on(redis(url.reveal())))?;
    }
    anyhow::ensure!(wrong == 0, "{wrong} of these need your attention");
    Ok(())
}

fn address(config: &Config) -> Result<String, String> {
    match std::net::TcpListener::bind(config.listen) {
        Ok(_) => Ok(format!("{} is free", config.listen)),
        Err(error) => Err(format!(
            "{}: {error}; a running server of yours, or another program?",
            config.listen
        )),
    }
}

fn open_files() -> Result<String, String> {
    let limits = std::fs::read_to_string("/proc/self/limits").map_err(|e| e.to_string())?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap_or_default();
    let soft: u64 = line
        .split_whitespace()
        .nth(3)
        .and_then(|n| n.parse().ok())
        .unwrap_or(u64::MAX);
    if soft >= FILES_MIN {
        Ok(format!("{soft} at once, one for each connection"))
    } else {
        Err(format!(
            "only {soft} at once; raise it with `ulimit -n {FILES_MIN}` or LimitNOFILE="
        ))
    }
}

fn data_folder(config: &Config) -> Result<String, String> {
    let probe = config.data.join(".doctor");
    std::fs::create_dir_all(&config.data)
        .and_then(|()| std::fs::write(&probe, b"x"))
        .and_then(|()| std::fs::remove_file(&probe))
        .map(|()| format!("{} can be written", config.data.display()))
        .map_err(|error| format!("{}: {error}", config.data.display()))
}

async fn database(config: &Config) -> Result<String, String> {
    let settings = store_config(config);
    let open = tidings_store::Store::open(&settings);
    match tokio::time::timeout(CHECK_WAIT, open).await {
        Ok(Ok(store)) => Ok(format!(
            "open, {} shard(s), epoch {}",
            store.shards(),
            store.epoch()
        )),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer in 5 s".to_owned()),
    }
}

async fn redis(url: &str) -> Result<String, String> {
    let check = tidings_engine::hints::check(url);
    match tokio::time::timeout(CHECK_WAIT, check).await {
        Ok(Ok(())) => Ok("answers".to_owned()),
        Ok(Err(error)) => Err(format!(
            "{error}; without it nodes look into the database instead"
        )),
        Err(_) => {
            Err("no answer in 5 s; without it nodes look into the database instead".to_owned())
        }
    }
}
