//! Tables: what goes in, what comes out, in short lines.
//!
//! Owns: the situations that have a name. Never: random ones; those are in `model`.

mod model;
mod tables;

use tidings_protocol::{
    ClientFrame, Content, Cursor, Epoch, Event, EventId, Follow, LogId, MessageText, OpenRoom,
    Position, RoomId, RoomKind, RoomSummary, SendContent, Seq, ServerFrame, ServerRole, ShardId,
    Timestamp, UserId, UserKind, UserProfile, Visibility,
    content::Known,
    frame::{Welcome, WireLimits},
    subject::SendMessage,
    summary::Marker,
};

use super::{Answer, Output, Wanted};

fn room(number: u128) -> RoomId {
    RoomId::from_bits(number)
}

fn me() -> UserId {
    UserId::from_bits(1)
}

fn cursor(positions: &[u64]) -> Cursor {
    Cursor {
        epoch: Epoch(1),
        positions: positions.iter().copied().map(Position).collect(),
    }
}

fn text(text: &str) -> MessageText {
    text.parse().unwrap()
}

/// An event whose place in its shard is ten times its place in its log.
fn event(log: LogId, seq: u64, txn: Option<&str>) -> Event {
    Event {
        shard: ShardId(0),
        position: Position(seq * 10),
        log,
        seq: Seq(seq),
        id: EventId::from_bits(u128::from(seq)),
        at: Timestamp::default(),
        actor: me(),
        count: seq,
        txn: txn.map(|txn| txn.parse().unwrap()),
        answer: false,
        content: Some(Content::Known(Known::Message { text: text("hi") })),
    }
}

fn send(txn: &str, to: RoomId) -> ClientFrame {
    ClientFrame::give(
        txn.parse().unwrap(),
        SendMessage {
            room: to,
            content: SendContent::Text { text: text(txn) },
        },
    )
}

fn summary(id: RoomId, head: u64) -> RoomSummary {
    RoomSummary {
        id,
        kind: RoomKind::Group,
        visibility: Visibility::Private,
        name: None,
        peer: None,
        created_at: Timestamp::default(),
        head: Seq(head),
        count: head,
        gone: tidings_protocol::Gone::default(),
        members: 2,
        role: None,
        marker: Marker::default(),
        last: None,
    }
}

fn welcome(rooms: Vec<RoomSummary>, cursor: Cursor, user_seq: u64) -> Box<Welcome> {
    Box::new(Welcome {
        me: UserProfile {
            id: me(),
            username: "ada".parse().unwrap(),
            display_name: "Ada".parse().unwrap(),
            kind: UserKind::Person,
            role: ServerRole::Member,
            created_at: Timestamp::default(),
        },
        rooms,
        left: Vec::new(),
        users: Vec::new(),
        user_seq: Seq(user_seq),
        cursor,
        limits: WireLimits::CURRENT,
    })
}

fn log_name(log: LogId) -> String {
    match log {
        LogId::Room(room) => format!("r{}", room.bits()),
        LogId::User(_) => "user".to_owned(),
    }
}

fn seq_name(seq: Option<Seq>) -> String {
    seq.map_or_else(|| "-".to_owned(), |seq| seq.to_string())
}

/// One output in a few words; `WakeAt` has none.
fn line(output: &Output) -> Option<String> {
    let name = |room: RoomId| log_name(LogId::Room(room));
    Some(match output {
        Output::Connect => "connect".to_owned(),
        Output::Disconnect => "disconnect".to_owned(),
        Output::Send(frame) => frame_line(frame),
        Output::Fetch(fetch) => match fetch.what {
            Wanted::Range { room, after, .. } => {
                format!("fetch#{} {}>{after}", fetch.id, name(room))
            }
            Wanted::Latest { room, .. } => format!("fetch#{} {} latest", fetch.id, name(room)),
        },
        Output::Apply(event) => format!("apply {}:{}", log_name(event.log), event.seq),
        Output::Welcome { reset: false, .. } => "welcome".to_owned(),
        Output::Welcome { reset: true, .. } => "welcome-reset".to_owned(),
        Output::Moved(rooms) => format!("moved {}", rooms.len()),
        Output::Room { room, .. } => format!("room {}", name(room.id)),
        Output::Left(left) => format!("left {}", name(left.room)),
        Output::Dropped(room) => format!("dropped {}", name(*room)),
        Output::History { room, page } => format!("history {}@{}", name(*room), page.head),
        Output::OpenRefused { room, refusal } => {
            format!("open-refused {} {}", name(*room), refusal.code.as_str())
        }
        Output::FrameRefused(refusal) => format!("frame-refused {}", refusal.code.as_str()),
        Output::Answered { row, answer } => {
            let answer = match answer {
                Answer::Event(event) => format!("{}:{}", log_name(event.log), event.seq),
                Answer::Unchanged(_) => "unchanged".to_owned(),
                Answer::Refused(refusal) => refusal.code.as_str().to_owned(),
            };
            format!("answered {}={answer}", row.txn())
        }
        Output::Signal(frame) => match **frame {
            ServerFrame::Typing { .. } => "typing".to_owned(),
            _ => "presence".to_owned(),
        },
        Output::ResumeMoved => "resume".to_owned(),
        Output::Status(status) => format!("{status:?}"),
        Output::WakeAt(_) => return None,
    })
}

fn frame_line(frame: &ClientFrame) -> String {
    match frame {
        ClientFrame::Hello {
            since,
            follow,
            open,
            user_seq,
            ..
        } => {
            let open: Vec<String> = open.iter().map(open_name).collect();
            let since = since.as_ref().map_or_else(
                || "-".to_owned(),
                |since| {
                    let cursor: Cursor = since.parse().unwrap();
                    format!(
                        "{:?}",
                        cursor.positions.iter().map(|p| p.0).collect::<Vec<_>>()
                    )
                },
            );
            let follow = if *follow == Follow::All {
                "all"
            } else {
                "listed"
            };
            format!(
                "hello since={since} {follow} open={} user={}",
                open.join(","),
                seq_name(*user_seq)
            )
        }
        ClientFrame::Open { room, after } => format!(
            "open {}",
            open_name(&OpenRoom {
                room: *room,
                after: *after
            })
        ),
        ClientFrame::Close { room } => format!("close {}", log_name(LogId::Room(*room))),
        ClientFrame::Ping {} => "ping".to_owned(),
        frame => frame
            .txn()
            .map_or_else(|| "signal".to_owned(), |txn| format!("send {txn}")),
    }
}

fn open_name(open: &OpenRoom) -> String {
    format!(
        "{}>{}",
        log_name(LogId::Room(open.room)),
        seq_name(open.after)
    )
}
