//! Which connection a thread is lent.

use std::{sync::Arc, thread};

use super::{
    super::pool::{Home, Pool},
    TestPostgres, session,
};

/// Runs on a thread of its own, with a runtime of its own, as a core does.
fn elsewhere<T: Send + 'static>(job: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    thread::spawn(|| on_a_runtime(job)).join().unwrap()
}

fn on_a_runtime<T>(job: impl AsyncFnOnce() -> T) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap().block_on(job())
}

#[test]
fn a_thread_asks_by_connections_of_its_own_as_long_as_there_may_be_more() {
    let config = session::config(&TestPostgres::shared().fresh_database()).unwrap();
    let pool = Arc::new(Pool::new(config, Vec::new(), 3, Home::Thread));
    on_a_runtime(async || {
        let here = thread::current().id();
        let own = async |count: usize| {
            let mut leases = Vec::new();
            for _ in 0..count {
                leases.push(pool.lease().await.unwrap());
            }
            let own = leases.iter().filter(|l| l.session().home() == here).count();
            leases
                .into_iter()
                .for_each(super::super::pool::Lease::give_back);
            own
        };
        assert_eq!((own(3).await, own(3).await, pool.opened()), (3, 3, 3));
        // All that may be are here: another thread gets its first for one of these, and no second.
        let others = Arc::clone(&pool);
        elsewhere(async move || {
            let here = thread::current().id();
            for _ in 0..3 {
                let (one, two) = (others.lease().await.unwrap(), others.lease().await.unwrap());
                assert_eq!(one.session().home(), here);
                assert_ne!(two.session().home(), here);
                two.give_back();
                one.give_back();
            }
            assert_eq!(others.opened(), 4);
        });
        // Its connection ended with it, and makes room.
        assert_eq!((own(3).await, pool.opened()), (3, 5));
    });
}

#[test]
fn where_no_more_can_be_opened_one_of_another_thread_is_lent() {
    let url = TestPostgres::shared().fresh_database();
    let mut config = session::config(&url).unwrap();
    on_a_runtime(async || {
        let role = format!("alone_{}", uuid::Uuid::now_v7().simple());
        let owner = session::Session::open(&config, &[]).await.unwrap();
        let text = format!("CREATE ROLE {role} LOGIN CONNECTION LIMIT 1 PASSWORD 'alone'");
        owner.client().batch_execute(&text).await.unwrap();
        config.user(&role).password("alone");
        let pool = Arc::new(Pool::new(config, Vec::new(), 2, Home::Thread));
        pool.lease().await.unwrap().give_back();
        let (here, others) = (thread::current().id(), Arc::clone(&pool));
        elsewhere(async move || {
            let lease = others.lease().await.unwrap();
            assert_eq!(lease.session().home(), here);
            lease.give_back();
        });
        let lease = pool.lease().await.unwrap();
        assert!(pool.lease().await.is_err(), "it is the only one");
        lease.give_back();
    });
}
