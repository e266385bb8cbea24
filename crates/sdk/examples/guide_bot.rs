//! The bot of `docs/guides/write-a-bot.md`, word for word: says again what others say.

use tidings_sdk::{
    Client, ConnectOptions, Error, Update,
    protocol::{Content, Follow, content::Known},
};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let url = std::env::var("TIDINGS_URL").unwrap_or("http://127.0.0.1:8080".to_owned());
    let token = std::env::var("TIDINGS_TOKEN").expect("TIDINGS_TOKEN is the token of a sign-in");
    let client = Client::with_token(&url, token)?;
    let me = client.me().await?.user;
    let options = ConnectOptions {
        follow: Follow::All,
        ..ConnectOptions::default()
    };
    let (connection, mut updates) = client.connect(options).await?;
    connection.ready().await?;
    println!("{} is here", me.display_name);
    while let Some(update) = updates.recv().await {
        let Update::Event(event) = update else {
            continue;
        };
        let known = event.content.as_ref().and_then(Content::known);
        if let (Some(room), Some(Known::Message { text })) = (event.log.room(), known)
            && event.actor != me.id
            && let Err(error) = connection.send(room, text.as_str()).await
        {
            eprintln!("not said: {error}");
        }
    }
    Ok(())
}
