//! Where the log and the output of commands go, and that losing them costs nothing else. `[P7]`

use std::process::Stdio;

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
};

use crate::world::{World, in_time, program::run};

fn serve(folder: &std::path::Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command
        .args(["serve", "--listen=127.0.0.1:0", "--cores=1", "--data"])
        .arg(folder.join("data"))
        .args(more)
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

fn full() -> Stdio {
    let full = std::fs::File::options().write(true).open("/dev/full");
    full.unwrap().into()
}

async fn ends_well(mut child: Child) {
    let pid = child.id().unwrap().to_string();
    // Not the signal of a service manager: nobody is sent here.
    let kill = Command::new("kill").args(["-INT", &pid]).status().await;
    assert!(kill.unwrap().success());
    let status = in_time("the program's end", child.wait()).await.unwrap();
    assert!(status.success(), "{status}");
}

async fn metric(world: &World, name: &str) -> u64 {
    let answer = world.at("GET", "/metrics").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    let line = text.lines().find(|line| line.starts_with(name));
    let line = line.unwrap_or_else(|| panic!("{name} is not in:\n{text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_server_whose_log_is_lost_serves_on_and_counts_the_lines() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = serve(folder.path(), &[])
        .stdout(Stdio::piped())
        .stderr(full())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = in_time("the address", lines.next_line()).await.unwrap();
    let line = line.expect("the program ended for its log");
    let address = line.strip_prefix("listening on http://").unwrap();
    let world = World::within(address.parse().unwrap());
    let (room, [ada]) = world.with_room("tea", ["ada"]).await;
    world.say(&ada, &room, "all is well").await;
    let before = metric(&world, "tidings_log_lines_lost_total").await;
    assert!(before > 0);
    world.say(&ada, &room, "still").await;
    assert!(metric(&world, "tidings_log_lines_lost_total").await > before);
    ends_well(child).await;
}

#[tokio::test]
async fn a_server_that_can_tell_nobody_its_address_serves() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = serve(folder.path(), &[])
        .stdout(full())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = loop {
        let line = in_time("the address", lines.next_line()).await.unwrap();
        let line = line.expect("the program ended for its output");
        if let Some((_, found)) = line.split_once("ready address=") {
            break found.split(' ').next().unwrap().to_owned();
        }
    };
    let world = World::within(address.parse().unwrap());
    world.user("ada").await;
    ends_well(child).await;
}

#[tokio::test]
async fn with_json_every_line_is_json() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = serve(folder.path(), &["--log=json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = in_time("the address", lines.next_line()).await.unwrap();
    let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
    let address = line["url"].as_str().unwrap().strip_prefix("http://");
    let world = World::within(address.unwrap().parse().unwrap());
    world.user("ada").await;
    let mut log = child.stderr.take().unwrap();
    ends_well(child).await;
    assert_eq!(lines.next_line().await.unwrap(), None);
    let mut text = String::new();
    log.read_to_string(&mut text).await.unwrap();
    assert!(text.lines().count() > 3, "{text}");
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        assert!(line["message"].is_string(), "{line}");
    }
    // A start that fails tells why in the same form.
    for wrong in [&["--cores=0"][..], &["--listen=192.0.2.1:1"]] {
        let args = [&["serve", "--log=json", "--data", "/proc/none"], wrong].concat();
        let ran = run(&args).await;
        let text = ran.fails(1);
        assert!(text.lines().count() > 0);
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
            assert!(line["message"].is_string(), "{line}");
        }
    }
}

#[tokio::test]
async fn no_command_panics_when_nobody_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let commands: &[&[&str]] = &[
        &["migrate", "--data", data],
        &["doctor", "--listen=127.0.0.1:0", "--data", data],
        &["new-epoch", "--data", data],
        &["settings"],
        &["settings", "--page"],
        &["openapi"],
        &["asyncapi"],
    ];
    for args in commands {
        let start = |out: Stdio, err: Stdio| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
            command.args(*args).env_clear().stdin(Stdio::null());
            command.stdout(out).stderr(err).kill_on_drop(true);
            command.spawn().unwrap()
        };
        // Whoever read has gone away.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut child = start(writer.into(), Stdio::piped());
        let mut said = String::new();
        let mut err = child.stderr.take().unwrap();
        in_time("its complaint", err.read_to_string(&mut said))
            .await
            .unwrap();
        let status = in_time("its end", child.wait()).await.unwrap();
        assert_eq!(status.code(), Some(0), "{args:?}: {said}");
        // The disk is full: that is said where it can be, and is no panic where it cannot.
        let mut child = start(full(), Stdio::piped());
        let mut said = String::new();
        let mut err = child.stderr.take().unwrap();
        in_time("its complaint", err.read_to_string(&mut said))
            .await
            .unwrap();
        let status = in_time("its end", child.wait()).await.unwrap();
        assert_eq!(status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains("cannot write to standard output"), "{said}");
        let mut child = start(full(), full());
        let status = in_time("its end", child.wait()).await.unwrap();
        assert_eq!(status.code(), Some(1), "{args:?}");
    }
}
