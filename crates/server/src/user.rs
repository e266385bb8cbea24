//! `tidings user …`: accounts from the command line, by the same door as everybody's.
//!
//! Owns: reading a password from standard input, and printing accounts. Never: writes rows past the door, or takes a
//! password as an argument, where other users of the machine would see it.

use std::{io::BufRead, sync::Arc};

use anyhow::{Context, bail};
use tidings_core::{
    Command, CreateUser, KeepDevices, RemoveDevice, SetPassword, StoredEvent, User,
};
use tidings_engine::{Answer, Environment, SystemEnvironment, Work, appender};
use tidings_protocol::{LogId, RefusalCode, UserId, UserKind, Username, content::RemovedReason};
use tidings_store::Store;

use crate::{
    auth::passwords::{Lane, Password, Passwords},
    config::{Config, DatabaseSettings, Settings},
    data_folder,
    http::SERVER_NAME,
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
    /// Give an account another password, the first line of standard input; all its devices are signed out
    SetPassword {
        /// The username
        username: String,
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
        UserCommand::SetPassword { username, settings } => {
            let config = load(settings.into())?;
            runtime.block_on(set_password(&config, &username))
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
    command: impl Into<Command>,
) -> anyhow::Result<Option<StoredEvent>> {
    let environment: Arc<dyn Environment> = Arc::new(SystemEnvironment);
    let work = Work {
        actor,
        txn: None,
        command: command.into(),
    };
    let shard = work.log().shard(store.shards());
    let works: Arc<[Work]> = Arc::new([work]);
    let ran = appender::commit(store, &environment, shard, works).await?;
    match ran.answers.into_iter().next() {
        Some(Answer::Happened(event) | Answer::Before(event)) => Ok(Some(event.event().clone())),
        Some(Answer::Refused(refusal)) => bail!(refusal.message),
        Some(Answer::Unchanged(_)) | None => Ok(None),
    }
}

async fn add(config: &Config, username: &str, display_name: Option<&str>) -> anyhow::Result<()> {
    let username: Username = username.parse()?;
    if username.is_reserved() {
        bail!(RefusalCode::UsernameReserved.message());
    }
    let about = [
        username.as_str(),
        display_name.unwrap_or_default(),
        SERVER_NAME,
    ];
    let password = password_of_stdin(&about)?;
    let store = open(config).await?;
    let hash = hash(password).await?;
    let user = UserId::from_bits(uuid::Uuid::now_v7().as_u128());
    let command = CreateUser {
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

/// The first line of standard input, within the rule of passwords.
fn password_of_stdin(about: &[&str]) -> anyhow::Result<Password> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .context("cannot read the password from standard input")?;
    let line = line.trim_end_matches(['\r', '\n']);
    Password::chosen(line, about).map_err(|refusal| anyhow::anyhow!(refusal.message))
}

async fn hash(password: Password) -> anyhow::Result<String> {
    let hash = Passwords::new(1).hash(password, Lane::Known).await;
    hash.map_err(|refusal| anyhow::anyhow!(refusal.message))
}

async fn find(store: &Store, username: &str) -> anyhow::Result<User> {
    let username: Username = username.parse()?;
    let user = store.user_by_name(&username).await?;
    user.with_context(|| format!("there is no {username}"))
}

async fn set_password(config: &Config, username: &str) -> anyhow::Result<()> {
    let store = open(config).await?;
    let user = find(&store, username).await?;
    let about = [
        user.username.as_str(),
        user.display_name.as_str(),
        SERVER_NAME,
    ];
    let password = password_of_stdin(&about)?;
    let devices = store.devices(user.id).await?.len();
    let command = SetPassword {
        password_hash: hash(password).await?,
        checked_hash: None,
        keep: KeepDevices::None,
    };
    submit(&store, user.id, command).await?;
    tell_signed_out("the password is changed; ", devices)
}

fn tell_signed_out(before: &str, count: usize) -> anyhow::Result<()> {
    let devices = if count == 1 { "device" } else { "devices" };
    output::line(format_args!("{before}{count} {devices} signed out"))
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
    let user = find(&store, username).await?;
    let mut count = 0;
    for device in store.devices(user.id).await? {
        let remove = RemoveDevice {
            device: device.id,
            reason: RemovedReason::SignedOut,
        };
        let gone = submit(&store, user.id, remove).await?;
        count += usize::from(gone.is_some_and(|event| event.log == LogId::User(user.id)));
    }
    tell_signed_out("", count)
}
