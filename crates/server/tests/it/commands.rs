//! The program's commands besides `serve`: how they end, what they print, and what they never print.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Value, json};
use tidings_testkit::postgres::TestPostgres;

use crate::world::{
    World,
    program::{run, run_with},
};

/// Every file under a folder with its bytes.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            for (inner, bytes) in tree(&path) {
                files.insert(format!("{name}/{inner}"), bytes);
            }
            files.insert(format!("{name}/"), Vec::new());
        } else {
            files.insert(name, std::fs::read(&path).unwrap());
        }
    }
    files
}

/// The line about one thing.
fn line<'a>(out: &'a str, what: &str) -> &'a str {
    let found = out
        .lines()
        .find(|line| line.contains(&format!("  {what}: ")));
    found.unwrap_or_else(|| panic!("no {what}: {out}"))
}

#[tokio::test]
async fn the_doctor_looks_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let place = data.to_str().unwrap();
    let doctor = async || run(&["doctor", "--listen=127.0.0.1:0", "--data", place]).await;
    // Before the first start.
    let found = doctor().await;
    assert!(line(found.well(), "data folder").starts_with("note   "));
    assert!(line(&found.out, "database").contains("the first start makes it"));
    assert!(line(&found.out, "address").starts_with("ok     "));
    assert!(!data.exists());
    // After it.
    run(&["migrate", "--data", place]).await.well();
    let before = tree(folder.path());
    let found = doctor().await;
    assert!(
        line(found.well(), "database").starts_with("ok     "),
        "{found:?}"
    );
    assert!(line(&found.out, "data folder").starts_with("ok     "));
    assert!(tree(folder.path()) == before);
    // What cannot be used.
    for (name, text) in [
        ("newer", "newer version"),
        ("foreign", "a database of its own"),
    ] {
        let data = folder.path().join(name);
        std::fs::create_dir(&data).unwrap();
        let file = rusqlite::Connection::open(data.join("tidings.db")).unwrap();
        if name == "newer" {
            file.execute_batch(
                "CREATE TABLE migrations (version INTEGER, name TEXT, checksum TEXT); \
                 INSERT INTO migrations VALUES (999, '0999_later.sql', 'x')",
            )
            .unwrap();
        } else {
            file.execute_batch("CREATE TABLE recipes (name TEXT)")
                .unwrap();
        }
        drop(file);
        let before = tree(&data);
        let found = run(&[
            "doctor",
            "--listen=127.0.0.1:0",
            "--data",
            data.to_str().unwrap(),
        ])
        .await;
        assert_eq!(found.fails(1), "tidings: 1 of these must be mended\n");
        assert!(line(&found.out, "database").contains(text), "{found:?}");
        assert!(line(&found.out, "database").starts_with("WRONG  "));
        assert!(tree(&data) == before);
    }
    let blocked = folder.path().join("a file");
    std::fs::write(&blocked, "x").unwrap();
    let found = run(&[
        "doctor",
        "--listen=127.0.0.1:0",
        "--data",
        blocked.to_str().unwrap(),
    ])
    .await;
    found.fails(1);
    assert!(line(&found.out, "data folder").contains("is no folder"));
}

#[tokio::test]
async fn the_doctor_knows_a_running_server_from_another_program() {
    let mut world = World::new().await;
    let listen = format!("--listen={}", world.address());
    let found = world.tidings(&["doctor", &listen]).await;
    assert!(
        line(found.well(), "address").starts_with("note   "),
        "{found:?}"
    );
    assert!(line(&found.out, "address").contains("a running tidings listens"));
    assert!(line(&found.out, "data folder").contains("a running tidings serves"));
    // After a crash the log holds what the file does not have yet; both stay as they are.
    world.kill().await;
    let left = || {
        let mut files = tree(&world.data());
        files.remove("tidings.db-shm");
        files
    };
    let before = left();
    assert!(!before["tidings.db-wal"].is_empty());
    let found = world.tidings(&["doctor", "--listen=127.0.0.1:0"]).await;
    assert!(
        line(found.well(), "database").starts_with("ok     "),
        "{found:?}"
    );
    assert!(left() == before);
    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = format!("--listen={}", other.local_addr().unwrap());
    let greeter = tokio::spawn(async move {
        loop {
            drop(other.accept().await);
        }
    });
    let found = world.tidings(&["doctor", &listen]).await;
    found.fails(1);
    assert!(
        line(&found.out, "address").contains("another program"),
        "{found:?}"
    );
    greeter.abort();
}

#[tokio::test]
async fn the_doctor_takes_a_lost_redis_for_a_note_and_prints_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let common = [
        "doctor",
        "--listen=127.0.0.1:0",
        "--data",
        data.to_str().unwrap(),
    ];
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let redis = format!("redis://me:hush1@127.0.0.1:{port}/");
    let found = run_with(&common, &[("TIDINGS_REDIS", &redis)], "").await;
    assert!(
        line(found.well(), "redis").starts_with("note   "),
        "{found:?}"
    );
    found.keeps(&["hush1"]);
    let found = run_with(&common, &[("TIDINGS_REDIS", "hush1@nowhere")], "").await;
    found.fails(1);
    assert!(
        line(&found.out, "redis").starts_with("WRONG  "),
        "{found:?}"
    );
    found.keeps(&["hush1"]);
    let postgres = format!("postgres://me:hush2@127.0.0.1:{port}/db");
    let found = run_with(&common, &[("TIDINGS_DATABASE", &postgres)], "").await;
    found.fails(1);
    assert!(
        line(&found.out, "database").starts_with("WRONG  "),
        "{found:?}"
    );
    found.keeps(&["hush2"]);
}

#[tokio::test]
async fn the_doctor_leaves_postgres_as_it_is() {
    let server = TestPostgres::shared();
    let url = server.fresh_database();
    let tables = || {
        server.sql(
            &url,
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'",
        )
    };
    let place = ["--database", &url];
    let doctor = async || run(&[&["doctor", "--listen=127.0.0.1:0"][..], &place].concat()).await;
    let found = doctor().await;
    assert!(line(found.well(), "database").contains("the first start makes it"));
    assert_eq!(tables().trim(), "0");
    run(&[&["migrate"][..], &place].concat()).await.well();
    assert!(line(doctor().await.well(), "database").contains("16 shard(s)"));
    let _ = server.sql(&url, "DELETE FROM migrations");
    let found = doctor().await;
    assert!(
        line(found.well(), "database").contains("older version (0 of "),
        "{found:?}"
    );
    assert_eq!(
        server.sql(&url, "SELECT count(*) FROM migrations").trim(),
        "0"
    );
    let refused = run(&[&["backup", "/nowhere/copy"][..], &place].concat()).await;
    assert!(refused.fails(1).contains("pg_dump"), "{refused:?}");
}

#[tokio::test]
async fn migrate_makes_a_database_and_is_done_the_second_time() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("deep/data");
    let migrate = async || run(&["migrate", "--data", data.to_str().unwrap()]).await;
    assert_eq!(migrate().await.well(), "the database is at this version\n");
    assert_eq!(migrate().await.well(), "the database is at this version\n");
    assert!(data.join("tidings.db").exists());
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(&data).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "hashes of passwords are there");
}

#[tokio::test]
async fn accounts_are_added_listed_and_signed_out() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let place = ["--data", data.to_str().unwrap()];
    let user = async |args: &[&str], input: &str| {
        run_with(&[&["user"], args, &place].concat(), &[], input).await
    };
    let added = user(&["add", "ada", "--display-name", "Ada L"], "hush-hush\n").await;
    let id = added.well().trim().to_owned();
    assert!(id.starts_with("user_"));
    added.keeps(&["hush-hush"]);
    user(&["add", "bob"], "another one\n").await.well();
    let again = user(&["add", "Ada"], "hush-hush\n").await;
    assert!(again.fails(1).contains("taken"), "{again:?}");
    let short = user(&["add", "carl"], "no\n").await;
    assert!(short.fails(1).contains("password"), "{short:?}");
    let odd = user(&["add", "c d"], "hush-hush\n").await;
    odd.fails(1);
    odd.keeps(&["hush-hush"]);
    let listed = user(&["list"], "").await;
    let lines: Vec<&str> = listed.well().lines().collect();
    assert!(
        lines.len() == 2 && lines[0].starts_with(&id) && lines[0].ends_with("Ada L"),
        "{listed:?}"
    );
    assert!(
        lines[0].contains("owner") && lines[1].contains("member"),
        "{listed:?}"
    );
    listed.keeps(&["argon2", "hush-hush"]);
    assert_eq!(user(&["list", "bo"], "").await.well().lines().count(), 1);
    assert_eq!(
        user(&["sign-out", "ada"], "").await.well(),
        "0 devices signed out\n"
    );
    let changed = user(&["set-password", "Ada"], "noisy otter 42\n").await;
    assert_eq!(
        changed.well(),
        "the password is changed; 0 devices signed out\n"
    );
    changed.keeps(&["otter"]);
    let weak = user(&["set-password", "ada"], "password1\n").await;
    assert!(weak.fails(1).contains("most common"), "{weak:?}");
    weak.keeps(&["password1"]);
    let own = user(&["set-password", "ada"], "ada l 1234\n").await;
    assert!(own.fails(1).contains("name of the account"), "{own:?}");
    let reserved = user(&["add", "Every.One"], "noisy otter 42\n").await;
    assert!(
        reserved.fails(1).contains("kept for the server"),
        "{reserved:?}"
    );
    user(&["set-password", "nobody"], "noisy otter 42\n")
        .await
        .fails(1);
    let nobody = user(&["sign-out", "nobody"], "").await;
    assert!(nobody.fails(1).contains("there is no nobody"), "{nobody:?}");
}

#[tokio::test]
async fn what_is_done_to_accounts_beside_a_server_reaches_its_live_sessions() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let room = world.room(&ada, json!({ "kind": "group" })).await;
    let history = format!("/rooms/{room}/messages");
    let read = async || world.call("GET", &history, Some(&ada), None).await;
    read().await.expect(200);
    let mut socket = world.listed(&ada).await;
    let (mut stream, _) = world.stream(&ada, None).await;
    let gone = world.tidings(&["user", "sign-out", "ada"]).await;
    assert_eq!(gone.well(), "1 device signed out\n");
    // At once, also where the server has heard nothing yet.
    read().await.expect(401);
    assert_eq!(socket.closed().await, 4201);
    stream_ends(&mut stream).await;
    // Another password signs all devices out, too.
    let ada = world.device(&ada).await;
    let mut socket = world.listed(&ada).await;
    let data = world.data();
    let args = [
        "user",
        "set-password",
        &ada.name,
        "--data",
        data.to_str().unwrap(),
    ];
    let changed = run_with(&args, &[], "noisy otter 42\n").await;
    assert!(
        changed.well().ends_with("1 device signed out\n"),
        "{changed:?}"
    );
    assert_eq!(socket.closed().await, 4201);
    // And the other way round: an account made beside it is there at once.
    let place = ["--data", world.data().to_str().unwrap()].map(str::to_owned);
    let args = ["user", "add", "bob", &place[0], &place[1]];
    run_with(&args, &[], "a long password\n").await.well();
    let body = json!({ "username": "bob", "password": "a long password" });
    let bob = world
        .call("POST", "/devices", None, Some(&body))
        .await
        .expect(201);
    assert_eq!(bob["user"]["username"], "bob");
}

async fn stream_ends(stream: &mut crate::world::stream::Stream) {
    while stream.next().await.is_some() {}
}

#[tokio::test]
async fn a_folder_is_served_from_once() {
    let mut world = World::new().await;
    let pid = world.pid();
    let second = world.tidings(&["serve", "--listen=127.0.0.1:0"]).await;
    let said = second.fails(1);
    assert!(
        said.contains(&format!("another tidings (process {pid}) serves from")),
        "{second:?}"
    );
    assert_eq!(second.out, "");
    let migrate = world.tidings(&["migrate"]).await;
    assert!(migrate.fails(1).contains("stop it first"), "{migrate:?}");
    // The first one goes on, and one that was killed is in nobody's way.
    world.user("ada").await;
    world.kill().await;
    world.start().await;
}

#[tokio::test]
async fn settings_are_shown_with_secrets_masked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tidings.toml");
    std::fs::write(
        &file,
        "redis = \"redis://:hush1@a\"\ncores = 3\nmetrics_token = \"hush3\"\n",
    )
    .unwrap();
    let file = file.to_str().unwrap();
    let variables = [
        ("TIDINGS_DATABASE", "postgres://me:hush2@b/c"),
        ("TIDINGS_CORES", "2"),
    ];
    let shown = run_with(&["settings", "--config", file], &variables, "").await;
    let settings: Value = serde_json::from_str(shown.well()).unwrap();
    assert_eq!(
        (&settings["cores"], &settings["redis"]),
        (&json!(2), &json!("***"))
    );
    assert_eq!(
        (&settings["database"], &settings["metrics_token"]),
        (&json!("***"), &json!("***"))
    );
    shown.keeps(&["hush1", "hush2", "hush3"]);
    let flag = run_with(&["settings", "--config", file, "--cores=1"], &variables, "").await;
    assert!(flag.well().contains("\"cores\": 1"));
    std::fs::write(
        folder.path().join("tidings.toml"),
        "listn = \"127.0.0.1:1\"",
    )
    .unwrap();
    let wrong = run(&["settings", "--config", file]).await;
    assert!(wrong.fails(1).contains("listn"), "{wrong:?}");
}

#[tokio::test]
async fn no_mistake_in_a_setting_shows_what_stands_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tidings.toml");
    let secret = "hush-CANARY/1:@#";
    for (text, place) in [
        (
            format!("cores = 3\ndatabase = postgres://me:{secret}@h/d\n"),
            "line 2, column ",
        ),
        (format!("redis = \"redis://:{secret}\n"), "line 1, column "),
        (
            format!("metrics_token = [\"{secret}\"]\n"),
            "line 1, column 17",
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        let wrong = run(&["settings", "--config", file.to_str().unwrap()]).await;
        assert!(wrong.fails(1).contains(place), "{wrong:?}");
        wrong.keeps(&["CANARY"]);
    }
    for variable in [
        "TIDINGS_LISTEN",
        "TIDINGS_CORES",
        "TIDINGS_PASSWORD_THREADS",
        "TIDINGS_TRUSTED_PROXIES",
        "TIDINGS_SIGN_UP",
        "TIDINGS_SIGN_INS_PER_MINUTE",
        "TIDINGS_COMMANDS_PER_SECOND",
        "TIDINGS_SESSIONS_PER_USER",
        "TIDINGS_LOG",
        "TIDINGS_DRAIN_JITTER_MS",
    ] {
        let wrong = run_with(&["settings"], &[(variable, secret)], "").await;
        assert!(wrong.fails(2).contains(variable), "{wrong:?}");
        wrong.keeps(&["CANARY"]);
    }
    // Addresses that do not read as such, in each command that uses them.
    let data = folder.path().join("data");
    let place = ["--data", data.to_str().unwrap()];
    for url in [
        format!("postgres://me:{secret}@h:5x/d"),
        format!("postgres://me:pw@h/d?{secret}=1"),
        format!("host=h pasword={secret}"),
        format!("password={secret} x"),
        secret.to_owned(),
    ] {
        for command in [
            &["serve", "--listen=127.0.0.1:0"][..],
            &["doctor"],
            &["migrate"],
        ] {
            let variables = [("TIDINGS_DATABASE", url.as_str())];
            let wrong = run_with(&[command, &place].concat(), &variables, "").await;
            wrong.fails(1);
            wrong.keeps(&["CANARY"]);
        }
    }
    for url in [format!("redis://:{secret}@h:5x"), secret.to_owned()] {
        let variables = [("TIDINGS_REDIS", url.as_str())];
        let serve = ["serve", "--listen=127.0.0.1:0", "--data", place[1]];
        let wrong = run_with(&serve, &variables, "").await;
        wrong.fails(1);
        wrong.keeps(&["CANARY"]);
    }
}

#[tokio::test]
async fn a_misspelt_variable_or_address_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let place = ["--data", data.to_str().unwrap()];
    for command in ["serve", "settings", "migrate", "doctor", "new-epoch"] {
        let misspelt = [("TIDINGS_LISTN", "127.0.0.1:1")];
        let wrong = run_with(&[&[command][..], &place].concat(), &misspelt, "").await;
        assert!(
            wrong.fails(1).contains("no such setting: TIDINGS_LISTN"),
            "{wrong:?}"
        );
    }
    assert!(!data.exists());
    let known = [
        ("TIDINGS_LOG_FILTER", "warn"),
        ("TIDINGS_TEST_ANYTHING", "1"),
    ];
    run_with(&["settings"], &known, "").await.well();
    let named = run(&["settings", "--listen=chat.example.org:80"]).await;
    assert!(named.fails(2).contains("0.0.0.0:80"), "{named:?}");
    let local = run(&["settings", "--listen=localhost:8080"]).await;
    assert!(local.well().contains("\"listen\": \"127.0.0.1:8080\""));
}

#[tokio::test]
async fn help_shows_what_a_command_uses_and_the_defaults() {
    let serve = run(&["serve", "--help"]).await;
    for text in [
        "[default: 127.0.0.1:8080]",
        "[default: 50]",
        "--trusted-proxy",
        "--metrics-token",
    ] {
        assert!(serve.well().contains(text), "{text}: {}", serve.out);
    }
    for command in [
        &["migrate"][..],
        &["backup"],
        &["new-epoch"],
        &["user", "list"],
        &["doctor"],
    ] {
        let help = run(&[command, &["--help"]].concat()).await;
        for flag in ["--data", "--database", "--config"] {
            assert!(help.well().contains(flag), "{command:?}: {}", help.out);
        }
        assert!(
            !help.out.contains("--cores") && !help.out.contains("--origin"),
            "{}",
            help.out
        );
        assert_eq!(
            help.out.contains("--listen"),
            command == ["doctor"],
            "{}",
            help.out
        );
        let cores = run(&[command, &["--cores=1"]].concat()).await;
        cores.fails(2);
    }
    let variables = [("TIDINGS_DATABASE", "postgres://me:hush@b/c")];
    run_with(&["serve", "--help"], &variables, "")
        .await
        .keeps(&["hush"]);
    run(&[]).await.fails(2);
    run(&["dance"]).await.fails(2);
}

#[tokio::test]
async fn documents_are_printed_whole() {
    for (command, key) in [("openapi", "openapi"), ("asyncapi", "asyncapi")] {
        let printed = run(&[command]).await;
        let document: Value = serde_json::from_str(printed.well()).unwrap();
        assert!(document[key].as_str().unwrap().starts_with('3'));
        assert_eq!(printed.err, "");
    }
    let page = run(&["settings", "--page"]).await;
    assert!(
        page.well()
            .contains("| `listen` | `--listen` | `TIDINGS_LISTEN` | 127.0.0.1:8080 |")
    );
}

#[tokio::test]
async fn backup_says_what_it_cannot_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let to = folder.path().join("copy");
    let args = [
        "backup",
        to.to_str().unwrap(),
        "--data",
        data.to_str().unwrap(),
    ];
    let nothing = run(&args).await;
    assert!(
        nothing.fails(1).contains("holds no database of Tidings"),
        "{nothing:?}"
    );
    let nothing = run(&["new-epoch", "--data", data.to_str().unwrap()]).await;
    assert!(
        nothing.fails(1).contains("holds no database of Tidings"),
        "{nothing:?}"
    );
    assert!(!to.exists() && !data.exists());
    run(&["migrate", "--data", data.to_str().unwrap()])
        .await
        .well();
    run(&args).await.well();
    let again = run(&args).await;
    assert!(again.fails(1).contains("exists already"), "{again:?}");
    let lost = [
        "backup",
        "/no/such/folder/copy",
        "--data",
        data.to_str().unwrap(),
    ];
    let lost = run(&lost).await;
    assert!(lost.fails(1).contains("cannot be written"), "{lost:?}");
}

#[tokio::test]
async fn a_log_that_is_no_terminal_has_no_colours() {
    let mut world = World::new().await;
    world.stop().await;
    let log = world.log();
    assert!(log.contains("INFO") && !log.contains('\u{1b}'), "{log}");
}
