//! Looking at a PostgreSQL database, and its epoch.
//!
//! Owns: one short session for each question. Never: migrates; a look is a read-only transaction.

use tidings_core::Chain;
use tidings_protocol::{Epoch, Position};

use super::{columns::failed, in_time, migrate as schema, session, session::Session};
use crate::{
    decode,
    error::StoreError,
    hint_key, migrate,
    query::REACHED,
    upkeep::{Found, Lineage, epochs, nothing_there},
    value::Columns,
};

/// See [`look`](crate::upkeep::look).
pub(crate) async fn look(url: &str) -> Result<Found, StoreError> {
    let config = session::config(url)?;
    in_time(async {
        let session = Session::open(&config, &[]).await?;
        let client = session.client();
        client
            .batch_execute("BEGIN READ ONLY")
            .await
            .map_err(failed)?;
        let Some(applied) = schema::history(client).await? else {
            return Ok(Found::Nothing);
        };
        let pending = migrate::pending(migrate::POSTGRES, &applied)?.len();
        if pending > 0 {
            return Ok(Found::Older {
                applied: applied.len(),
                known: migrate::POSTGRES.len(),
            });
        }
        let made = schema::made(client).await?;
        Ok(Found::Current {
            epoch: made.epoch,
            shards: made.shards,
        })
    })
    .await
}

/// See [`new_epoch`](crate::upkeep::new_epoch).
pub(crate) async fn new_epoch(url: &str) -> Result<Epoch, StoreError> {
    let config = session::config(url)?;
    in_time(async {
        let session = Session::open(&config, &[]).await?;
        let client = session.client();
        client.batch_execute("BEGIN").await.map_err(failed)?;
        schema::lock(client).await?;
        let Some(applied) = schema::history(client).await? else {
            return Err(nothing_there("The database"));
        };
        migrate::pending(migrate::POSTGRES, &applied)?;
        refuse_while_served(client).await?;
        draw(client).await?;
        let made = schema::made(client).await?;
        client.batch_execute("COMMIT").await.map_err(failed)?;
        Ok(made.epoch)
    })
    .await
}

/// See [`renew_epoch`](crate::upkeep::renew_epoch).
pub(crate) async fn renew_epoch(url: &str, old: Epoch) -> Result<(), StoreError> {
    let config = session::config(url)?;
    in_time(async {
        let session = Session::open(&config, &[]).await?;
        let client = session.client();
        client.batch_execute("BEGIN").await.map_err(failed)?;
        schema::lock(client).await?;
        // Of several nodes that find it out the first draws.
        if schema::made(client).await?.epoch == old {
            draw(client).await?;
        }
        client.batch_execute("COMMIT").await.map_err(failed)
    })
    .await
}

/// Draws an epoch; the one that ends joins those before it.
async fn draw(client: &tokio_postgres::Client) -> Result<(), StoreError> {
    let remember = "INSERT INTO meta (key, value) SELECT 'earlier_epochs', value FROM meta WHERE key = 'epoch' \
                    ON CONFLICT (key) DO UPDATE SET value = meta.value || ',' || excluded.value";
    client.execute(remember, &[]).await.map_err(failed)?;
    let epoch = migrate::new_epoch()?.to_string();
    let text = "UPDATE meta SET value = $1 WHERE key = 'epoch'";
    client.execute(text, &[&epoch]).await.map_err(failed)?;
    // What nodes told each other before opens no more.
    let text = "UPDATE meta SET value = $2 WHERE key = $1";
    let secret = hint_key::new_secret()?;
    client
        .execute(text, &[&hint_key::SECRET, &secret])
        .await
        .map(drop)
        .map_err(failed)
}

/// See [`lineage`](crate::upkeep::lineage).
pub(crate) async fn lineage(url: &str, at: &[Position]) -> Result<Option<Lineage>, StoreError> {
    let config = session::config(url)?;
    in_time(async {
        let session = Session::open(&config, &[]).await?;
        let client = session.client();
        client
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            .await
            .map_err(failed)?;
        let Some(applied) = schema::history(client).await? else {
            return Ok(None);
        };
        let text = "SELECT value FROM meta WHERE key = 'earlier_epochs'";
        let earlier = client.query_opt(text, &[]).await.map_err(failed)?;
        let earlier = earlier.as_ref().map(|row| row.text(0)).transpose()?;
        let (mut reached, mut chains) = (Vec::new(), vec![None; at.len()]);
        // Before it there is nothing to compare by.
        if applied.len() >= migrate::CHAIN {
            let rows = client.query(REACHED.text, &[]).await.map_err(failed)?;
            for row in &rows {
                reached.push(decode::reached(row)?);
            }
            let text = "SELECT chain FROM events WHERE shard = $1 AND position = $2";
            for (shard, position) in at.iter().enumerate() {
                let place = (shard as i64, i64::try_from(position.0).unwrap_or(i64::MAX));
                let row = client.query_opt(text, &[&place.0, &place.1]).await;
                let row = row.map_err(failed)?;
                let chain = row.as_ref().map(|row| row.bytes_or_none(0)).transpose()?;
                let chain = chain.flatten().map(TryInto::try_into).transpose();
                chains[shard] = chain
                    .map_err(|_| StoreError::damaged("a chain"))?
                    .map(Chain);
            }
        }
        Ok(Some(Lineage {
            epoch: schema::made(client).await?.epoch,
            earlier: epochs(earlier),
            is_copy: false,
            reached,
            at: chains,
        }))
    })
    .await
}

/// A node keeps the epoch that it started with, so none may run. Nodes always hold connections.
async fn refuse_while_served(client: &tokio_postgres::Client) -> Result<(), StoreError> {
    let text = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND pid <> pg_backend_pid() AND application_name = current_setting('application_name')";
    let row = client.query_one(text, &[]).await.map_err(failed)?;
    if row.int(0)? > 0 {
        return Err(StoreError::Refused(
            "Servers are connected to this database. Stop every node first: each keeps the epoch that it started with."
                .to_owned(),
        ));
    }
    Ok(())
}
