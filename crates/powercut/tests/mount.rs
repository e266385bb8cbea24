//! The disk mounted for real: what programs do with files works, and a cut takes what was not synced.

#![allow(clippy::unwrap_used, reason = "a step that fails fails its test")]

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::{FileExt, MetadataExt, PermissionsExt},
    path::Path,
};

use tidings_powercut::Disk;

fn sync_folder(path: &Path) {
    File::open(path).unwrap().sync_all().unwrap();
}

#[test]
fn files_are_files() {
    let place = tempfile::tempdir().unwrap();
    let disk = Disk::new(0, 0);
    let mounted = disk.mount(place.path()).unwrap();
    let at = place.path();

    fs::create_dir(at.join("folder")).unwrap();
    let path = at.join("folder/file");
    let mut file = OpenOptions::new()
        .create(true)
        .read(true)
        .write(true)
        .truncate(true)
        .open(&path)
        .unwrap();
    file.write_all(b"hello, world").unwrap();
    file.write_all_at(b"W", 7).unwrap();
    file.set_len(9).unwrap();
    file.write_all_at(b"!", 20).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let mut text = Vec::new();
    file.read_to_end(&mut text).unwrap();
    assert_eq!(text, b"hello, Wo\0\0\0\0\0\0\0\0\0\0\0!");

    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
    fs::hard_link(&path, at.join("second")).unwrap();
    assert_eq!(fs::metadata(at.join("second")).unwrap().nlink(), 2);
    fs::rename(&path, at.join("moved")).unwrap();
    assert!(!path.exists());
    // Who has it open reads on after its last name is gone.
    fs::remove_file(at.join("moved")).unwrap();
    fs::remove_file(at.join("second")).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    text.clear();
    file.read_to_end(&mut text).unwrap();
    assert_eq!(text.len(), 21);

    for n in 0..500 {
        fs::write(at.join(format!("folder/{n}")), n.to_string()).unwrap();
    }
    assert_eq!(fs::read_dir(at.join("folder")).unwrap().count(), 500);
    assert!(
        fs::remove_dir(at.join("folder")).is_err(),
        "it is not empty"
    );
    fs::remove_dir_all(at.join("folder")).unwrap();
    drop(file);
    mounted.unmount().unwrap();
}

#[test]
fn a_cut_takes_what_was_not_synced() {
    let place = tempfile::tempdir().unwrap();
    let disk = Disk::new(0, 0);
    let at = place.path();
    let mounted = disk.mount(at).unwrap();
    let file = File::create(at.join("log")).unwrap();
    let line = |n: u8| [n; 4096];
    for n in 0..10 {
        file.write_all_at(&line(n), u64::from(n) * 4096).unwrap();
    }
    file.sync_data().unwrap();
    sync_folder(at);
    for n in 10..50 {
        file.write_all_at(&line(n), u64::from(n) * 4096).unwrap();
    }
    fs::write(at.join("new"), "no sync").unwrap();
    disk.cut();
    assert!(file.sync_data().is_err());
    assert!(File::open(at.join("other")).is_err());
    drop(file);
    mounted.unmount().unwrap();
    let figures = disk.restore(1);
    assert!(
        figures.pages_lost > 10 && figures.pages_lost < figures.pages,
        "{figures:?}"
    );

    let mounted = disk.mount(at).unwrap();
    let found = fs::read(at.join("log")).unwrap();
    let lines: Vec<&[u8]> = found.chunks(4096).collect();
    assert!(
        (0..10).all(|n| lines[usize::from(n)] == line(n)),
        "what was synced is there"
    );
    let whole = (10..lines.len())
        .filter(|n| lines[*n] == line(*n as u8))
        .count();
    assert!(
        whole > 0 && whole < 40,
        "some of the rest is there: {whole}"
    );
    mounted.unmount().unwrap();
}
