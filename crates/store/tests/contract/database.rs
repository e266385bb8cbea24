//! A fresh database of either kind, and a way to look into it from outside the store.

use tempfile::TempDir;
use tidings_store::{Store, StoreConfig};
use tidings_testkit::postgres::TestPostgres;

/// A database of this test alone.
pub(crate) struct Database {
    pub(crate) config: StoreConfig,
    folder: Option<TempDir>,
}

impl Database {
    pub(crate) fn sqlite() -> Database {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("tidings.db");
        Database {
            config: StoreConfig::Sqlite { path },
            folder: Some(folder),
        }
    }

    pub(crate) fn postgres() -> Database {
        let url = TestPostgres::shared().fresh_database();
        Database {
            config: StoreConfig::Postgres { url },
            folder: None,
        }
    }

    /// How many files of migrations there are for it.
    pub(crate) fn migrations(&self) -> usize {
        std::fs::read_dir(self.migrations_folder()).unwrap().count()
    }

    /// The text of one of them.
    pub(crate) fn migration(&self, name: &str) -> String {
        std::fs::read_to_string(format!("{}/{name}", self.migrations_folder())).unwrap()
    }

    fn migrations_folder(&self) -> String {
        let folder = match &self.config {
            StoreConfig::Postgres { .. } => "postgres",
            _ => "sqlite",
        };
        format!("{}/migrations/{folder}", env!("CARGO_MANIFEST_DIR"))
    }

    /// A handle of its own: as another process on SQLite, as another node on PostgreSQL.
    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.config).await.unwrap()
    }

    /// Runs SQL beside the store, and gives the rows: columns apart by `|`.
    pub(crate) fn sql(&self, text: &str) -> Vec<String> {
        match &self.config {
            StoreConfig::Sqlite { path } => sqlite(path, text),
            StoreConfig::Postgres { url } => {
                let said = TestPostgres::shared().sql(url, text);
                said.lines().map(str::to_owned).collect()
            }
            StoreConfig::SqliteMemory { .. } => panic!("nobody else can look into it"),
        }
    }

    /// Waits until what was dropped has let go: threads of SQLite, connections of PostgreSQL.
    pub(crate) async fn closed(&self) {
        for _ in 0..3_000 {
            let is_open = match &self.config {
                StoreConfig::Postgres { .. } => {
                    let text = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                                AND application_name = 'tidings'";
                    self.sql(text) != ["0"]
                }
                _ => self.files().len() > 1,
            };
            if !is_open {
                return;
            }
            // tidy: allow sleep — neither the system nor the server tells when the last one has let go
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the store does not close: {:?}", self.files());
    }

    /// The database's files by name, where there are files.
    pub(crate) fn files(&self) -> Vec<String> {
        let Some(folder) = &self.folder else {
            return Vec::new();
        };
        let files = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<String> = files
            .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Every byte of the database's files, where there are files to look into, once nobody has them open: while a store
    /// lets go, files come and go.
    pub(crate) async fn file_bytes(&self) -> Vec<u8> {
        self.closed().await;
        let Some(folder) = &self.folder else {
            return Vec::new();
        };
        let files = std::fs::read_dir(folder.path()).unwrap();
        files
            .flat_map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .collect()
    }
}

fn sqlite(path: &std::path::Path, text: &str) -> Vec<String> {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .busy_timeout(std::time::Duration::from_secs(10))
        .unwrap();
    let mut statement = connection.prepare(text).unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut found = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let shown = |index| match row.get_ref(index).unwrap() {
            rusqlite::types::ValueRef::Null => String::new(),
            rusqlite::types::ValueRef::Integer(n) => n.to_string(),
            rusqlite::types::ValueRef::Real(n) => n.to_string(),
            rusqlite::types::ValueRef::Text(bytes) | rusqlite::types::ValueRef::Blob(bytes) => {
                String::from_utf8_lossy(bytes).into_owned()
            }
        };
        found.push((0..columns).map(shown).collect::<Vec<_>>().join("|"));
    }
    found
}
