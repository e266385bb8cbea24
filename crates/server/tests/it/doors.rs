//! The two doors of a command, the socket and REST: the same words, the same outcome. `[RE14]`

use serde_json::{Value, json};

use crate::world::{User, World, socket::Socket};

/// Two rooms that are alike: one for the socket, one for REST.
struct Twins {
    world: World,
    ada: User,
    lin: User,
    eve: User,
    socket: Socket,
    rooms: [String; 2],
    messages: [String; 2],
}

impl Twins {
    async fn new() -> Twins {
        let world = World::new().await;
        let [ada, lin, eve] = world.users(["ada", "lin", "eve"]).await;
        let socket = world.listed(&ada).await;
        let mut rooms = Vec::new();
        let mut messages = Vec::new();
        for _ in 0..2 {
            let room = world.group("twins", &ada, &[&lin]).await;
            let message = world.say(&ada, &room, "hello").await;
            messages.push(message["id"].as_str().unwrap().to_owned());
            rooms.push(room);
        }
        Twins {
            world,
            ada,
            lin,
            eve,
            socket,
            rooms: rooms.try_into().unwrap(),
            messages: messages.try_into().unwrap(),
        }
    }

    /// The frame with the names of one twin put in.
    fn frame(&self, frame: &Value, twin: usize) -> Value {
        let mut text = frame.to_string();
        for (name, id) in [
            ("ROOM", &self.rooms[twin]),
            ("MESSAGE", &self.messages[twin]),
            ("ADA", &self.ada.id),
            ("LIN", &self.lin.id),
            ("EVE", &self.eve.id),
        ] {
            text = text.replace(&format!("\"{name}\""), &format!("\"{id}\""));
        }
        serde_json::from_str(&text).unwrap()
    }

    /// What becomes of it over the socket: the kind of the event, `unchanged`, or the code.
    async fn over_socket(&mut self, frame: &Value) -> String {
        let frame = self.frame(frame, 0);
        let answer = self.socket.command(frame).await;
        let outcome = match answer["type"].as_str().unwrap() {
            "event" => &answer["content"]["kind"],
            "refused" => &answer["refusal"]["code"],
            _ => &answer["type"],
        };
        outcome.as_str().unwrap().to_owned()
    }

    /// The same over REST.
    async fn over_rest(&self, frame: &Value) -> String {
        let frame = self.frame(frame, 1);
        let text = |name: &str| frame[name].as_str().unwrap_or_default().to_owned();
        let room = format!("/rooms/{}", text("room"));
        let message = format!("{room}/messages/{}", text("message"));
        let escaped: String = text("emoji")
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        let reaction = format!("{message}/reactions/{escaped}");
        let user = if frame["user"].is_null() {
            "me".to_owned()
        } else {
            text("user")
        };
        let member = format!("{room}/members/{user}");
        let of = |names: &[&str]| {
            let mut body = json!({});
            for name in names {
                if !frame[name].is_null() {
                    body[name] = frame[name].clone();
                }
            }
            Some(body)
        };
        let (method, path, body) = match frame["type"].as_str().unwrap() {
            "send" => ("POST", format!("{room}/messages"), of(&["content"])),
            "edit" => (
                "PATCH",
                message,
                Some(json!({ "text": frame["content"]["text"] })),
            ),
            "delete" => ("DELETE", message, None),
            "react" => ("PUT", reaction, None),
            "unreact" => ("DELETE", reaction, None),
            "mark" => ("PUT", format!("{room}/marker"), of(&["seq"])),
            "create_room" => (
                "POST",
                "/rooms".to_owned(),
                of(&["kind", "name", "visibility", "members"]),
            ),
            "rename" => ("PATCH", room, of(&["name"])),
            "join" => ("PUT", member, None),
            "leave" => ("DELETE", member, None),
            "set_role" => ("PATCH", member, of(&["role"])),
            other => panic!("{other} has no address"),
        };
        let answer = self
            .world
            .call(method, &path, Some(&self.ada), body.as_ref())
            .await;
        let kind = frame["type"].as_str().unwrap();
        match (answer.status, kind) {
            (204, _) | (200, "create_room") => "unchanged".to_owned(),
            (201, "create_room") => "room_created".to_owned(),
            (200, "mark") => "marker_moved".to_owned(),
            (200 | 201, _) => answer.json()["content"]["kind"]
                .as_str()
                .unwrap()
                .to_owned(),
            _ => answer.json()["code"].as_str().unwrap().to_owned(),
        }
    }
}

#[tokio::test]
async fn a_command_has_the_same_outcome_through_both_doors() {
    // [RE14] [ID5] A direct room that named its own maker, too, was made by one and refused by the other.
    let mut twins = Twins::new().await;
    let text = |text: &str| json!({ "kind": "text", "text": text });
    let nobody = "user_01h455vb4pex5vsknk084sn02q";
    let nothing = "evt_01h455vb4pex5vsknk084sn02q";
    let direct =
        |members: Value| json!({ "type": "create_room", "kind": "direct", "members": members });
    let create = |kind: &str| json!({ "type": "create_room", "kind": kind });
    let long = "x".repeat(121);
    let table = [
        (
            json!({ "type": "send", "room": "ROOM", "content": text("x") }),
            "message",
        ),
        (
            json!({ "type": "send", "room": "ROOM", "content": text(" ") }),
            "bad_request",
        ),
        (
            json!({ "type": "send", "room": "ROOM", "content": { "kind": "poll", "text": "x" } }),
            "bad_request",
        ),
        (
            json!({ "type": "send", "room": "ROOM", "content": { "kind": "text", "text": "x", "style": "bold" } }),
            "bad_request",
        ),
        (
            json!({ "type": "edit", "room": "ROOM", "message": "MESSAGE", "content": text("y") }),
            "message_edited",
        ),
        (
            json!({ "type": "edit", "room": "ROOM", "message": "MESSAGE", "content": text("y") }),
            "unchanged",
        ),
        (
            json!({ "type": "edit", "room": "ROOM", "message": nothing, "content": text("y") }),
            "not_found",
        ),
        (
            json!({ "type": "react", "room": "ROOM", "message": "MESSAGE", "emoji": "👍" }),
            "reaction_added",
        ),
        (
            json!({ "type": "react", "room": "ROOM", "message": "MESSAGE", "emoji": "👍" }),
            "unchanged",
        ),
        (
            json!({ "type": "react", "room": "ROOM", "message": "MESSAGE", "emoji": "no" }),
            "bad_request",
        ),
        (
            json!({ "type": "unreact", "room": "ROOM", "message": "MESSAGE", "emoji": "👍" }),
            "reaction_removed",
        ),
        (
            json!({ "type": "unreact", "room": "ROOM", "message": "MESSAGE", "emoji": "🎉" }),
            "unchanged",
        ),
        (
            json!({ "type": "delete", "room": "ROOM", "message": "MESSAGE" }),
            "message_deleted",
        ),
        (
            json!({ "type": "delete", "room": "ROOM", "message": "MESSAGE" }),
            "unchanged",
        ),
        (
            json!({ "type": "react", "room": "ROOM", "message": "MESSAGE", "emoji": "👍" }),
            "message_deleted",
        ),
        (
            json!({ "type": "mark", "room": "ROOM", "seq": 9 }),
            "marker_moved",
        ),
        (
            json!({ "type": "mark", "room": "ROOM", "seq": 9 }),
            "unchanged",
        ),
        (
            json!({ "type": "mark", "room": "ROOM", "seq": 9_007_199_254_740_991_u64 }),
            "bad_request",
        ),
        (
            json!({ "type": "mark", "room": "ROOM", "seq": 9_007_199_254_740_992_u64 }),
            "bad_request",
        ),
        (
            json!({ "type": "mark", "room": "ROOM", "seq": -1 }),
            "bad_request",
        ),
        (
            json!({ "type": "rename", "room": "ROOM", "name": "Other" }),
            "room_renamed",
        ),
        (
            json!({ "type": "rename", "room": "ROOM", "name": " Other " }),
            "unchanged",
        ),
        (
            json!({ "type": "rename", "room": "ROOM", "name": " " }),
            "bad_request",
        ),
        (
            json!({ "type": "rename", "room": "ROOM", "name": "a\nb" }),
            "bad_request",
        ),
        (
            json!({ "type": "rename", "room": "ROOM", "name": long }),
            "too_large",
        ),
        (
            json!({ "type": "join", "room": "ROOM", "user": "EVE" }),
            "member_joined",
        ),
        (
            json!({ "type": "join", "room": "ROOM", "user": "EVE" }),
            "unchanged",
        ),
        (
            json!({ "type": "join", "room": "ROOM", "user": nobody }),
            "not_found",
        ),
        (json!({ "type": "join", "room": "ROOM" }), "unchanged"),
        (
            json!({ "type": "set_role", "room": "ROOM", "user": "EVE", "role": "admin" }),
            "role_changed",
        ),
        (
            json!({ "type": "set_role", "room": "ROOM", "user": "EVE", "role": "admin" }),
            "unchanged",
        ),
        (
            json!({ "type": "set_role", "room": "ROOM", "user": nobody, "role": "admin" }),
            "not_found",
        ),
        (
            json!({ "type": "set_role", "room": "ROOM", "user": "EVE", "role": "king" }),
            "bad_request",
        ),
        (
            json!({ "type": "set_role", "room": "ROOM", "user": "ADA", "role": "member" }),
            "last_owner",
        ),
        (json!({ "type": "leave", "room": "ROOM" }), "last_owner"),
        (
            json!({ "type": "leave", "room": "ROOM", "user": "EVE" }),
            "member_left",
        ),
        (
            json!({ "type": "leave", "room": "ROOM", "user": "EVE" }),
            "unchanged",
        ),
        (
            json!({ "type": "leave", "room": "ROOM", "user": "LIN" }),
            "member_left",
        ),
        (json!({ "type": "leave", "room": "ROOM" }), "member_left"),
        (json!({ "type": "leave", "room": "ROOM" }), "unchanged"),
        (
            json!({ "type": "send", "room": "ROOM", "content": text("x") }),
            "not_found",
        ),
        (direct(json!([])), "bad_request"),
        (direct(json!(["ADA"])), "bad_request"),
        (direct(json!(["LIN", "EVE"])), "bad_request"),
        (direct(json!([nobody])), "not_found"),
        (create("group"), "room_created"),
        (
            json!({ "type": "create_room", "kind": "group", "members": ["ADA", "LIN", "LIN"] }),
            "room_created",
        ),
        (
            json!({ "type": "create_room", "kind": "group", "visibility": "public" }),
            "bad_request",
        ),
        (
            json!({ "type": "create_room", "kind": "group", "members": [nobody] }),
            "not_found",
        ),
        (create("channel"), "bad_request"),
        (create("castle"), "bad_request"),
        (
            json!({ "type": "create_room", "kind": "channel", "name": "tea" }),
            "room_created",
        ),
    ];
    for (frame, outcome) in table {
        assert_eq!(
            twins.over_socket(&frame).await,
            outcome,
            "{frame} over the socket"
        );
        assert_eq!(twins.over_rest(&frame).await, outcome, "{frame} over REST");
    }
    // A direct room is one for both, so each form is tried by one door after the other had made it.
    let forms = [
        json!(["LIN"]),
        json!(["LIN", "ADA"]),
        json!(["ADA", "LIN", "LIN"]),
    ];
    assert_eq!(
        twins.over_socket(&direct(forms[1].clone())).await,
        "room_created"
    );
    for form in forms {
        assert_eq!(
            twins.over_socket(&direct(form.clone())).await,
            "unchanged",
            "{form}"
        );
        assert_eq!(
            twins.over_rest(&direct(form.clone())).await,
            "unchanged",
            "{form}"
        );
    }
    assert_eq!(
        twins.over_rest(&direct(json!(["ADA", "EVE"]))).await,
        "room_created"
    );
    // [RM11] A public channel is one for both, too.
    let channel = |name: &str| json!({ "type": "create_room", "kind": "channel", "name": name, "visibility": "public" });
    assert_eq!(twins.over_socket(&channel("News")).await, "room_created");
    for same in ["News", "#news", " NEWS "] {
        assert_eq!(twins.over_socket(&channel(same)).await, "name_taken");
        assert_eq!(twins.over_rest(&channel(same)).await, "name_taken");
    }
    for wrong in [
        json!({ "type": "create_room", "kind": "direct", "members": ["LIN"], "name": "us" }),
        json!({ "type": "create_room", "kind": "direct", "members": ["LIN"], "visibility": "public" }),
    ] {
        assert_eq!(twins.over_socket(&wrong).await, "bad_request");
        assert_eq!(twins.over_rest(&wrong).await, "bad_request");
    }
}
