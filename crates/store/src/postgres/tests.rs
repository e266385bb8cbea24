//! Every statement prepares on a real server.

use tidings_testkit::postgres::TestPostgres;

use super::{Session, migrate, session, statements};

#[tokio::test]
async fn every_statement_prepares() {
    let config = session::config(&TestPostgres::shared().fresh_database()).unwrap();
    migrate::migrate(&config).await.unwrap();
    let session = Session::open(&config, &[]).await.unwrap();
    for (name, text) in session::reads().into_iter().chain(statements::names()) {
        if let Err(error) = session.client().prepare(text).await {
            panic!("{name}: {error:?}\n{text}");
        }
    }
}
