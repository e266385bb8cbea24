//! One connection, checked and with its statements prepared.
//!
//! Owns: what a server must be for us to use it, the settings of a connection, running a prepared statement.
//! Never: prepares while it serves; all statements are prepared when it opens.

use std::{
    collections::HashMap,
    thread::{self, ThreadId},
    time::Duration,
};

use futures_util::{FutureExt, future};
use tokio_postgres::{Client, Config, NoTls, Row, Statement, types::ToSql};

use super::columns::failed;
use crate::{
    error::StoreError,
    query::{Query, READS},
    value::{Columns, Decode, Param, Snapshot},
};

/// How long connecting may take, a server behind a dead route included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The oldest server that keeps what we promise.
const VERSION_MIN: i64 = 130_000;

/// Limits on the server's side, so that a frozen node does not keep a shard locked; and plans by index alone: every
/// statement here has one, and a young table's statistics would say otherwise. A plan is made once, for any values: made
/// anew for each, planning a page costs more than reading it.
const SETTINGS: &str = "SET statement_timeout = '30s'; SET lock_timeout = '10s'; \
    SET idle_in_transaction_session_timeout = '10s'; SET client_encoding = 'UTF8'; SET jit = off; \
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
    SET plan_cache_mode = force_generic_plan; \
    SET default_transaction_isolation = 'read committed'";

/// A statement by its name.
pub(super) type Named = (&'static str, &'static str);

/// An open connection.
pub(crate) struct Session {
    client: Client,
    home: ThreadId,
    statements: HashMap<&'static str, Statement>,
}

/// Reads the address.
pub(super) fn config(url: &str) -> Result<Config, StoreError> {
    // What the parser says may quote a part of it, and that may be the password.
    let mut config: Config = url.parse().map_err(|_| {
        StoreError::Refused(
            "The address of the PostgreSQL database does not read as one; it is \
             postgres://USER:PASSWORD@HOST:PORT/DATABASE. In the password, `@ : / ? # %` and spaces are written as %40 \
             %3A %2F %3F %23 %25 and %20."
                .to_owned(),
        )
    })?;
    config.connect_timeout(CONNECT_TIMEOUT);
    config.keepalives_idle(Duration::from_secs(15));
    if config.get_application_name().is_none() {
        config.application_name("tidings");
    }
    Ok(config)
}

/// The statements of the connections that read.
pub(super) fn reads() -> Vec<Named> {
    READS.iter().map(|query| (query.name, query.text)).collect()
}

impl Session {
    /// Connects, checks the server and prepares the statements.
    pub(super) async fn open(config: &Config, statements: &[Named]) -> Result<Session, StoreError> {
        // Refused by the network, not by the server: it may come up.
        let connected = config.connect(NoTls).await;
        let (client, connection) = connected.map_err(|error| failed(error).unknown())?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL ended");
            }
        });
        check(&client).await?;
        client.batch_execute(SETTINGS).await.map_err(failed)?;
        let prepare = statements.iter().map(|(name, text)| {
            let prepared = client.prepare(text);
            async move { Ok((*name, prepared.await.map_err(failed)?)) }
        });
        let statements = future::try_join_all(prepare).await?.into_iter().collect();
        Ok(Session {
            client,
            home: thread::current().id(),
            statements,
        })
    }

    /// The thread that opened it. Where threads have a runtime each, it serves the connection, too.
    pub(super) const fn home(&self) -> ThreadId {
        self.home
    }

    /// Whether the connection ended.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    fn statement(&self, name: &'static str) -> Result<&Statement, StoreError> {
        self.statements
            .get(name)
            .ok_or_else(|| StoreError::Trouble(format!("{name} is not prepared here")))
    }

    /// Runs a statement that answers rows.
    pub(super) async fn query(
        &self,
        name: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let statement = self.statement(name)?;
        self.client.query(statement, params).await.map_err(failed)
    }

    /// Runs a statement that writes; returns how many rows it changed.
    pub(super) async fn execute(
        &self,
        name: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, StoreError> {
        let statement = self.statement(name)?;
        self.client.execute(statement, params).await.map_err(failed)
    }

    pub(super) async fn begin(&self) -> Result<(), StoreError> {
        self.client.batch_execute("BEGIN").await.map_err(failed)
    }

    pub(super) async fn begin_snapshot(&self) -> Result<(), StoreError> {
        let text = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        self.client.batch_execute(text).await.map_err(failed)
    }

    /// Commits; durable when it returns.
    pub(super) async fn commit(&self) -> Result<(), StoreError> {
        self.client.batch_execute("COMMIT").await.map_err(failed)
    }

    /// Ends a transaction that wrote nothing, without waiting for the answer: whatever comes next on this connection
    /// comes after it.
    pub(super) fn end(&self) -> Result<(), StoreError> {
        match self.commit().now_or_never() {
            None => Ok(()),
            Some(ended) => ended,
        }
    }
}

impl Snapshot for Session {
    async fn rows<T: Send + 'static>(
        &self,
        query: &'static Query,
        params: Vec<Param>,
        decode: Decode<T>,
    ) -> Result<Vec<T>, StoreError> {
        let params: Vec<_> = params.iter().map(|p| p as &(dyn ToSql + Sync)).collect();
        let rows = self.query(query.name, &params).await?;
        rows.iter().map(|row| decode(row as &dyn Columns)).collect()
    }
}

/// Refuses a server that cannot keep our promises.
async fn check(client: &Client) -> Result<(), StoreError> {
    let text = "SELECT current_setting('server_version_num')::bigint, current_setting('fsync'), \
                current_setting('synchronous_commit'), current_setting('server_encoding'), pg_is_in_recovery()";
    let row = client.query_one(text, &[]).await.map_err(failed)?;
    let version = row.int(0)?;
    if version < VERSION_MIN {
        return Err(StoreError::Refused(format!(
            "This PostgreSQL is version {}; Tidings needs 13 or later.",
            version / 10_000
        )));
    }
    if row.text(1)? == "off" {
        return Err(StoreError::Refused(
            "This PostgreSQL runs with fsync = off: acknowledged messages could be lost. Turn it on.".to_owned(),
        ));
    }
    if row.text(3)? != "UTF8" {
        return Err(StoreError::Refused(format!(
            "The database's encoding is {}; Tidings needs UTF8 (CREATE DATABASE … ENCODING 'UTF8').",
            row.text(3)?
        )));
    }
    if row.flag_or_none(4)? == Some(true) {
        return Err(StoreError::Unavailable(
            "this PostgreSQL is a standby that takes no writes".to_owned(),
        ));
    }
    if row.text(2)? == "off" {
        let text = "SET synchronous_commit = on";
        client.batch_execute(text).await.map_err(failed)?;
    }
    Ok(())
}
