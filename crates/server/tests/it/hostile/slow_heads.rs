//! Clients that open connections and take their time. RELIABILITY 4.27

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Scene;
use crate::world::{Dial, in_time};

#[tokio::test]
async fn heads_that_do_not_come_and_sessions_that_do_not_begin_are_ended() {
    // [HS1] A hundred of each at once, for as long as the server lets them; meanwhile it serves everybody.
    let mut scene = Scene::new().await;
    let before = scene.world.rss_kib();
    let half = "GET /api/v1/socket HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgr";
    let (mut silent, mut halves, mut mute) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..100 {
        silent.push(scene.world.tcp().await);
        let mut tcp = scene.world.tcp().await;
        tcp.write_all(half.as_bytes()).await.unwrap();
        halves.push(tcp);
        mute.push(Dial::default().connect(&scene.world).await.unwrap());
    }
    scene.goes_on("beside three hundred who wait").await;
    for socket in &mut mute {
        assert_eq!(socket.closed().await, 4202);
    }
    drop(mute);
    for tcp in halves.iter_mut().chain(&mut silent) {
        let mut rest = Vec::new();
        // A connection that is reset has ended, too.
        let _ = in_time("the end of a slow head", tcp.read_to_end(&mut rest)).await;
        let rest = String::from_utf8_lossy(&rest);
        assert!(
            rest.is_empty() || rest.starts_with("HTTP/1.1 408"),
            "{rest}"
        );
    }
    scene.goes_on("and after").await;
    let grown = scene.world.rss_kib().saturating_sub(before);
    assert!(grown < super::GROWTH_KIB_MAX, "{grown} KiB");
}

#[tokio::test]
async fn a_hello_in_single_bytes_is_a_hello() {
    // A slow line is no attack: bytes one by one, in the handshake and after it.
    let scene = Scene::new().await;
    let mut socket = Dial::default().connect(&scene.world).await.unwrap();
    let hello = json!({ "type": "hello", "token": scene.lin.token });
    for byte in socket.encode(&hello) {
        socket.raw(&[byte]).await;
    }
    assert_eq!(socket.next().await["type"], "ready");
}

#[tokio::test]
async fn what_comes_with_the_handshake_is_read() {
    // A client in a hurry: its hello and a part of the next frame stand right behind the handshake.
    let mut scene = Scene::new().await;
    let mut socket = Dial::default().connect(&scene.world).await.unwrap();
    let hello = json!({ "type": "hello", "token": scene.lin.token });
    let mut early = socket.encode(&hello);
    let ping = socket.encode(&json!({ "type": "ping" }));
    early.extend(&ping[..3]);
    let dial = Dial {
        early: &early,
        ..Dial::default()
    };
    let mut hurried = dial.connect(&scene.world).await.unwrap();
    assert_eq!(hurried.next().await["type"], "ready");
    hurried.raw(&ping[3..]).await;
    hurried.expect("pong").await;
    // The same that breaks the rules.
    let dial = Dial {
        early: b"hello there",
        ..Dial::default()
    };
    let mut rude = dial.connect(&scene.world).await.unwrap();
    assert_eq!(rude.ended().await, Some(1002));
    scene.goes_on("after all").await;
}
