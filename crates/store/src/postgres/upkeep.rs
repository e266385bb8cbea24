//! Looking at a PostgreSQL database, and its epoch.
//!
//! Owns: one short session for each question. Never: migrates; a look is a read-only transaction.

use tidings_protocol::Epoch;

use super::{columns::failed, in_time, migrate as schema, session, session::Session};
use crate::{
    error::StoreError,
    hint_key, migrate,
    upkeep::{Found, nothing_there},
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
        let epoch = migrate::new_epoch()?.to_string();
        let text = "UPDATE meta SET value = $1 WHERE key = 'epoch'";
        client.execute(text, &[&epoch]).await.map_err(failed)?;
        // What nodes told each other before opens no more.
        let text = "UPDATE meta SET value = $2 WHERE key = $1";
        let secret = hint_key::new_secret()?;
        client
            .execute(text, &[&hint_key::SECRET, &secret])
            .await
            .map_err(failed)?;
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
        let epoch = migrate::new_epoch()?.to_string();
        // Of several nodes that find it out the first draws.
        let text = "WITH drawn AS (UPDATE meta SET value = $1 WHERE key = 'epoch' AND value = $2 RETURNING 1) \
                    UPDATE meta SET value = $4 WHERE key = $3 AND EXISTS (SELECT 1 FROM drawn)";
        let (old, secret) = (old.0.to_string(), hint_key::new_secret()?);
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&epoch, &old, &hint_key::SECRET, &secret];
        session
            .client()
            .execute(text, &params)
            .await
            .map_err(failed)?;
        Ok(())
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
