//! Power cuts under load: what was not synced is gone, in any order, pages torn; then the audit. `[P1]` `[P3]` `[P4]`
//!
//! The disk is `tidings_powercut`, under SQLite's folder and under PostgreSQL's.

use std::{path::Path, time::Duration};

use tidings_powercut::{Disk, Figures, Mounted};
use tidings_testkit::{load::Load, postgres::TestPostgres};

use crate::world::{Dice, PATIENCE, Sending, judge, load, node, node_in, run, say};

/// How often each test cuts the power.
fn cuts() -> u64 {
    match std::env::var("TIDINGS_TEST_POWER_CUTS") {
        Ok(text) => text.parse().expect("TIDINGS_TEST_POWER_CUTS is a number"),
        Err(_) => 8,
    }
}

fn mount(disk: &Disk, at: &Path) -> Mounted {
    disk.mount(at).unwrap_or_else(|e| {
        panic!("a disk of our own cannot be mounted (root and /dev/fuse?): {e}")
    })
}

/// Runs the load and cuts the power in the middle of it; every second time only when all are served again, else at once.
async fn rounds(name: &str, load: &Load, mut cut: impl FnMut(u64) -> Figures) {
    let mut dice = Dice(cuts());
    let mut longest = Duration::ZERO;
    let mut lost = Figures::default();
    for round in 0..cuts() {
        let on = load.advance(1 + dice.below(100), PATIENCE).await;
        on.expect("the load goes on");
        let figures = cut(round);
        lost.pages += figures.pages;
        lost.pages_lost += figures.pages_lost;
        lost.names += figures.names;
        lost.names_lost += figures.names_lost;
        if round % 2 == 1 || round + 1 == cuts() {
            let took = load.recovered(PATIENCE).await;
            longest = longest.max(took.expect("all are served again"));
        }
    }
    say(&format!(
        "{name}: {} cuts, of {} pages and {} names that were not synced {} and {} lost, served again after {longest:.1?} at \
         the most",
        cuts(),
        lost.pages,
        lost.names,
        lost.pages_lost,
        lost.names_lost
    ));
    assert!(
        lost.pages_lost > 0,
        "a cut that takes nothing shows nothing"
    );
}

#[test]
fn nothing_is_lost_when_the_power_fails_under_sqlite() {
    run(async {
        let name = "power cuts under SQLite";
        let place = tempfile::tempdir().expect("a folder");
        let disk = Disk::new(0, 0);
        let mut mounted = Some(mount(&disk, place.path()));
        let mut server = node_in(place.path());
        let load = load(&[server.address()], Sending::OneByOne).await;
        rounds(name, &load, |seed| {
            disk.cut();
            server.end();
            let unmounted = mounted.take().map(Mounted::unmount);
            unmounted.expect("it was mounted").expect("nobody holds it");
            let figures = disk.restore(seed);
            mounted = Some(mount(&disk, place.path()));
            server.restart();
            figures
        })
        .await;
        judge(name, load, &[&server]).await;
        drop(server);
    });
}

#[test]
fn nothing_is_lost_when_the_power_fails_under_postgresql() {
    run(async {
        let name = "power cuts under PostgreSQL";
        let mut on_disk = None;
        let postgres = TestPostgres::on_disk(|data, uid, gid| {
            let disk = Disk::new(uid, gid);
            on_disk = Some((mount(&disk, data), disk));
        });
        let (mounted, disk) = on_disk.expect("the data folder was mounted");
        let mut mounted = Some(mounted);
        let server = node(Some(&postgres.fresh_database()), None);
        // What was prepared without a sync.
        disk.sync();
        let load = load(&[server.address()], Sending::OneByOne).await;
        rounds(name, &load, |seed| {
            postgres.kill_after(|| disk.cut());
            let unmounted = mounted.take().map(Mounted::unmount);
            unmounted.expect("it was mounted").expect("nobody holds it");
            let figures = disk.restore(seed);
            mounted = Some(mount(&disk, &postgres.data()));
            postgres.start();
            figures
        })
        .await;
        judge(name, load, &[&server]).await;
        drop(server);
        postgres.kill();
    });
}
