//! The processes that are measured: a server of ours, and a bare loop.
//!
//! Owns: starting them, waiting until they listen, ending them, their folders and ports.
//! Never: ends a process that it did not start.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::{
    args::ServerArgs,
    machine::{self, Cpu, Memory},
};

/// How long a server has to end by itself.
const END_WAIT: Duration = Duration::from_secs(20);

/// A process that listens; ended when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    /// Starts a program and waits for its line `listening on http://…`.
    fn start(mut command: Command) -> anyhow::Result<Process> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let out = child.stdout.take().context("a child without stdout")?;
        let mut process = Process {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        for line in BufReader::new(out).lines() {
            if let Some(url) = line?.strip_prefix("listening on ") {
                process.address = parse_url(url)?;
                return Ok(process);
            }
        }
        bail!("{name} ended before it listened")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn cpu(&self) -> anyhow::Result<Cpu> {
        machine::cpu(self.pid())
    }

    /// Asks it to end and waits until it has.
    fn end(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.pid())?;
        let pid = rustix::process::Pid::from_raw(pid).context("a child without a pid")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let began = std::time::Instant::now();
        while began.elapsed() < END_WAIT {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("the server did not end in {END_WAIT:?}")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server that is measured.
#[derive(Debug)]
pub(crate) struct Server {
    process: Option<Process>,
    address: SocketAddr,
    pid: Option<u32>,
    args: ServerArgs,
    cores: Option<usize>,
    environment: &'static [(&'static str, &'static str)],
    folder: Option<TempDir>,
}

impl Server {
    /// Starts a server, or takes the one given. `cores` stands for what the command line leaves out.
    pub(crate) fn start(args: &ServerArgs, cores: Option<usize>) -> anyhow::Result<Server> {
        Server::start_in(args, cores, &[])
    }

    /// The same, with more in the environment of a server that is started.
    pub(crate) fn start_in(
        args: &ServerArgs,
        cores: Option<usize>,
        environment: &'static [(&'static str, &'static str)],
    ) -> anyhow::Result<Server> {
        let mut server = Server {
            process: None,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            pid: args.pid,
            args: args.clone(),
            cores: args.cores.or(cores),
            environment,
            folder: None,
        };
        match &args.url {
            Some(url) => server.address = parse_url(url)?,
            None => {
                server.folder = Some(match &args.data {
                    Some(folder) => tempfile::tempdir_in(folder)?,
                    None => tempfile::tempdir()?,
                });
                server.spawn()?;
            }
        }
        Ok(server)
    }

    fn spawn(&mut self) -> anyhow::Result<()> {
        let folder = self.folder.as_ref().context("no folder for the server")?;
        let log = folder.path().join("server.log");
        let mut command = Command::new(self.program()?);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.path())
            // Limits that protect a real server would be measured instead of it.
            .args(["--commands-per-second", "4000000000"])
            .args(["--sessions-per-user", "4000000000"])
            .args(["--sign-ins-per-minute", "4000000000"])
            .args(["--drain-delay-ms", "0", "--drain-jitter-ms", "0"])
            .stderr(File::options().create(true).append(true).open(&log)?);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TIDINGS_") {
                command.env_remove(name);
            }
        }
        command.envs(self.environment.iter().copied());
        if let Some(url) = &self.args.database {
            command.args(["--database", url]);
        }
        if let Some(url) = &self.args.redis {
            command.args(["--redis", url]);
        }
        if let Some(cores) = self.cores {
            command.args(["--cores", &cores.to_string()]);
        }
        let process = Process::start(command).map_err(|error| {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            let last: Vec<&str> = said.lines().rev().take(5).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            error.context(last.join("\n"))
        })?;
        self.address = process.address();
        self.pid = Some(process.pid());
        self.process = Some(process);
        Ok(())
    }

    fn program(&self) -> anyhow::Result<PathBuf> {
        match &self.args.program {
            Some(program) => Ok(program.clone()),
            None => Ok(std::env::current_exe()?),
        }
    }

    /// Ends the server and starts it again on the same data. None when it is not ours to end.
    pub(crate) fn restart(&mut self) -> anyhow::Result<Option<Duration>> {
        let Some(process) = self.process.take() else {
            return Ok(None);
        };
        process.end()?;
        let began = std::time::Instant::now();
        self.spawn()?;
        Ok(Some(began.elapsed()))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its data is, when it is ours and on disk here.
    pub(crate) fn database(&self) -> Option<&str> {
        self.args.database.as_deref()
    }

    /// CPU so far; none when the process is not known.
    pub(crate) fn cpu(&self) -> anyhow::Result<Option<Cpu>> {
        self.pid.map(machine::cpu).transpose()
    }

    /// Memory now; none when the process is not known.
    pub(crate) fn memory(&self) -> anyhow::Result<Option<Memory>> {
        self.pid.map(machine::memory).transpose()
    }
}

/// Starts the bare loop of the kind that `mode` says.
pub(crate) fn bare(mode: &[&str]) -> anyhow::Result<Process> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["bench", "bare", "--listen", "127.0.0.1:0"])
        .args(mode);
    Process::start(command)
}

/// The address in `http://ADDRESS:PORT`.
fn parse_url(url: &str) -> anyhow::Result<SocketAddr> {
    let rest = url
        .trim()
        .strip_prefix("http://")
        .context("an address here begins with http://")?;
    let mut found = rest
        .trim_end_matches('/')
        .to_socket_addrs()
        .with_context(|| format!("cannot find {rest}"))?;
    found
        .next()
        .with_context(|| format!("no address for {rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_urls() {
        let address = SocketAddr::from(([127, 0, 0, 1], 8080));
        assert_eq!(parse_url("http://127.0.0.1:8080").unwrap(), address);
        assert_eq!(parse_url("http://127.0.0.1:8080/\n").unwrap(), address);
        assert!(parse_url("https://127.0.0.1:8080").is_err());
        assert!(parse_url("http://127.0.0.1").is_err());
    }
}
