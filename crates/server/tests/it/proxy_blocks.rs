//! The blocks of `docs/operating.md` for proxies, each run as it stands there, but for ports and certificates.
//!
//! The proxy listens on another port than 443, as one at a desk does: what drops the port of `Host` fails here. `[RE2]`

use std::{net::SocketAddr, path::Path, process::Stdio, time::Duration};

use serde_json::json;
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    process::{Child, Command},
};

use crate::world::{Answer, Dial, User, World, in_time, rest::request, socket::send_frame};

const PAGE: &str = include_str!("../../../../docs/operating.md");
const UPSTREAM: &str = "127.0.0.1:8080";
const EVIL: &str = "https://evil.example";

/// The first block after a line that begins so.
fn block(title: &str) -> String {
    let at = PAGE.find(&format!("\n{title}")).expect("the page has it");
    let (_, rest) = PAGE[at..].split_once("\n```\n").expect("a block");
    let (block, _) = rest.split_once("\n```\n").expect("its end");
    block.to_owned()
}

/// The block, with what belongs to this machine instead of an operator's.
fn adapted(title: &str, replace: &[(&str, String)]) -> String {
    replace.iter().fold(block(title), |text, (old, new)| {
        assert!(text.contains(old), "{old} is not in:\n{text}");
        text.replace(old, new)
    })
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A proxy that runs until it is dropped, and clients that speak through it.
struct Proxied {
    _child: Child,
    _folder: tempfile::TempDir,
    server: World,
    world: World,
    origin: String,
}

async fn start(
    program: &str,
    write: impl Fn(&Path, u16, &str) -> (String, Vec<String>),
) -> Proxied {
    let server = World::with(&["--trusted-proxy=127.0.0.1"]).await;
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let (text, args) = write(folder.path(), port, &server.address().to_string());
    std::fs::write(folder.path().join("proxy.conf"), text).unwrap();
    let log = std::fs::File::create(folder.path().join("proxy.log")).unwrap();
    let mut child = Command::new(program)
        .args(args)
        .env("HOME", folder.path())
        .env("XDG_DATA_HOME", folder.path())
        .env("XDG_CONFIG_HOME", folder.path())
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; scripts/test-deps installs it"));
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let said = || std::fs::read_to_string(folder.path().join("proxy.log")).unwrap_or_default();
    in_time("the proxy to listen", async {
        while TcpStream::connect(address).await.is_err() {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{program} ended: {}", said());
            // tidy: allow sleep — a proxy does not say when it listens
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    Proxied {
        _child: child,
        world: World::within(address),
        origin: format!("http://{address}"),
        server,
        _folder: folder,
    }
}

impl Proxied {
    async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &serde_json::Value,
    ) -> Answer {
        let mut stream = self.world.tcp().await;
        let request = request(self.world.address(), method, path, headers, Some(body));
        stream.write_all(&request).await.unwrap();
        Answer::read(&mut stream).await
    }

    /// What a page of this origin gets when it signs up with the cookie.
    async fn sign_up(&self, name: &str, origin: &str) -> Answer {
        let headers = [("origin", origin), ("x-tidings-cookie", "1")];
        let body = json!({ "username": name, "password": "a long password" });
        self.ask("POST", "/api/v1/users", &headers, &body).await
    }

    /// Everything that the page needs, through the proxy.
    async fn works(&self) {
        assert!(
            self.world
                .at("GET", "/")
                .await
                .text()
                .contains("<title>Tidings")
        );
        let own = self.origin.as_str();
        self.sign_up("eve", EVIL).await.expect(403);
        let answer = self.sign_up("ada", own).await;
        answer.expect(201);
        let cookie = answer.header("set-cookie").unwrap();
        assert!(
            !cookie.contains("Secure"),
            "the client speaks no TLS: {cookie}"
        );
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let page = [("origin", own), ("cookie", cookie.as_str())];
        let foreign = [("origin", EVIL), ("cookie", cookie.as_str())];
        let body = json!({ "kind": "group", "name": "tea" });
        let made = self.ask("POST", "/api/v1/rooms", &page, &body).await;
        let room = made.expect(201)["room"]["id"].as_str().unwrap().to_owned();
        let refused = self.ask("POST", "/api/v1/rooms", &foreign, &body).await;
        assert_eq!(refused.expect(403)["code"], "foreign_origin");
        // The socket, with the cookie.
        let dial = |headers| Dial {
            headers,
            deflate: true,
            ..Dial::default()
        };
        let refused = dial(&foreign).connect(&self.world).await.err().unwrap();
        assert_eq!(refused.status, 403);
        let mut socket = dial(&page).connect(&self.world).await.ok().unwrap();
        socket.send(&json!({ "type": "hello" })).await;
        socket.expect("ready").await;
        // The stream, which nobody may hold back.
        let mut stream = self.world.stream_with(&page).await.ok().unwrap();
        assert_eq!(stream.frame().await["type"], "ready");
        let said = socket.command(send_frame(&room, "through the proxy")).await;
        assert_eq!(said["type"], "event", "{said}");
        let heard = stream.frame().await;
        assert_eq!(heard["id"], said["id"], "{heard}");
        // Counters are nobody's who comes from outside, and a client is where it is.
        assert_eq!(self.world.at("GET", "/metrics").await.status, 404);
        let user: User = self.world.user("lin").await;
        assert!(!user.id.is_empty());
        assert!(
            !self
                .server
                .log()
                .contains("forwarding headers are not believed")
        );
    }
}

#[tokio::test]
async fn nginx_works_as_written() {
    let proxied = start("nginx", |folder, port, server| {
        let block = adapted(
            "nginx:",
            &[
                ("listen 443 ssl;", format!("listen 127.0.0.1:{port};")),
                (UPSTREAM, server.to_owned()),
            ],
        );
        let place = folder.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {place}/{kind};\n"))
            .concat();
        let text = format!(
            "daemon off;\nmaster_process off;\npid {place}/pid;\nerror_log stderr;\nevents {{}}\n\
             http {{\naccess_log off;\n{temporary}{block}\n}}\n"
        );
        let conf = format!("{place}/proxy.conf");
        let args = ["-p", &place.to_string(), "-e", "stderr", "-c", &conf];
        (text, args.map(str::to_owned).to_vec())
    })
    .await;
    proxied.works().await;
}

#[tokio::test]
async fn caddy_works_as_written() {
    let proxied = start("caddy", |folder, port, server| {
        let block = adapted(
            "Caddy passes",
            &[
                (
                    "chat.example.org {",
                    format!("http://:{port} {{\n    bind 127.0.0.1"),
                ),
                (UPSTREAM, server.to_owned()),
            ],
        );
        let conf = folder.join("proxy.conf").display().to_string();
        let args = ["run", "--adapter", "caddyfile", "--config", &conf];
        (
            format!("{{\n    admin off\n}}\n{block}\n"),
            args.map(str::to_owned).to_vec(),
        )
    })
    .await;
    proxied.works().await;
}

#[tokio::test]
async fn haproxy_works_as_written() {
    let proxied = start("haproxy", |folder, port, server| {
        let block = adapted(
            "HAProxy:",
            &[
                (
                    "bind :443 ssl crt /etc/haproxy/chat.example.org.pem",
                    format!("bind 127.0.0.1:{port}"),
                ),
                (UPSTREAM, server.to_owned()),
            ],
        );
        let conf = folder.join("proxy.conf").display().to_string();
        (
            format!("{block}\n"),
            vec!["-db".to_owned(), "-f".to_owned(), conf],
        )
    })
    .await;
    proxied.works().await;
}
