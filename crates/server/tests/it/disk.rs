//! The disk: who may read what is on it, and what is said when it is full.

use std::{os::unix::fs::PermissionsExt, path::Path, process::Stdio};

use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::world::{
    World, in_time,
    program::run,
    rest::{Answer, request},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tidings");

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Every file of the folder is for its owner alone.
fn are_private(data: &Path) {
    let mut count = 0;
    for file in std::fs::read_dir(data).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        count += 1;
    }
    assert!(count >= 2, "{count}");
}

/// Runs the program under a shell that sets something first; returns it with the address that it serves.
async fn serve_under(setting: &str, data: &Path, log: &Path) -> (tokio::process::Child, World) {
    let log = std::fs::File::options().create(true).append(true).open(log);
    let script = format!(
        "{setting}; exec \"$0\" serve --listen=127.0.0.1:0 --cores=1 --commands-per-second=100000 --data \"$1\""
    );
    let mut child = Command::new("sh")
        .args(["-c", &script, PROGRAM])
        .arg(data)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log.unwrap())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = in_time("the program's address", output.next_line()).await;
    let line = line.unwrap().expect("it serves");
    let address = line.strip_prefix("listening on http://").unwrap();
    (child, World::within(address.parse().unwrap()))
}

#[tokio::test]
async fn files_are_for_their_owner_alone_whatever_the_folder_and_the_mask() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, PermissionsExt::from_mode(0o755)).unwrap();
    let place = data.to_str().unwrap();
    {
        let (mut child, world) = serve_under("umask 022", &data, &log).await;
        world.with_room("tea", ["ada"]).await;
        are_private(&data);
        let copy = folder.path().join("copy.db");
        run(&["backup", copy.to_str().unwrap(), "--data", place])
            .await
            .well();
        assert_eq!(mode(&copy), 0o600);
        child.kill().await.unwrap();
    }
    let logged = || std::fs::read_to_string(&log).unwrap();
    assert!(logged().contains("is open to others"), "{}", logged());
    assert!(
        !logged().contains("could be read by others"),
        "{}",
        logged()
    );
    let doctor = run(&["doctor", "--listen=127.0.0.1:0", "--data", place]).await;
    assert!(
        doctor
            .well()
            .contains("note   access: others on this machine may look into"),
        "{doctor:?}"
    );
    // Files of before are closed, with a word.
    for file in std::fs::read_dir(&data).unwrap() {
        std::fs::set_permissions(file.unwrap().path(), PermissionsExt::from_mode(0o644)).unwrap();
    }
    let doctor = run(&["doctor", "--listen=127.0.0.1:0", "--data", place]).await;
    assert!(doctor.well().contains("hashes of passwords"), "{doctor:?}");
    let (mut child, _) = serve_under("umask 022", &data, &log).await;
    are_private(&data);
    assert!(
        logged().contains("tidings.db could be read by others"),
        "{}",
        logged()
    );
    child.kill().await.unwrap();
    std::fs::set_permissions(&data, PermissionsExt::from_mode(0o700)).unwrap();
    let doctor = run(&["doctor", "--listen=127.0.0.1:0", "--data", place]).await;
    assert!(doctor.well().contains("ok     access: "), "{doctor:?}");
}

async fn readyz(world: &World) -> Answer {
    use tokio::io::AsyncWriteExt;
    let mut stream = world.tcp().await;
    let asked = request(world.address(), "GET", "/readyz", &[], None);
    stream.write_all(&asked).await.unwrap();
    Answer::read(&mut stream).await
}

#[tokio::test]
async fn a_disk_that_takes_no_more_is_told_by_readyz_and_the_doctor() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    // A file that may grow no further is as a full disk.
    let (mut child, world) = serve_under("trap '' XFSZ; ulimit -S -f 4000", &data, &log).await;
    let (room, [ada]) = world.with_room("tea", ["ada"]).await;
    assert_eq!(readyz(&world).await.status, 200);
    let path = format!("/rooms/{room}/messages");
    let mut refused = None;
    for n in 0..2_000 {
        let body = json!({ "txn": format!("t{n}"), "text": "x".repeat(16_000) });
        let answer = world.call("POST", &path, Some(&ada), Some(&body)).await;
        if answer.status != 201 {
            refused = Some((answer, body));
            break;
        }
    }
    let (answer, body) = refused.expect("the file is full in the end");
    assert_eq!(answer.status, 503, "{}", answer.text());
    // What is asked for may be smaller than what was refused, and still fit.
    let mut not_ready = readyz(&world).await;
    for n in 0..1_000 {
        if not_ready.status == 503 {
            break;
        }
        let small = json!({ "txn": format!("small{n}"), "text": "x" });
        let answer = world.call("POST", &path, Some(&ada), Some(&small)).await;
        assert!([201, 503].contains(&answer.status), "{}", answer.text());
        not_ready = readyz(&world).await;
    }
    assert_eq!(not_ready.status, 503);
    assert!(
        not_ready.text().contains("disk may be full"),
        "{}",
        not_ready.text()
    );
    let listen = format!("--listen={}", world.address());
    let doctor = run(&["doctor", &listen, "--data", data.to_str().unwrap()]).await;
    doctor.fails(1);
    assert!(
        doctor.out.contains("WRONG  server: not ready: "),
        "{doctor:?}"
    );
    // There is room again: it is ready by itself, and the same message is taken.
    let pid = child.id().unwrap().to_string();
    let freed = Command::new("prlimit")
        .args(["--fsize=unlimited:", "--pid", &pid])
        .status();
    assert!(freed.await.unwrap().success());
    assert_eq!(readyz(&world).await.status, 200);
    world
        .call("POST", &path, Some(&ada), Some(&body))
        .await
        .expect(201);
    child.kill().await.unwrap();
}

#[tokio::test]
async fn the_doctor_says_when_nothing_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    run(&["migrate", "--data", place]).await.well();
    let doctor = run(&["doctor", "--listen=127.0.0.1:0", "--data", place]).await;
    assert!(
        doctor.well().contains("disk: ") && doctor.out.contains("MiB are left"),
        "{doctor:?}"
    );
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" doctor --listen=127.0.0.1:0 --data \"$1\"";
    let full = Command::new("sh")
        .args(["-c", script, PROGRAM, place])
        .output();
    let full = full.await.unwrap();
    let out = String::from_utf8(full.stdout).unwrap();
    assert_eq!(full.status.code(), Some(1), "{out}");
    assert!(out.contains("WRONG  disk: nothing can be written"), "{out}");
}

#[tokio::test]
async fn a_deep_look_names_what_is_damaged() {
    let mut world = World::new().await;
    let (room, [ada]) = world.with_room("tea", ["ada"]).await;
    let said = world.say(&ada, &room, "hello there").await;
    let whole = world
        .tidings(&["doctor", "--listen=127.0.0.1:0", "--deep"])
        .await;
    assert!(
        whole.well().contains("are as they were committed"),
        "{whole:?}"
    );
    world.stop().await;
    let path = world.data().join("tidings.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let place = bytes.windows(11).position(|w| w == b"hello there").unwrap();
    bytes[place] = b'H';
    std::fs::write(&path, bytes).unwrap();
    // Without looking deep it is not noticed: every page is sound.
    world
        .tidings(&["doctor", "--listen=127.0.0.1:0"])
        .await
        .well();
    let deep = world
        .tidings(&["doctor", "--listen=127.0.0.1:0", "--deep"])
        .await;
    assert_eq!(deep.fails(1), "tidings: 1 of these must be mended\n");
    let named = format!(
        "WRONG  damage: {room}, seq {}: it is not what was committed",
        said["seq"]
    );
    assert!(deep.out.contains(&named), "{deep:?}");
}
