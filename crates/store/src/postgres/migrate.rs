//! The schema of a PostgreSQL database.
//!
//! Owns: running what is missing, under an advisory lock and in one transaction, whichever node comes first.
//! Never: touches a schema with tables that are not ours.

use std::time::{SystemTime, UNIX_EPOCH};

use tidings_protocol::Epoch;
use tokio_postgres::{Client, Config};
use uuid::Uuid;

use super::{columns::failed, in_time, session::Session};
use crate::{
    batch,
    error::StoreError,
    hint_key,
    migrate::{self, Migration},
    value::Columns,
};

/// The advisory lock of migrations: "tidings" in ASCII. Others are free for other uses of the database.
const LOCK: i64 = 0x0074_6964_696e_6773;

/// What was fixed when the database was made.
pub(super) struct Made {
    pub(super) epoch: Epoch,
    pub(super) shards: u16,
}

/// How often a migration begins again that met somebody who waited for a table while holding another. Each time nothing
/// was done yet.
const LOCKS_MAX: u32 = 20;

/// Runs what is missing of `known`. It takes as long as it takes: an index of a large table is minutes, and a second
/// node waits for the first.
pub(super) async fn migrate(config: &Config, known: &[Migration]) -> Result<Made, StoreError> {
    let mut tries = 1;
    loop {
        match migrate_once(config, known).await {
            Err(StoreError::Conflict) if tries < LOCKS_MAX => tries += 1,
            Err(StoreError::Conflict) => {
                return Err(StoreError::Unavailable(
                    "the tables were not free for a migration; stop the other nodes for a moment"
                        .to_owned(),
                ));
            }
            made => return made,
        }
    }
}

async fn migrate_once(config: &Config, known: &[Migration]) -> Result<Made, StoreError> {
    // Nobody holds what this waits for longer than the server's own limits, but for another migration.
    let session = in_time(Session::open(config, &[])).await?;
    let client = session.client();
    let patient = "SET statement_timeout = 0; SET lock_timeout = 0; BEGIN";
    client.batch_execute(patient).await.map_err(failed)?;
    lock(client).await?;
    run(client, known).await?;
    let made = made(client).await?;
    client.batch_execute("COMMIT").await.map_err(failed)?;
    Ok(made)
}

/// Keeps other migrations, and whoever else changes `meta`, out until the transaction ends.
pub(super) async fn lock(client: &Client) -> Result<(), StoreError> {
    client
        .execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])
        .await
        .map(drop)
        .map_err(failed)
}

/// Takes every table of ours, before anything is changed: nodes of the version before may be at work. One by one, as statements
/// come to them, a node that has one table and waits for the next would be waited for, and the migration be the one that
/// gives way. The heads come first, as in every append.
async fn lock_tables(client: &Client) -> Result<(), StoreError> {
    // Extensions may have put views and tables of their own there.
    let text = "SELECT string_agg(quote_ident(c.relname), ', ' ORDER BY c.relname <> 'shards', c.relname) FROM pg_class c \
                WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND pg_has_role(c.relowner, 'USAGE')";
    let row = client.query_one(text, &[]).await.map_err(failed)?;
    let tables = row.text(0)?;
    let text = format!("LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE");
    client.batch_execute(&text).await.map_err(failed)
}

/// Reads what was fixed when the database was made.
pub(super) async fn made(client: &Client) -> Result<Made, StoreError> {
    Ok(Made {
        epoch: Epoch(meta(client, "epoch").await?),
        shards: u16::try_from(meta(client, "shards").await?)
            .map_err(|_| StoreError::damaged("the number of shards"))?,
    })
}

/// Which migrations ran; none in an empty schema.
///
/// # Errors
/// `Refused` for tables that are not ours.
pub(super) async fn history(client: &Client) -> Result<Option<Vec<migrate::Applied>>, StoreError> {
    // What belongs to an extension is nobody's program.
    let text = "SELECT count(*), count(*) FILTER (WHERE c.relname = 'migrations') FROM pg_class c \
                WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
                AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid \
                AND d.deptype = 'e')";
    let row = client.query_one(text, &[]).await.map_err(failed)?;
    let (tables, ours) = (row.int(0)?, row.int(1)? > 0);
    if !ours && tables > 0 {
        return Err(migrate::foreign("The database"));
    }
    if !ours {
        return Ok(None);
    }
    let text = "SELECT version, name, checksum FROM migrations ORDER BY version";
    let rows = client
        .query(text, &[])
        .await
        .map_err(|_| migrate::foreign("The database"))?;
    let mut applied = Vec::new();
    for row in &rows {
        applied.push(migrate::Applied {
            version: row.int(0)?,
            name: row.text(1)?.to_owned(),
            checksum: row.text(2)?.to_owned(),
        });
    }
    Ok(Some(applied))
}

async fn run(client: &Client, known: &[Migration]) -> Result<(), StoreError> {
    let applied = match history(client).await? {
        Some(applied) => applied,
        None => {
            let text = "CREATE TABLE migrations (version bigint PRIMARY KEY, name text NOT NULL, \
                        checksum text NOT NULL, applied_at bigint NOT NULL)";
            client.batch_execute(text).await.map_err(failed)?;
            Vec::new()
        }
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(0));
    let pending = migrate::pending(known, &applied)?;
    if migrate::tell(pending, &applied) {
        lock_tables(client).await?;
    }
    for migration in pending {
        let context = |error| StoreError::trouble(migration.name, failed(error));
        client
            .batch_execute(migration.text)
            .await
            .map_err(context)?;
        if migration.version == migrate::FOUND_BY {
            words(client).await?;
            public_names(client).await?;
        }
        let text =
            "INSERT INTO migrations (version, name, checksum, applied_at) VALUES ($1, $2, $3, $4)";
        client
            .execute(
                text,
                &[
                    &migration.version,
                    &migration.name,
                    &migration.checksum(),
                    &now,
                ],
            )
            .await
            .map_err(failed)?;
    }
    if applied.is_empty() {
        let text = "INSERT INTO meta (key, value) SELECT 'epoch', $1 UNION ALL SELECT 'created_at', $2 \
                    UNION ALL SELECT 'shards', count(*)::text FROM shards";
        let epoch = migrate::new_epoch()?.to_string();
        client
            .execute(text, &[&epoch, &now.to_string()])
            .await
            .map_err(failed)?;
    }
    let text = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";
    let secret = hint_key::new_secret()?;
    client
        .execute(text, &[&hint_key::SECRET, &secret])
        .await
        .map(drop)
        .map_err(failed)
}

/// Writes the words of every account, a page at a time.
async fn words(client: &Client) -> Result<(), StoreError> {
    client
        .batch_execute("DELETE FROM user_words")
        .await
        .map_err(failed)?;
    let page = "SELECT id, username, display_name FROM users WHERE id > $1 ORDER BY id LIMIT 1000";
    let add =
        "INSERT INTO user_words (word, \"user\") SELECT * FROM unnest($1::text[], $2::uuid[])";
    let mut after = Uuid::nil();
    loop {
        let rows = client.query(page, &[&after]).await.map_err(failed)?;
        let (mut words, mut users) = (Vec::new(), Vec::new());
        for row in &rows {
            after = Uuid::from_bytes(row.id(0)?);
            for word in batch::words_of(row.text(1)?, row.text(2)?) {
                words.push(word);
                users.push(after);
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        client
            .execute(add, &[&words, &users])
            .await
            .map_err(failed)?;
    }
}

/// Writes the names of public channels as they are compared.
async fn public_names(client: &Client) -> Result<(), StoreError> {
    let text = "SELECT id, name FROM rooms WHERE visibility = 'public' AND name IS NOT NULL ORDER BY created_at, id";
    let rows = client.query(text, &[]).await.map_err(failed)?;
    let channels = rows
        .iter()
        .map(|row| Ok((Uuid::from_bytes(row.id(0)?), row.text(1)?.to_owned())))
        .collect::<Result<Vec<_>, StoreError>>()?;
    let (rooms, names): (Vec<_>, Vec<_>) = batch::public_names(channels).into_iter().unzip();
    let text = "UPDATE rooms r SET public_name = k.name FROM unnest($1::uuid[], $2::text[]) AS k (id, name) WHERE r.id = k.id";
    client
        .execute(text, &[&rooms, &names])
        .await
        .map(drop)
        .map_err(failed)
}

async fn meta(client: &Client, key: &str) -> Result<u64, StoreError> {
    let text = "SELECT value FROM meta WHERE key = $1";
    let row = client.query_one(text, &[&key]).await.map_err(failed)?;
    row.text(0)?
        .parse()
        .map_err(|_| StoreError::damaged("a number of meta"))
}
