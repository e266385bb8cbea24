//! Below a path of a host that serves other things, too: everything is there, whether or not a proxy takes the path off.

use serde_json::json;
use tidings_server::config::Settings;

use crate::{
    server::Server,
    world::{Answer, World, rest::request},
};

#[tokio::test]
async fn everything_is_served_below_it() {
    // [RE1]
    let server = Server::with(Settings {
        base_path: Some("/team/chat/".to_owned()),
        ..Settings::default()
    })
    .await;
    let ada = server.user("ada").await;
    for base in ["/team/chat", ""] {
        let at = |path: &str| format!("{base}{path}");
        assert_eq!(
            server.call("GET", &at("/healthz")).send().await.text,
            "ok\n"
        );
        let me = server.get(&at("/api/v1/me"), &ada).await.expect(200);
        assert_eq!(me["user"]["username"], "ada");
        let rooms = server
            .get(&at("/api/v1/rooms?scope=public&limit=3"), &ada)
            .await;
        rooms.expect(200);
        server
            .get(&at("/api/v1/nothing"), &ada)
            .await
            .refuses(404, "not_found");
        server
            .get(&at("/api/v1/events?foo=1"), &ada)
            .await
            .refuses(400, "bad_request");
        let call = server.call("POST", &at("/api/v1/rooms")).by(&ada);
        let made = call.json(&json!({ "kind": "group" })).send().await;
        let room = made.expect(201)["room"]["id"].as_str().unwrap().to_owned();
        let address = format!("/team/chat/api/v1/rooms/{room}");
        assert_eq!(made.headers["location"], address.as_str());
        server.get(&address, &ada).await.expect(200);
        // The documentation finds its own parts, and says where the API is.
        let docs = server.call("GET", &at("/docs")).send().await;
        assert_eq!(docs.headers["location"], "docs/");
        let page = server
            .call("GET", &at("/docs/swagger-initializer.js"))
            .send()
            .await;
        assert!(page.text.contains("../api/openapi.json"), "{}", page.text);
        let openapi = server.call("GET", &at("/api/openapi.json")).send().await;
        assert_eq!(openapi.json()["servers"][0]["url"], "/team/chat");
        // The app's page, at any depth.
        for path in ["/", "/r/room_1"] {
            let answer = server.call("GET", &at(path)).send().await;
            assert!(
                answer.text.contains("\"/team/chat/"),
                "{path}: {}",
                answer.text
            );
        }
        let body = json!({ "username": "ada", "password": "not this one" });
        let call = server.call("POST", &at("/api/v1/devices")).json(&body);
        call.send().await.refuses(401, "wrong_credentials");
    }
    // The cookie stays below it: a neighbour on the host does not get it.
    let body = json!({ "username": "lin", "password": "correct horse" });
    let call = server.call("POST", "/team/chat/api/v1/users").json(&body);
    let answer = call.header("x-tidings-cookie", "1").send().await;
    answer.expect(201);
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("; Path=/team/chat/;"), "{cookie}");
}

#[tokio::test]
async fn the_stream_is_there_too() {
    // [FR1] [SE1]
    let world = World::with(&["--base-path=/chat"]).await;
    let ada = world.user("ada").await;
    let bearer = format!("Bearer {}", ada.token);
    let upgrade = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let auth = [("authorization", bearer.as_str())];
    for (path, headers, status) in [
        ("/chat/api/v1/socket", &upgrade[..], 101),
        ("/chat/api/v1/events", &auth[..], 200),
        ("/chat/api/v1/events?live=poll", &auth[..], 200),
    ] {
        let mut tcp = world.tcp().await;
        let request = request(world.address(), "GET", path, headers, None);
        tokio::io::AsyncWriteExt::write_all(&mut tcp, &request)
            .await
            .unwrap();
        let answer = Answer::head(&mut tcp, &mut Vec::new()).await;
        assert_eq!(answer.status, status, "{path}");
    }
}
