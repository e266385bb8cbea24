//! `tidings doctor`: whether what the server needs is there and well, one line each.
//!
//! Owns: the checks. Never: changes anything, not even a file; before a start, beside a server and after it.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use rustix::fs::Access;
use tidings_engine::hints;
use tidings_store::{
    upkeep::{self, Found},
    verify::{self, DAMAGE_TOLD_MAX, Verified},
};

use crate::{
    backup::progress,
    config::Config,
    data_folder::{self, FREE_BYTES_MIN},
    mark,
    node::store_config,
    output,
};

/// Files a process should be able to open: one a connection, and some.
const FILES_MIN: u64 = 4_096;
/// Free bytes below which it is worth knowing.
const FREE_BYTES_NOTED: u64 = 512 * 1024 * 1024;
/// Bytes written to see whether it can be done: a few pages of the database.
const WRITTEN_BYTES: usize = 64 * 1024;
/// How long a check may take.
const CHECK_WAIT: Duration = Duration::from_secs(5);

/// What a check found.
enum Finding {
    /// As it should be.
    Well(String),
    /// Worth knowing; the server starts all the same.
    Note(String),
    /// The server will not start, or not keep its promises.
    Wrong(String),
}

use Finding::{Note, Well, Wrong};

/// Runs every check and prints what it found.
///
/// # Errors
/// When something needed is missing, after all checks were printed.
pub fn run(config: &Config, deep: bool) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let mut found = vec![
        ("address", address(config.listen)),
        ("open files", open_files()),
    ];
    if let Some(finding) = readiness(config.listen) {
        found.push(("server", finding));
    }
    if config.database.is_none() {
        found.push(("data folder", folder(&config.data)));
        if config.data.is_dir() {
            found.push(("access", access(&config.data)));
            found.push(("disk", disk(&config.data)));
        }
    }
    found.push(("database", runtime.block_on(database(config))));
    if let Err(error) = runtime.block_on(mark::compare(config)) {
        found.push(("mark", Wrong(format!("{error:#}"))));
    }
    if deep {
        found.extend(runtime.block_on(every_event(config)));
    }
    if let Some(url) = &config.redis {
        found.push(("redis", runtime.block_on(redis(url.reveal()))));
    }
    let mut wrong = 0;
    for (what, finding) in found {
        let (word, text) = match finding {
            Well(text) => ("ok   ", text),
            Note(text) => ("note ", text),
            Wrong(text) => {
                wrong += 1;
                ("WRONG", text)
            }
        };
        output::line(format_args!("{word}  {what}: {text}"))?;
    }
    anyhow::ensure!(wrong == 0, "{wrong} of these must be mended");
    Ok(())
}

fn address(listen: SocketAddr) -> Finding {
    match std::net::TcpListener::bind(listen) {
        Ok(_) => Well(format!("{listen} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            if is_tidings(listen) {
                Note(format!("a running tidings listens on {listen}"))
            } else {
                Wrong(format!("another program listens on {listen}"))
            }
        }
        Err(error) => Wrong(format!("{listen}: {error}")),
    }
}

/// Whether a Tidings answers there: its refusals have a name of their own.
fn is_tidings(listen: SocketAddr) -> bool {
    ask(listen, "/api/v1/me").is_ok_and(|answer| answer.contains("\"urn:tidings:refusal:"))
}

/// The whole answer to a request without a body.
fn ask(listen: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut to = listen;
    if listen.ip().is_unspecified() {
        to.set_ip(match listen {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    let mut stream = TcpStream::connect_timeout(&to, CHECK_WAIT)?;
    stream.set_read_timeout(Some(CHECK_WAIT))?;
    stream.set_write_timeout(Some(CHECK_WAIT))?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(8 * 1024).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// What a running server says of itself; none where none runs.
fn readiness(listen: SocketAddr) -> Option<Finding> {
    if listen.port() == 0 || std::net::TcpListener::bind(listen).is_ok() || !is_tidings(listen) {
        return None;
    }
    let answer = match ask(listen, "/readyz") {
        Ok(answer) => answer,
        Err(error) => return Some(Wrong(format!("/readyz is not answered: {error}"))),
    };
    if answer.starts_with("HTTP/1.1 200") {
        return Some(Well("ready".to_owned()));
    }
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let why = body["detail"].as_str().unwrap_or("it says no more");
    Some(Wrong(format!("not ready: {why}")))
}

/// Whether others on the machine may read what is in the folder.
fn access(data: &Path) -> Finding {
    let open = data_folder::open_to_others(data);
    if open.is_empty() {
        return Well("for its owner alone".to_owned());
    }
    let names: Vec<String> = open.iter().map(|path| path.display().to_string()).collect();
    let names = names.join(", ");
    if open == [data] {
        Note(format!(
            "others on this machine may look into {names}; `chmod 700` closes it"
        ))
    } else {
        Note(format!(
            "others on this machine may read {names}, with the hashes of passwords; the next start closes the files, \
             `chmod 700` the folder"
        ))
    }
}

/// Whether there is room, and something can be written: into a file without a name, so that nothing is changed.
fn disk(data: &Path) -> Finding {
    let wrote = tempfile::tempfile_in(data).and_then(|mut file| {
        file.write_all(&[0; WRITTEN_BYTES])?;
        file.sync_all()
    });
    let free = data_folder::free_bytes(data);
    let mib = free.map_or_else(|| "?".to_owned(), |free| (free >> 20).to_string());
    match (wrote, free) {
        (Err(error), _) => Wrong(format!(
            "nothing can be written into {}: {error}",
            data.display()
        )),
        (Ok(()), Some(free)) if free < FREE_BYTES_MIN => Wrong(format!("full: {mib} MiB are left")),
        (Ok(()), Some(free)) if free < FREE_BYTES_NOTED => Note(format!("{mib} MiB are left")),
        (Ok(()), _) => Well(format!("{mib} MiB are left")),
    }
}

/// Every event and every row: a line for each thing that is wrong.
async fn every_event(config: &Config) -> Vec<(&'static str, Finding)> {
    let verified = match verify::verify(&store_config(config), progress()).await {
        Ok(verified) => verified,
        Err(error) => return vec![("every event", Wrong(error.to_string()))],
    };
    let mut found: Vec<_> = verified
        .damage
        .iter()
        .map(|damage| ("damage", Wrong(damage.to_string())))
        .collect();
    if found.len() >= DAMAGE_TOLD_MAX {
        found.push((
            "damage",
            Wrong("and perhaps more: the look ended here".to_owned()),
        ));
    }
    if found.is_empty() {
        let Verified { events, logs, .. } = verified;
        found.push((
            "every event",
            Well(format!(
                "{events} in {logs} logs are as they were committed"
            )),
        ));
    }
    if verified.unchained > 0 {
        let text = format!(
            "{} events are from before there was a hash chain, and bound to nothing",
            verified.unchained
        );
        found.push(("every event", Note(text)));
    }
    found.extend(
        verified
            .notes
            .into_iter()
            .map(|note| ("every event", Note(note))),
    );
    found
}

fn open_files() -> Finding {
    let limits = match std::fs::read_to_string("/proc/self/limits") {
        Ok(limits) => limits,
        Err(error) => return Note(format!("how many there may be is not known here: {error}")),
    };
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
        Well(format!("{soft} at once, one for each connection"))
    } else {
        Note(format!(
            "only {soft} at once, one for each connection; raise it with `ulimit -n {FILES_MIN}` or LimitNOFILE="
        ))
    }
}

fn folder(data: &Path) -> Finding {
    let shown = data.display();
    if !data.exists() {
        return match parent_of_missing(data) {
            Some(parent) if may_write(parent) => {
                Note(format!("{shown} is made by the first start"))
            }
            _ => Wrong(format!(
                "{shown} is missing and cannot be made by this user"
            )),
        };
    }
    if !data.is_dir() {
        return Wrong(format!("{shown} is no folder"));
    }
    let file = data.join("tidings.db");
    if !may_write(data) || (file.exists() && !may_write(&file)) {
        return Wrong(format!("{shown} cannot be written by this user"));
    }
    match data_folder::is_held(data) {
        Ok(false) => Well(format!("{shown} can be written")),
        Ok(true) => Note(format!("a running tidings serves from {shown}")),
        Err(error) => Wrong(format!("{shown}: {error}")),
    }
}

fn parent_of_missing(path: &Path) -> Option<&Path> {
    path.ancestors().skip(1).find_map(|parent| {
        if parent.as_os_str().is_empty() {
            return Some(Path::new("."));
        }
        parent.exists().then_some(parent)
    })
}

fn may_write(path: &Path) -> bool {
    let mut access = Access::READ_OK | Access::WRITE_OK;
    if path.is_dir() {
        access |= Access::EXEC_OK;
    }
    rustix::fs::access(path, access).is_ok()
}

async fn database(config: &Config) -> Finding {
    let store = store_config(config);
    match tokio::time::timeout(CHECK_WAIT, upkeep::look(&store)).await {
        Ok(Ok(Found::Current { epoch, shards })) => {
            Well(format!("of this version, {shards} shard(s), epoch {epoch}"))
        }
        Ok(Ok(Found::Older { applied, known })) => Note(format!(
            "of an older version ({applied} of {known} migrations); the next start or `tidings migrate` brings it to \
             this one, so back it up first"
        )),
        Ok(Ok(Found::Nothing)) => Note("there is none yet; the first start makes it".to_owned()),
        Ok(Err(error)) => Wrong(error.to_string()),
        Err(_) => Wrong("no answer in 5 s".to_owned()),
    }
}

async fn redis(url: &str) -> Finding {
    if !hints::is_address(url) {
        return Wrong("its address does not read as one (redis://…)".to_owned());
    }
    let check = hints::check(url);
    let why = match tokio::time::timeout(CHECK_WAIT, check).await {
        Ok(Ok(())) => return Well("answers".to_owned()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in 5 s".to_owned(),
    };
    Note(format!(
        "{why}; without it nodes look into the database instead, a little later"
    ))
}
