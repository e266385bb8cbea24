//! Verifying a PostgreSQL database, with what can be had without being its superuser.
//!
//! Owns: a session for it, and what the server says of its own files. Never: changes anything.

use tokio_postgres::Client;

use super::{columns::failed, migrate as schema, session, session::Session};
use crate::{
    error::StoreError,
    migrate,
    upkeep::nothing_there,
    value::Columns,
    verify::{self, Report, Snapshots, Verified, Watch, statements::READS},
};

impl Snapshots for Session {
    async fn begin(&self) -> Result<(), StoreError> {
        self.begin_snapshot().await
    }

    async fn end(&self) -> Result<(), StoreError> {
        self.commit().await
    }
}

/// See [`verify`](crate::verify::verify).
pub(crate) async fn verify(url: &str, watch: Watch) -> Result<Verified, StoreError> {
    let config = session::config(url)?;
    let session = Session::open(&config, &[]).await?;
    let Some(applied) = schema::history(session.client()).await? else {
        return Err(nothing_there("The database"));
    };
    let pending = migrate::pending(migrate::POSTGRES, &applied)?;
    migrate::refuse_older(pending)?;
    let reads: Vec<_> = READS.iter().map(|query| (query.name, query.text)).collect();
    let session = Session::open(&config, &reads).await?;
    // A large log takes longer than any answer to a client.
    let patient = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0";
    let client = session.client();
    client.batch_execute(patient).await.map_err(failed)?;
    let mut report = Report::new(watch);
    files(client, &mut report).await?;
    indexes(client, &mut report).await?;
    verify::run(&session, &mut report).await?;
    Ok(report.finish())
}

/// What the server's checksums have found so far, if it has any.
async fn files(client: &Client, report: &mut Report) -> Result<(), StoreError> {
    let text = "SELECT current_setting('data_checksums') = 'on', \
                (SELECT coalesce(checksum_failures, 0) FROM pg_stat_database WHERE datname = current_database())";
    let row = client.query_one(text, &[]).await.map_err(failed)?;
    if row.flag_or_none(0)? != Some(true) {
        report.note(
            "this PostgreSQL has no checksums of its pages (initdb --data-checksums, or pg_checksums --enable), so it \
             does not notice a disk that changes them",
        );
    } else if let Some(count) = row.int_or_none(1)?.filter(|count| *count > 0) {
        report.damage(format!(
            "PostgreSQL has found {count} pages whose checksum does not fit"
        ));
    }
    Ok(())
}

/// Every index against its rules, where the extension for it is there and may be used.
async fn indexes(client: &Client, report: &mut Report) -> Result<(), StoreError> {
    const HOW: &str = "indexes were not checked: a superuser does it with `CREATE EXTENSION amcheck` and pg_amcheck";
    let text = "SELECT to_regprocedure('bt_index_check(regclass)') IS NOT NULL \
                AND has_function_privilege(to_regprocedure('bt_index_check(regclass)'), 'execute')";
    let row = client.query_one(text, &[]).await.map_err(failed)?;
    if row.flag_or_none(0)? != Some(true) {
        report.note(HOW);
        return Ok(());
    }
    let text = "SELECT c.relname::text, c.oid FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid \
                JOIN pg_am a ON a.oid = c.relam \
                WHERE a.amname = 'btree' AND c.relnamespace = current_schema()::regnamespace AND c.relpersistence = 'p'";
    for row in client.query(text, &[]).await.map_err(failed)? {
        let name = row.text(0)?.to_owned();
        let index: u32 = row.get(1);
        let checked = client
            .execute("SELECT bt_index_check($1::oid::regclass)", &[&index])
            .await
            .map_err(failed);
        match checked {
            Ok(_) => {}
            Err(StoreError::Unavailable(why)) => return Err(StoreError::Unavailable(why)),
            Err(why) => report.damage(format!("the index {name}: {why}")),
        }
    }
    Ok(())
}
