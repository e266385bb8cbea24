//! `tidings user …`: accounts from the command line, by the same door as everybody's.
//!
//! Owns: reading a password from standard input, and printing accounts. Never: writes rows past the door, or takes a
//! password as an argument, where other users of the machine would see it.

use std::{io::BufRead, sync::Arc};

use anyhow::{Context, bail};
use tidings_core::{Command, StoredEvent};
use tidings_engine::{Answer, Environment, SystemEnvironment, Work, appender};
use tidings_protocol::{LogId, UserId, UserKind, Username};
use tidings_store::Store;

use crate::{
    auth::passwords::{self, Passwords},
    config::{Config, DatabaseSettings, Settings},
    data_folder,
    node::store_config,
    output,
};

/// Accounts that one listing shows.
const LIST_MAX: u32 = 1_000;

/// What to do with accounts. A server that runs meanwhile hears of it within a second.
#[derive(Debug, clap::Subcommand)]
pub enum UserCommand {
    /// Make an account; the password is the first line of standard input
    Add {
        /// The username
        username: String,
        /// How they want to be called; the username when left out
        #[arg(long)]
        display_name: Option<String>,
        /// Where the database is
        #[command(flatten)]
        settings: DatabaseSettings,
    },
    /// List accounts whose username begins so
    List {
        /// The beginning of the username
        #[arg(default_value = "")]
        prefix: String,
        /// Where the database is
        #[command(flatten)]
        settings: DatabaseSettings,
    },
    /// Sign all devices of an account out
    SignOut {
        /// The username
        username: String,
        /// Where the database is
        #[command(flatten)]
        settings: DatabaseSettings,
    },
}

/// Runs one of them.
///
/// # Errors
/// A sentence for the operator.
pub fn run(
    command: UserCommand,
    load: impl Fn(Settings) -> anyhow::Result<Config>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    match command {
        UserCommand::Add {
            username,
            display_name,
            settings,
        } => {
            let config = load(settings.into())?;
            runtime.block_on(add(&config, &username, display_name.as_deref()))
        }
        UserCommand::List { prefix, settings } => {
            let config = load(settings.into())?;
            runtime.block_on(list(&config, &prefix))
        }
        UserCommand::SignOut { username, settings } => {
            let config = load(settings.into())?;
            runtime.block_on(sign_out(&config, &username))
        }
    }
}

async fn open(config: &Config) -> anyhow::Result<Store> {
    data_folder::prepare(config)?;
    Ok(Store::open_beside(&store_config(config)).await?)
}

/// Gives one command to the door of this process.
async fn submit(
    store: &Store,
    actor: UserId,
    command: Command,
) -> anyhow::Result<Option<StoredEvent>> {
    let environment: Arc<dyn Environment> = Arc::new(SystemEnvironment);
    let shard = command.log(actor).shard(store.shards());
    let works: Arc<[Work]> = Arc::new([Work {
        actor,
        txn: None,
        command,
    }]);
    let ran = appender::commit(store, &environment, shard, works).await?;
    match ran.answers.into_iter().next() {
        Some(Answer::Happened(event) | Answer::Before(event)) => Ok(Some(event.event().clone())),
        Some(Answer::Refused(refusal)) => bail!(refusal.message),
        Some(Answer::Unchanged(_)) | None => Ok(None),
    }
}

async fn add(config: &Config, username: &str, display_name: Option<&str>) -> anyhow::Result<()> {
    let username: Username = username.parse()?;
    let mut password = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut password)
        .context("cannot read the password from standard input")?;
    let password = password.trim_end_matches(['\r', '\n']).to_owned();
    passwords::check(&password).map_err(|refusal| anyhow::anyhow!(refusal.message))?;
    let store = open(config).await?;
    let hash = Passwords::new(1)
        .hash(password)
        .await
        .map_err(|refusal| anyhow::anyhow!(refusal.message))?;
    let user = UserId::from_bits(uuid::Uuid::now_v7().as_u128());
    let command = Command::CreateUser {
        only_first: false,
        user,
        display_name: display_name.unwrap_or(username.as_str()).parse()?,
        username,
        kind: UserKind::Person,
        password_hash: hash,
    };
    submit(&store, user, command).await?;
    output::line(user)
}

async fn list(config: &Config, prefix: &str) -> anyhow::Result<()> {
    let store = open(config).await?;
    for user in store.search_users(prefix, None, LIST_MAX).await? {
        output::line(format_args!(
            "{}  {:<32}  {:<8}  {}",
            user.id,
            user.username.as_str(),
            user.role.as_str(),
            user.display_name
        ))?;
    }
    Ok(())
}

async fn sign_out(config: &Config, username: &str) -> anyhow::Result<()> {
    let store = open(config).await?;
    let username: Username = username.parse()?;
    let user = store
        .user_by_name(&username)
        .await?
        .with_context(|| format!("there is no {username}"))?;
    let mut count = 0;
    for device in store.devices(user.id).await? {
        let gone = submit(&store, user.id, Command::RemoveDevice { device: device.id }).await?;
        count += usize::from(gone.is_some_and(|event| event.log == LogId::User(user.id)));
    }
    let devices = if count == 1 { "device" } else { "devices" };
    output::line(format_args!("{count} {devices} signed out"))
}
