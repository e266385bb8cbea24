//! Who may see what: a unique word in everything, everybody asks for everything by every way, and each answer is searched
//! for words that its reader may not see. `[P6]` `[RE5]` `[RM3]` `[RM5]` RELIABILITY 4.1, 4.2, 4.5, 4.8
//!
//! The roles: the owner of the server, owner, member, one who is removed while streams are open, one who was removed
//! before, a stranger, nobody. The rooms: a public and a private channel, a group, a direct room.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tidings_protocol::{Cursor, Position};

use crate::world::{
    Answer, Dial, Socket, User, World,
    socket::{End, send_frame},
    stream::Stream,
};

const KINDS: [&str; 4] = ["public", "private", "group", "direct"];

/// The people. All of them share the lobby, so that the end of a test reaches everybody.
struct People {
    root: User,
    ada: User,
    lin: User,
    eve: User,
    max: User,
    bob: User,
}

impl People {
    fn all(&self) -> [&User; 6] {
        [
            &self.root, &self.ada, &self.lin, &self.eve, &self.max, &self.bob,
        ]
    }
}

/// One of the rooms, with a message that all of its members saw.
struct Place {
    kind: &'static str,
    room: String,
    message: String,
}

struct Scene {
    world: World,
    people: People,
    places: Vec<Place>,
    lobby: String,
    /// Where Max was while still a member.
    cursor: String,
}

/// The words that stand in a text.
fn words(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '-';
    text.match_indices("canary-")
        .map(|(at, _)| text[at..].chars().take_while(|c| is_part(*c)).collect())
        .collect()
}

impl Scene {
    async fn new() -> Scene {
        let world = World::new().await;
        let [root, ada, lin, eve, max, bob] = world
            .users(["rosa", "ada", "lin", "eve", "max", "bob"])
            .await;
        let members = json!([lin.id, eve.id, max.id]);
        let mut places = Vec::new();
        for kind in KINDS {
            let body = match kind {
                "direct" => json!({ "kind": "direct", "members": [lin.id] }),
                "group" => {
                    json!({ "kind": "group", "name": "canary-group-first", "members": members })
                }
                visibility => json!({
                    "kind": "channel", "visibility": visibility,
                    "name": format!("canary-{visibility}-first"), "members": members,
                }),
            };
            let room = world.room(&ada, body).await;
            let said = world.say(&ada, &room, &format!("canary-{kind}-old")).await;
            let message = said["id"].as_str().unwrap().to_owned();
            places.push(Place {
                kind,
                room,
                message,
            });
        }
        let lobby = world
            .group("lobby", &root, &[&ada, &lin, &eve, &max, &bob])
            .await;
        let (_, cursor) = world.poll(&max, None).await;
        for place in &places {
            world
                .say(&ada, &place.room, &format!("canary-{}-while", place.kind))
                .await;
        }
        for place in places.iter().filter(|p| p.kind != "direct") {
            world.remove(&ada, &place.room, &max).await;
        }
        let people = People {
            root,
            ada,
            lin,
            eve,
            max,
            bob,
        };
        Scene {
            world,
            people,
            places,
            lobby,
            cursor,
        }
    }

    /// Everything that happens in a room: words for a phase.
    async fn happen(&self, phase: &str) {
        let mut socket = self.world.listed(&self.people.ada).await;
        for Place { kind, room, .. } in &self.places {
            socket.open(room, None).await;
            socket
                .send(&json!({ "type": "typing", "room": room, "on": true }))
                .await;
            let word = |what: &str| format!("canary-{kind}-{what}-{phase}");
            let live = socket.say(room, &word("live")).await;
            let edit = json!({ "type": "edit", "room": room, "message": live["id"], "content": { "kind": "text", "text": word("edit") } });
            socket.command(edit).await;
            let gone = socket.say(room, &word("gone")).await;
            socket
                .command(json!({ "type": "delete", "room": room, "message": gone["id"] }))
                .await;
            if *kind != "direct" {
                socket
                    .command(json!({ "type": "rename", "room": room, "name": word("name") }))
                    .await;
            }
            socket.say(room, &word("last")).await;
        }
    }

    /// Whether somebody may find a word by asking over REST, when all has happened.
    fn may_ask(&self, who: &User, word: &str) -> bool {
        let is_inside = who.name == "ada" || who.name == "lin";
        !word.contains("-gone-") && (is_inside || word.starts_with("canary-public-"))
    }

    /// Whether a word may reach somebody by a stream that began after Max was removed.
    fn may_hear(who: &User, word: &str) -> bool {
        match who.name.as_str() {
            "ada" | "lin" => true,
            "eve" => !word.starts_with("canary-direct-") && !word.ends_with("-after"),
            _ => false,
        }
    }
}

/// Everything one user has open.
struct Open {
    listed: Socket,
    all: Socket,
    stream: Stream,
    polled: Vec<Value>,
    cursor: String,
}

impl Open {
    async fn new(scene: &Scene, who: &User) -> Open {
        let world = &scene.world;
        let (mut listed, _) = world.session(who, json!({})).await;
        for place in &scene.places {
            listed
                .send(&json!({ "type": "open", "room": place.room, "after": 0 }))
                .await;
        }
        listed.settled().await;
        let dial = Dial {
            binary: true,
            deflate: true,
            ..Dial::default()
        };
        let (all, _) = dial.session(world, who, json!({ "follow": "all" })).await;
        let (stream, _) = world.stream(who, None).await;
        let (polled, cursor) = world.poll(who, None).await;
        Open {
            listed,
            all,
            stream,
            polled,
            cursor,
        }
    }

    /// Reads on until the end, by every way.
    async fn read_to_the_end(&mut self, scene: &Scene, who: &User) {
        let is_end = |frame: &Value| frame.to_string().contains("the very end");
        self.listed.find("the end", is_end).await;
        self.all.find("the end", is_end).await;
        self.stream.until(is_end).await;
        while !self.polled.iter().any(is_end) {
            let (frames, cursor) = scene.world.poll(who, Some(&self.cursor)).await;
            self.polled.extend(frames);
            self.cursor = cursor;
        }
    }

    fn heard(&self) -> [(&'static str, String); 4] {
        [
            ("listed socket", format!("{:?}", self.listed.seen)),
            ("socket that follows all", format!("{:?}", self.all.seen)),
            ("stream", format!("{:?}", self.stream.seen)),
            ("polls", format!("{:?}", self.polled)),
        ]
    }
}

#[tokio::test]
async fn no_word_reaches_who_may_not_see_it() {
    let scene = Scene::new().await;
    let mut open = Vec::new();
    for who in scene.people.all() {
        open.push((who, Open::new(&scene, who).await));
    }
    // What was there before they came is not news to a stream; `open` gave members the past.
    scene.happen("during").await;
    for place in scene.places.iter().filter(|p| p.kind != "direct") {
        scene
            .world
            .remove(&scene.people.ada, &place.room, &scene.people.eve)
            .await;
    }
    scene.happen("after").await;
    scene
        .world
        .say(&scene.people.root, &scene.lobby, "the very end")
        .await;
    for (who, open) in &mut open {
        open.read_to_the_end(&scene, who).await;
        for (way, text) in open.heard() {
            for word in words(&text) {
                assert!(
                    Scene::may_hear(who, &word),
                    "{} got {word} by the {way}",
                    who.name
                );
            }
        }
    }
    // It is told to those who may: else there would be nothing to find.
    for (who, open) in open
        .iter()
        .filter(|(who, _)| who.name == "lin" || who.name == "eve")
    {
        let [_, all, stream, polls] = open.heard().map(|(_, text)| words(&text));
        // A poll that asks afterwards does not get what was deleted meanwhile; nor, of rooms that they have left by then,
        // what was said while they were there. [RM5]
        assert!(!polls.iter().any(|word| word.contains("-gone-")));
        for (heard, polled) in [(all, false), (stream, false), (polls, true)] {
            for kind in KINDS {
                for what in ["live", "edit", "gone", "last"] {
                    for phase in ["during", "after"] {
                        if polled && what == "gone" {
                            continue;
                        }
                        let word = format!("canary-{kind}-{what}-{phase}");
                        let is_former = polled && who.name == "eve";
                        assert_eq!(
                            heard.contains(&word),
                            Scene::may_hear(who, &word) && !is_former,
                            "{} {word}",
                            who.name
                        );
                    }
                }
            }
        }
    }
    rest(&scene).await;
    replays(&scene).await;
}

/// Every address that answers with something, asked by everybody and nobody.
async fn rest(scene: &Scene) {
    let mut paths: Vec<String> = ["", "?scope=public", "?limit=1"]
        .map(|q| format!("/rooms{q}"))
        .into();
    paths.extend(["/me", "/devices", "/users?q=canary", "/users?q=a"].map(str::to_owned));
    let ids: Vec<String> = scene
        .people
        .all()
        .iter()
        .map(|u| format!("id={}", u.id))
        .collect();
    paths.push(format!("/users?{}", ids.join("&")));
    for Place { room, message, .. } in &scene.places {
        for rest in [
            "",
            "/members",
            "/messages",
            "/messages?after=0&limit=200",
            "/messages?before=1000",
            "/messages?around=4",
            "/events",
            "/events?after=0&limit=200",
            "/events?after=3",
        ] {
            paths.push(format!("/rooms/{room}{rest}"));
        }
        // Addresses that only change something must say nothing either.
        paths.push(format!("/rooms/{room}/messages/{message}"));
        paths.push(format!("/rooms/{room}/marker"));
    }
    let mut found = BTreeSet::new();
    for who in scene.people.all() {
        for path in &paths {
            let answer = scene.world.call("GET", path, Some(who), None).await;
            assert!(answer.status < 500, "{path}: {}", answer.text());
            for word in words(&answer.text()) {
                assert!(
                    scene.may_ask(who, &word),
                    "{} got {word} from {path}",
                    who.name
                );
                found.insert((who.name.clone(), word));
            }
        }
    }
    for path in &paths {
        let answer = scene.world.call("GET", path, None, None).await;
        assert!(
            matches!(answer.status, 401 | 405),
            "{path}: {}",
            answer.status
        );
        assert_eq!(words(&answer.text()), BTreeSet::new(), "{path}");
    }
    // Outside the API nothing is said of anybody.
    for path in ["/metrics", "/healthz", "/readyz", "/", "/docs/"] {
        let mut tcp = scene.world.tcp().await;
        let request = crate::world::rest::request(scene.world.address(), "GET", path, &[], None);
        tokio::io::AsyncWriteExt::write_all(&mut tcp, &request)
            .await
            .unwrap();
        let answer = Answer::read(&mut tcp).await;
        assert_eq!(words(&answer.text()), BTreeSet::new(), "{path}");
    }
    let has = |who: &str, word: &str| found.contains(&(who.to_owned(), word.to_owned()));
    for kind in KINDS {
        for word in ["last-after", "edit-after", "old"] {
            assert!(
                has("lin", &format!("canary-{kind}-{word}")),
                "{kind} {word}"
            );
        }
    }
    for who in ["rosa", "eve", "max", "bob"] {
        assert!(
            has(who, "canary-public-last-after"),
            "{who} reads the public channel"
        );
    }
}

/// Coming back with an old cursor, or asking a session for the past.
async fn replays(scene: &Scene) {
    let Scene { world, people, .. } = scene;
    // Max is told that he was removed, and nothing of what he missed before, whatever cursor he gives: the one that he was
    // told, or any other that the server would take. [RM5] [SB8] [CU3]
    let (_, now) = world.poll(&people.max, None).await;
    let now: Cursor = now.parse().unwrap();
    let end = now.positions[0].0;
    let mut cursors = vec![scene.cursor.clone()];
    for position in (0..end - 1).step_by(9) {
        let mut forged = now.clone();
        forged.positions[0] = Position(position);
        cursors.push(forged.to_string());
    }
    for cursor in cursors {
        let is_end = |f: &Value| f.to_string().contains("the very end");
        let (mut stream, first) = world.stream(&people.max, Some(&cursor)).await;
        let mut by_stream = stream.until(is_end).await;
        by_stream.push(first);
        let mut by_polls = Vec::new();
        let mut since = cursor.clone();
        while !by_polls.iter().any(is_end) {
            let (more, next) = world.poll(&people.max, Some(&since)).await;
            by_polls.extend(more);
            since = next;
        }
        let hello = json!({ "since": cursor, "follow": "all" });
        let (mut all, _) = world.session(&people.max, hello).await;
        all.find("the end", is_end).await;
        let by_socket = std::mem::take(&mut all.seen);
        for frames in [by_stream, by_polls, by_socket] {
            assert_eq!(words(&format!("{frames:?}")), BTreeSet::new(), "{cursor}");
            let of_places = frames.iter().filter(|f| {
                let rooms = scene.places[..3].iter();
                f["type"] == "event" && rooms.into_iter().any(|p| f["log"] == p.room.as_str())
            });
            for event in of_places {
                assert_eq!(event["content"]["kind"], "member_left", "{event}");
                assert_eq!(event["content"]["user"], people.max.id.as_str());
            }
        }
    }
    let (_, ready) = world
        .session(&people.max, json!({ "since": scene.cursor }))
        .await;
    let left: BTreeSet<&str> = ready["left"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|left| left["room"].as_str())
        .collect();
    let expected = scene.places[..3].iter().map(|p| p.room.as_str()).collect();
    assert_eq!(left, expected);
    assert_eq!(words(&ready.to_string()), BTreeSet::new());
    // Everything a session can say about a room, by those who are not in it.
    for who in [&people.root, &people.eve, &people.max, &people.bob] {
        let opens: Vec<Value> = scene
            .places
            .iter()
            .map(|p| json!({ "room": p.room, "after": 0 }))
            .collect();
        let hello = json!({ "open": opens, "since": scene.cursor, "user_seq": 0 });
        let (mut socket, ready) = world.session(who, hello).await;
        assert_eq!(words(&ready.to_string()), BTreeSet::new(), "{}", who.name);
        for place in &scene.places {
            try_everything(scene, &mut socket, who, place).await;
        }
        assert_eq!(
            words(&format!("{:?}", socket.seen)),
            BTreeSet::new(),
            "{}",
            who.name
        );
    }
    // Nothing of all that happened.
    for place in &scene.places {
        let log = world.log_of(&people.ada, &place.room).await;
        for who in [&people.root, &people.bob] {
            let by_them = log.iter().filter(|e| e["actor"] == who.id.as_str());
            assert_eq!(by_them.count(), 0);
        }
    }
}

/// Every command on a room one is not in, through itself and through a room one is in. `RELIABILITY 4.8`
async fn try_everything(scene: &Scene, socket: &mut Socket, who: &User, place: &Place) {
    let Place {
        kind,
        room,
        message,
    } = place;
    let text = json!({ "kind": "text", "text": "taken over" });
    let other = if who.name == "rosa" {
        &scene.people.bob
    } else {
        &scene.people.root
    };
    for through in [room, &scene.lobby] {
        let mut commands = vec![
            json!({ "type": "edit", "room": through, "message": message, "content": text }),
            json!({ "type": "delete", "room": through, "message": message }),
            json!({ "type": "react", "room": through, "message": message, "emoji": "👍" }),
            json!({ "type": "unreact", "room": through, "message": message, "emoji": "👍" }),
        ];
        if through == room {
            commands.extend([
                send_frame(room, "let me in"),
                json!({ "type": "rename", "room": room, "name": "taken over" }),
                json!({ "type": "mark", "room": room, "seq": 1 }),
                json!({ "type": "join", "room": room, "user": other.id }),
                json!({ "type": "leave", "room": room, "user": scene.people.lin.id }),
                json!({ "type": "set_role", "room": room, "user": scene.people.lin.id, "role": "member" }),
                json!({ "type": "set_role", "room": room, "user": who.id, "role": "owner" }),
            ]);
            if *kind != "public" {
                commands.push(json!({ "type": "join", "room": room }));
                commands.push(json!({ "type": "leave", "room": room }));
            }
        }
        for command in commands {
            let answer = socket.command(command.clone()).await;
            let code = answer["refusal"]["code"].as_str().unwrap_or_default();
            // Of a public channel one may know that it is there.
            let fits = if *kind == "public" && through == room {
                matches!(code, "not_found" | "forbidden") || answer["type"] == "unchanged"
            } else {
                // Who was in it knows of it, and leaving twice changes nothing.
                let was_in = who.name == "eve" || who.name == "max";
                let left_already = was_in && *kind != "direct" && answer["type"] == "unchanged";
                code == "not_found" || (left_already && command["type"] == "leave")
            };
            assert!(fits, "{} {command}: {answer}", who.name);
        }
        for signal in [
            json!({ "type": "typing", "room": room, "on": true }),
            json!({ "type": "close", "room": room }),
        ] {
            socket.send(&signal).await;
        }
        socket.settled().await;
    }
}

#[tokio::test]
async fn messages_of_one_room_are_nothing_in_another() {
    // RELIABILITY 4.8 [RE5] Also for one who is in both.
    let world = World::new().await;
    let (one, [ada, lin]) = world.with_room("one", ["ada", "lin"]).await;
    let two = world.group("two", &ada, &[&lin]).await;
    let message = world.say(&ada, &one, "in the first").await;
    let id = message["id"].as_str().unwrap();
    let mut socket = world.open(&ada, &two).await;
    let text = json!({ "kind": "text", "text": "crossed" });
    for command in [
        json!({ "type": "edit", "room": two, "message": id, "content": text }),
        json!({ "type": "delete", "room": two, "message": id }),
        json!({ "type": "react", "room": two, "message": id, "emoji": "👍" }),
    ] {
        let answer = socket.command(command).await;
        assert_eq!(answer["refusal"]["code"], "not_found", "{answer}");
    }
    let at = format!("/rooms/{two}/messages/{id}");
    for (method, path, body) in [
        ("PATCH", at.clone(), Some(json!({ "text": "crossed" }))),
        ("DELETE", at.clone(), None),
        ("PUT", format!("{at}/reactions/%F0%9F%91%8D"), None),
    ] {
        let answer = world.call(method, &path, Some(&ada), body.as_ref()).await;
        assert_eq!(answer.status, 404, "{method}: {}", answer.text());
    }
    let events = world.log_of(&ada, &one).await;
    assert_eq!(events.last().unwrap()["id"], id);
}

#[tokio::test]
async fn who_leaves_by_themselves_gets_their_answer_and_nothing_after() {
    // [SB8] [CM2] [CM9]
    let world = World::new().await;
    for open in [true, false] {
        let name = if open { "lin" } else { "eve" };
        let owner = world.user(&format!("ada-{name}")).await;
        let user = world.user(name).await;
        let room = world.group("designers", &owner, &[&user]).await;
        let mut socket = world.listed(&user).await;
        if open {
            socket.open(&room, None).await;
        }
        let answer = socket
            .command(json!({ "type": "leave", "room": room }))
            .await;
        assert_eq!(answer["content"]["kind"], "member_left");
        world.say(&owner, &room, "canary-after").await;
        let other = world.group("other", &owner, &[&user]).await;
        socket
            .find("the other room", |f| f["room"]["id"] == other.as_str())
            .await;
        let told = socket.seen.iter().filter(|f| f["type"] == "left").count();
        assert_eq!(told, 1);
        let in_place = socket
            .seen
            .iter()
            .filter(|f| crate::world::socket::is_event(f))
            .count();
        assert_eq!(in_place, usize::from(open));
        assert!(!format!("{:?}", socket.seen).contains("canary"));
    }
}

#[tokio::test]
async fn the_answer_to_ones_own_command_stays_ones_own() {
    // [RM5] [CM3] [P3] What one said one may ask for again, by the same txn, after leaving, too; and nothing more by it.
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let path = format!("/rooms/{room}/messages");
    let said = json!({ "txn": "t-1", "text": "mine" });
    let first = world.call("POST", &path, Some(&lin), Some(&said)).await;
    assert_eq!(first.status, 201);
    world.say(&ada, &room, "canary").await;
    world.remove(&ada, &room, &lin).await;
    let again = world.call("POST", &path, Some(&lin), Some(&said)).await;
    assert_eq!((again.status, again.text()), (201, first.text()));
    for (body, status) in [
        (json!({ "txn": "t-1", "text": "something else" }), 409),
        (json!({ "txn": "t-2", "text": "news" }), 404),
    ] {
        let answer = world.call("POST", &path, Some(&lin), Some(&body)).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(!answer.text().contains("canary"));
    }
}

#[tokio::test]
async fn one_who_was_removed_and_added_again_hears_of_the_last_stay_alone() {
    // [RM5] [SB11] Two stays; the first is history, by REST, while they are a member, and nobody's after.
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let (_, start) = world.poll(&lin, None).await;
    world.say(&ada, &room, "canary-first").await;
    world.remove(&ada, &room, &lin).await;
    world.say(&ada, &room, "canary-between").await;
    let add = format!("/rooms/{room}/members/{}", lin.id);
    world.call("PUT", &add, Some(&ada), None).await;
    world.say(&ada, &room, "canary-second").await;
    let (frames, again) = world.poll(&lin, Some(&start)).await;
    assert_eq!(frames[0]["type"], "reset");
    assert!(!format!("{frames:?}").contains("canary-first"));
    let log = world.log_of(&lin, &room).await;
    assert!(
        format!("{log:?}").contains("canary-between"),
        "a member reads all of it"
    );
    world.say(&ada, &room, "canary-last").await;
    world.remove(&ada, &room, &lin).await;
    for since in [&start, &again] {
        let (frames, _) = world.poll(&lin, Some(since)).await;
        let text = format!("{frames:?}");
        assert!(!text.contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn nobody_gets_anything_over_a_socket() {
    // [HS1] Without a token there is no session, whatever is sent first.
    let world = World::new().await;
    let (room, [ada]) = world.with_room("designers", ["ada"]).await;
    world.say(&ada, &room, "canary-word").await;
    for frames in [
        vec![json!({ "type": "hello", "open": [{ "room": room, "after": 0 }] })],
        vec![json!({ "type": "open", "room": room, "after": 0 })],
        vec![
            json!({ "type": "hello", "token": "tdg_nobody" }),
            json!({ "type": "open", "room": room, "after": 0 }),
            json!({ "type": "watch", "users": [ada.id] }),
        ],
    ] {
        let mut socket = Dial::default().connect(&world).await.unwrap();
        for frame in &frames {
            socket.send(frame).await;
        }
        let end = loop {
            match socket.step("the end").await {
                Ok(frame) => assert_eq!(frame["type"], "refused", "{frame}"),
                Err(end) => break end,
            }
        };
        assert!(matches!(end, End::Close(4200 | 4202, _)), "{end:?}");
        assert!(!format!("{:?}", socket.seen).contains("canary"));
    }
}
