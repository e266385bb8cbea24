//! A bot that says again what others say to it.
//!
//! Run it with `TIDINGS_URL`, `TIDINGS_TOKEN` and, so that a restart neither loses nor repeats an answer,
//! `TIDINGS_STATE`: a folder for its outbox and its cursor.

use std::{env, error::Error, fs, io, path::Path};

use tidings_sdk::{
    Client, ConnectOptions, Error as SdkError, FileOutbox, Resume, Update,
    protocol::{
        ClientFrame, Content, Event, Follow, SendContent, UserId, content::Known,
        subject::SendMessage,
    },
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::var("TIDINGS_URL").unwrap_or_else(|_| "http://127.0.0.1:8080".to_owned());
    let token = env::var("TIDINGS_TOKEN").map_err(|_| "set TIDINGS_TOKEN to the bot's token")?;
    let state = env::var("TIDINGS_STATE").unwrap_or_else(|_| ".".to_owned());
    let cursor = Path::new(&state).join("echo-bot.cursor");

    let client = Client::with_token(&address, token)?;
    let me = client.me().await?.user;
    let options = ConnectOptions {
        follow: Follow::All,
        resume: load(&cursor)?,
        outbox: Box::new(FileOutbox::open(Path::new(&state).join("echo-bot.outbox"))?),
        ..ConnectOptions::default()
    };
    let (connection, mut updates) = client.connect(options).await?;
    connection.ready().await?;
    println!("{} is here", me.display_name);

    while let Some(update) = updates.recv().await {
        match update {
            Update::Event(event) => {
                if let Some(frame) = answer(&event, me.id) {
                    match connection.command(frame).await {
                        Ok(_) => {}
                        // The server does not want us back: say why and go.
                        Err(error @ SdkError::Stopped { .. }) => return Err(error.into()),
                        Err(error) => eprintln!("no answer to {}: {error}", event.id),
                    }
                }
            }
            // All before this is answered, so the next start may begin here.
            Update::Resume(resume) => save(&cursor, &resume)?,
            _ => {}
        }
    }
    Ok(())
}

/// The answer to an event, if it is another's message. Its `txn` follows from the event: however often the bot is
/// killed between answering and remembering, each message is answered once.
fn answer(event: &Event, me: UserId) -> Option<ClientFrame> {
    let room = event.log.room()?;
    let known = event.content.as_ref().and_then(Content::known)?;
    let Known::Message { text } = known else {
        return None;
    };
    (event.actor != me).then(|| {
        ClientFrame::give(
            format!("echo-{}", event.id)
                .parse()
                .expect("an event's id is printable ASCII"),
            SendMessage {
                room,
                content: SendContent::Text { text: text.clone() },
            },
        )
    })
}

fn load(path: &Path) -> io::Result<Resume> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Resume::default()),
        Err(error) => return Err(error),
    };
    Ok(Resume {
        // An unreadable cursor means to begin now.
        cursor: text.trim().parse().ok(),
        user_seq: None,
    })
}

fn save(path: &Path, resume: &Resume) -> io::Result<()> {
    let Some(cursor) = &resume.cursor else {
        return Ok(());
    };
    let fresh = path.with_extension("new");
    fs::write(&fresh, cursor.to_string())?;
    fs::rename(fresh, path)
}
