//! Every REST call of the Rust SDK once, so that none drifts from what the doors take and give.
//!
//! Owns: the calls of a client without a connection, and how their refusals are read.
//! Never: tests what the calls do; the tests of the doors do.

use tidings_sdk::{
    Client, Error, MessagesAt, SignIn, SignUp,
    protocol::{RefusalCode, RoomKind, Seq, UserId, rest::CreateRoom},
};

use super::{all, id_of};
use crate::world::{User, World, in_time};

#[tokio::test]
async fn the_calls_are_understood() {
    // [RE1] [RE3] [RE5] [RE7]
    let world = World::new().await;
    let url = format!("http://{}", world.address());
    let account = SignUp {
        username: "ada".parse().unwrap(),
        password: "a long password".to_owned(),
        display_name: Some("Ada".parse().unwrap()),
        device_name: Some("desk".to_owned()),
    };
    let (ada, signed_in) = Client::sign_up(&url, &account).await.unwrap();
    assert_eq!(ada.me().await.unwrap().user, signed_in.user);
    let wrong = SignIn {
        username: "ada".to_owned(),
        password: "another password".to_owned(),
        device_name: None,
    };
    let error = Client::sign_in(&url, &wrong).await.unwrap_err();
    assert_eq!(error.code(), Some(RefusalCode::WrongCredentials));
    assert!(matches!(&error, Error::Refused { request_id: Some(id), .. } if !id.is_empty()));
    let right = SignIn {
        password: account.password.clone(),
        ..wrong
    };
    let (phone, on_phone) = Client::sign_in(&url, &right).await.unwrap();
    assert_eq!(ada.devices().await.unwrap().len(), 2);
    assert!(ada.remove_device(on_phone.device.id).await.unwrap());
    let error = phone.me().await.unwrap_err();
    assert_eq!(error.code(), Some(RefusalCode::Unauthenticated));

    let lin_is = world.user("lin").await;
    let lin = Client::with_token(&url, lin_is.token.as_str()).unwrap();
    let lin_id: UserId = id_of(&lin_is.id);
    assert_eq!(ada.find_users("li").await.unwrap()[0].id, lin_id);
    assert_eq!(ada.users(&[lin_id]).await.unwrap().len(), 1);
    let group = CreateRoom {
        kind: RoomKind::Group,
        name: Some("designers".parse().unwrap()),
        visibility: None,
        members: Vec::new(),
        txn: Some("room-1".parse().unwrap()),
    };
    let room = ada.create_room(&group).await.unwrap();
    assert_eq!(ada.create_room(&group).await.unwrap().id, room.id, "[RE4]");
    let error = lin.room(room.id).await.unwrap_err();
    assert_eq!(error.code(), Some(RefusalCode::NotFound));
    assert!(ada.join(room.id, Some(lin_id)).await.unwrap().is_some());
    assert!(ada.join(room.id, Some(lin_id)).await.unwrap().is_none());
    assert_eq!(ada.members(room.id, None).await.unwrap().members.len(), 2);
    ada.rename_room(room.id, "painters".parse().unwrap())
        .await
        .unwrap();
    let name = lin.room(room.id).await.unwrap().name;
    assert_eq!(name, Some("painters".parse().unwrap()));
    assert_eq!(lin.rooms(None).await.unwrap().rooms.len(), 1);
    assert!(lin.public_rooms(None).await.unwrap().rooms.is_empty());

    let txn = "txn-1".parse().unwrap();
    let sent = async || ada.send_message(room.id, &txn, "hello".parse().unwrap());
    let event = sent().await.await.unwrap();
    assert_eq!(sent().await.await.unwrap(), event, "[CM3]");
    let thumb = "👍".parse().unwrap();
    assert!(
        lin.react(room.id, event.id, &thumb)
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        lin.react(room.id, event.id, &thumb)
            .await
            .unwrap()
            .is_none()
    );
    let edit = "txn-2".parse().unwrap();
    let edited = ada.edit_message(room.id, event.id, &edit, "hello, all".parse().unwrap());
    assert!(edited.await.unwrap().is_some());
    let page = lin.messages(room.id, MessagesAt::Latest, 10).await.unwrap();
    let message = &page.messages[0];
    assert_eq!(message.text.as_ref().unwrap().as_str(), "hello, all");
    assert_eq!(message.reactions[0].users, [lin_id]);
    for at in [
        MessagesAt::Around(event.seq),
        MessagesAt::After(Seq(1)),
        MessagesAt::Before(page.head),
    ] {
        let same = lin.messages(room.id, at, 10).await.unwrap();
        assert_eq!(same.messages.len(), 1, "{at:?}");
    }
    let marker = lin.mark(room.id, page.head).await.unwrap().unwrap();
    assert_eq!((marker.seq, marker.count), (page.head, 1));
    assert!(
        lin.unreact(room.id, event.id, &thumb)
            .await
            .unwrap()
            .is_some()
    );
    let deleted = ada.delete_message(room.id, event.id).await.unwrap();
    let log = ada.events(room.id, Seq(0), 50).await.unwrap();
    assert_eq!(log.events.last(), deleted.as_ref());
    assert!(lin.leave(room.id, None).await.unwrap().is_some());
    lin.sign_out().await.unwrap();
    let error = connect_refused(&url, &lin_is).await;
    assert!(
        matches!(error, Error::Stopped { code: Some(4200) }),
        "{error}"
    );
}

async fn connect_refused(url: &str, user: &User) -> Error {
    let client = Client::with_token(url, user.token.as_str()).unwrap();
    in_time("the end", client.connect(all())).await.unwrap_err()
}
