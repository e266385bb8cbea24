//! Accounts, devices, lists of rooms and members.

use tidings_core::{AddDevice, Command, CreateUser, KeepDevices, RemoveDevice, SetPassword};
use tidings_protocol::{
    DeviceId, Role, RoomId, ServerRole, UserId, UserProfile, content::RemovedReason,
    subject::DeleteMessage,
};

use crate::{Database, world::*};

fn names(users: &[UserProfile]) -> Vec<&str> {
    users.iter().map(|u| u.username.as_str()).collect()
}

pub(crate) async fn users_are_found_by_name_and_prefix(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    for name in ["adam", "bob", "ad_x"] {
        user(&store, name).await;
    }
    let zoe = UserId::from_bits(id());
    let mut command = create_user(zoe, "zoe");
    if let Command::CreateUser(CreateUser { display_name, .. }) = &mut command {
        *display_name = "Ädele 100%".parse().unwrap();
    }
    happened(run(&store, zoe, command).await);

    let found = store.user(ada).await.unwrap().unwrap();
    assert_eq!(found.username.as_str(), "ada");
    assert_eq!(found.role, ServerRole::Owner);
    assert_eq!(found.password_hash, "$argon2id$of-ada");
    let by_name = store.user_by_name(&"ada".parse().unwrap()).await.unwrap();
    assert_eq!(by_name, Some(found));
    let nobody = store.user_by_name(&"nobody".parse().unwrap()).await;
    assert_eq!(nobody.unwrap(), None);
    assert_eq!(store.user(UserId::from_bits(1)).await.unwrap(), None);

    let search = async |prefix: &str| {
        let found = store.search_users(prefix, None, 10).await.unwrap();
        names(&found).join(" ")
    };
    // [RE15] By any word of either name, without case and accents, each once, the shortest word first.
    assert_eq!(search("ad").await, "ad_x ada adam zoe");
    assert_eq!(search("@AD").await, "ad_x ada adam zoe");
    assert_eq!(search("ada ").await, "ada adam");
    assert_eq!(search("ad_x").await, "ad_x");
    assert_eq!(search("äde").await, "zoe");
    assert_eq!(search("ÄDELE 1").await, "zoe");
    assert_eq!(search("100 zo adele").await, "zoe");
    assert_eq!(search("1 x").await, "");
    assert_eq!(search("%").await, "");
    assert_eq!(search("a\0").await, search("a").await);
    assert_eq!(search("' OR 1=1 --").await, "");
    assert_eq!(search("").await.split(' ').count(), 5);
    let mut pages = Vec::new();
    loop {
        let last = pages.last().map(|user: &UserProfile| user.id);
        let page = store.search_users("a", last, 1).await.unwrap();
        if page.is_empty() {
            break;
        }
        pages.extend(page);
    }
    assert_eq!(names(&pages).join(" "), search("a").await);

    // Everybody is everybody, though thousands of words come before the only one of somebody. [RE15]
    let zz = UserId::from_bits(id());
    let mut command = create_user(zz, "zz");
    if let Command::CreateUser(CreateUser { display_name, .. }) = &mut command {
        *display_name = "Zz".parse().unwrap();
    }
    happened(run(&store, zz, command).await);
    db.sql(
        "WITH RECURSIVE many (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 5000) \
         INSERT INTO user_words (word, \"user\") SELECT 'w' || n, u.id FROM many, users u WHERE u.username = 'ada'",
    );
    let mut pages = Vec::new();
    loop {
        let last = pages.last().map(|user: &UserProfile| user.id);
        let page = store.search_users(" ", last, 4).await.unwrap();
        let is_last = page.len() < 4;
        pages.extend(page);
        if is_last {
            break;
        }
    }
    assert_eq!(names(&pages).join(" "), "ad_x ada adam bob zoe zz");

    let some = [zoe, UserId::from_bits(7), ada];
    let profiles = store.profiles(&some).await.unwrap();
    assert_eq!(names(&profiles), ["ada", "zoe"]);
    assert_eq!(profiles[1].role, ServerRole::Member);
    assert_eq!(store.profiles(&[]).await.unwrap(), []);
}

pub(crate) async fn devices_sign_in_and_out(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let mut devices = Vec::new();
    for n in 1..=3u8 {
        let device = DeviceId::from_bits(id());
        let command = AddDevice {
            device,
            name: format!("phone {n}"),
            token_hash: [n; 32],
            checked_hash: None,
        };
        happened(run(&store, ada, command).await);
        devices.push(device);
    }
    let (device, whose) = store.device_by_token([2; 32]).await.unwrap().unwrap();
    assert_eq!((device.id, device.name.as_str()), (devices[1], "phone 2"));
    assert_eq!(whose.id, ada);
    assert_eq!(store.device_by_token([9; 32]).await.unwrap(), None);
    let listed: Vec<_> = store.devices(ada).await.unwrap();
    let listed: Vec<_> = listed.iter().map(|d| d.id).collect();
    devices.reverse();
    assert_eq!(listed, devices, "newest first");
    let remove = RemoveDevice {
        device: device.id,
        reason: RemovedReason::SignedOut,
    };
    happened(run(&store, ada, remove).await);
    assert_eq!(store.device_by_token([2; 32]).await.unwrap(), None);
    assert_eq!(store.devices(ada).await.unwrap().len(), 2);
    let set = |keep| SetPassword {
        password_hash: "another".to_owned(),
        checked_hash: None,
        keep,
    };
    let ids = async || -> Vec<DeviceId> {
        let devices = store.devices(ada).await.unwrap();
        devices.iter().map(|device| device.id).collect()
    };
    happened(run(&store, ada, set(KeepDevices::All)).await);
    assert_eq!(ids().await.len(), 2);
    let kept = ids().await[0];
    happened(run(&store, ada, set(KeepDevices::Only(kept))).await);
    assert_eq!(ids().await, [kept]);
    happened(run(&store, ada, set(KeepDevices::None)).await);
    assert_eq!(ids().await, []);
    let row = store.user(ada).await.unwrap().unwrap();
    assert_eq!(row.password_hash, "another");
}

pub(crate) async fn rooms_and_members_are_listed_in_pages(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let bob = user(&store, "bob").await;
    let mut channels = Vec::new();
    for n in 0..5 {
        channels.push(channel(&store, ada, &format!("channel {n}")).await);
    }
    let private = group(&store, ada, &[]).await;
    join(&store, bob, channels[3]).await;
    channels.sort();

    let mut seen: Vec<RoomId> = Vec::new();
    loop {
        let page = store
            .public_rooms(bob, seen.last().copied(), 2)
            .await
            .unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page.iter().map(|room| room.id));
    }
    assert_eq!(seen, channels);
    let all = store.public_rooms(bob, None, 100).await.unwrap();
    let joined: Vec<_> = all.iter().filter(|r| r.role.is_some()).collect();
    assert_eq!(joined.len(), 1);
    assert_eq!((joined[0].role, joined[0].members), (Some(Role::Member), 2));

    // A private room is nothing to a stranger; a public channel has a summary without a role.
    assert_eq!(store.room_summary(private, bob).await.unwrap(), None);
    let other = *channels.iter().find(|r| **r != joined[0].id).unwrap();
    let summary = store.room_summary(other, bob).await.unwrap().unwrap();
    assert_eq!(summary.role, None);

    let mut users = vec![ada, bob];
    for n in 0..5 {
        let user = user(&store, &format!("guest{n}")).await;
        join(&store, user, other).await;
        users.push(user);
    }
    leave(&store, users.pop().unwrap(), other).await;
    users.retain(|u| *u != bob);
    users.sort();
    let mut seen: Vec<UserId> = Vec::new();
    loop {
        let page = store.members(other, seen.last().copied(), 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page.iter().map(|member| member.user.id));
    }
    assert_eq!(seen, users);
    // Who they are alone, with the event that says so.
    let mut seen: Vec<UserId> = Vec::new();
    let head = store.room_summary(other, ada).await.unwrap().unwrap().head;
    loop {
        let after = seen.last().copied();
        let (upto, page) = store.member_ids(other, after, 2).await.unwrap().unwrap();
        assert_eq!(upto, head);
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    assert_eq!(seen, users);
    let nowhere = RoomId::from_bits(1);
    assert_eq!(store.member_ids(nowhere, None, 2).await.unwrap(), None);

    let page = store.members(other, None, 100).await.unwrap();
    let owner = page.iter().find(|m| m.user.id == ada).unwrap();
    assert_eq!(owner.role, Role::Owner);
}

pub(crate) async fn sharing_a_room_is_seen_while_it_lasts(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let bob = user(&store, "bob").await;
    let eve = user(&store, "eve").await;
    let room = group(&store, ada, &[bob]).await;
    let lobby = channel(&store, eve, "lobby").await;
    let shared = async || store.sharing_room(ada, &[bob, eve]).await.unwrap();
    assert_eq!(shared().await, [bob]);
    join(&store, ada, lobby).await;
    let mut both = shared().await;
    both.sort();
    assert_eq!(both, [bob, eve]);
    leave(&store, bob, room).await;
    assert_eq!(shared().await, [eve]);
    assert_eq!(store.sharing_room(ada, &[]).await.unwrap(), []);
}

pub(crate) async fn a_last_line_is_read_with_how_far_the_room_had_come(db: Database) {
    // [SB2] [EV8]
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let room = group(&store, ada, &[]).await;
    let look = async || {
        let (head, last) = store.last_line(room).await.unwrap().unwrap();
        (head, last.map(|last| (last.seq, last.text)))
    };
    let (empty, last) = look().await;
    assert_eq!(last, None);
    let said = say(&store, ada, room, "the last line").await;
    assert_eq!(said.seq, empty.next());
    let text = Some("the last line".to_owned());
    assert_eq!(look().await, (said.seq, Some((said.seq, text))));
    let delete = DeleteMessage {
        room,
        message: said.id,
    };
    let deleted = happened(run(&store, ada, delete).await);
    assert_eq!(look().await, (deleted.seq, Some((said.seq, None))));
    let nowhere = tidings_protocol::RoomId::from_bits(1);
    assert!(store.last_line(nowhere).await.unwrap().is_none());
}
