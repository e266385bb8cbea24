//! Says hello in every room of its own, then prints what happens there.

use std::env;

use tidings_sdk::{Client, ConnectOptions, Error, Update};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let address = env::var("TIDINGS_URL").unwrap_or_else(|_| "http://127.0.0.1:8080".to_owned());
    let token = env::var("TIDINGS_TOKEN").unwrap_or_default();
    let client = Client::with_token(&address, token)?;
    let (connection, mut updates) = client.connect(ConnectOptions::default()).await?;
    connection.ready().await?;
    for room in connection.rooms() {
        connection.open(room.id, None).await;
        connection.send(room.id, "hello").await?;
    }
    while let Some(update) = updates.recv().await {
        if let Update::Event(event) = update {
            println!("{event:?}");
        }
    }
    Ok(())
}
