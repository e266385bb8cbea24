//! What a cut may take, and what it may not.

use super::*;

fn file() -> Node {
    Node {
        kind: Kind::File(File::default()),
        mode: 0o600,
        uid: 0,
        gid: 0,
        modified: SystemTime::UNIX_EPOCH,
    }
}

fn put(image: &mut Image, name: &str, bytes: &[u8]) -> u64 {
    let number = image.make(ROOT, OsStr::new(name), file()).unwrap();
    image
        .write(number, 0, bytes, SystemTime::UNIX_EPOCH)
        .unwrap();
    number
}

fn content(image: &Image, name: &str) -> Option<Vec<u8>> {
    let number = image.find(ROOT, OsStr::new(name)).ok()?;
    Some(image.read(number, 0, usize::MAX).unwrap().to_vec())
}

/// Every outcome of a cut, over many seeds.
fn after(make: impl Fn(&mut Image)) -> HashSet<Option<Vec<u8>>> {
    let outcome = |seed| {
        let mut image = Image::new(0, 0);
        make(&mut image);
        image.cut();
        assert_eq!(image.find(ROOT, OsStr::new("a")), Err(Fault::Cut));
        let _ = image.restore(&mut Dice::new(seed));
        content(&image, "a")
    };
    (0..500).map(outcome).collect()
}

#[test]
fn what_is_synced_outlasts_every_cut() {
    let outcomes = after(|image| {
        let number = put(image, "a", b"kept");
        image.sync(number).unwrap();
        image.sync(ROOT).unwrap();
    });
    assert_eq!(outcomes, HashSet::from([Some(b"kept".to_vec())]));
}

#[test]
fn a_new_name_is_lost_until_its_folder_is_synced() {
    let outcomes = after(|image| {
        let number = put(image, "a", b"kept");
        image.sync(number).unwrap();
    });
    assert_eq!(outcomes, HashSet::from([None, Some(b"kept".to_vec())]));
}

#[test]
fn what_is_not_synced_is_there_in_part() {
    let (old, new) = (vec![1; 3 * PAGE], vec![2; 3 * PAGE]);
    let outcomes = after(|image| {
        let number = put(image, "a", &old);
        image.sync(number).unwrap();
        image.sync(ROOT).unwrap();
        image
            .write(number, 0, &new, SystemTime::UNIX_EPOCH)
            .unwrap();
    });
    let has = |wanted: &[u8]| outcomes.contains(&Some(wanted.to_vec()));
    assert!(has(&old) && has(&new));
    // The second page without the first and the third, which is no prefix; and a torn page.
    let mut second = old.clone();
    second[PAGE..2 * PAGE].fill(2);
    assert!(has(&second));
    let is_torn = |found: &Option<Vec<u8>>| {
        let found = found.as_deref().unwrap_or_default();
        found
            .chunks(PAGE)
            .any(|page| page.contains(&1) && page.contains(&2))
    };
    assert!(outcomes.iter().any(is_torn));
    for found in &outcomes {
        // Never within a sector.
        let sectors = found.as_deref().unwrap().chunks(SECTOR);
        assert!(
            sectors
                .into_iter()
                .all(|sector| !(sector.contains(&1) && sector.contains(&2)))
        );
    }
}

#[test]
fn a_move_over_a_file_leaves_the_old_or_the_new() {
    let outcomes = after(|image| {
        for (name, bytes) in [("a", b"old"), ("b", b"new")] {
            let number = put(image, name, bytes);
            image.sync(number).unwrap();
        }
        image.sync(ROOT).unwrap();
        image
            .rename((ROOT, OsStr::new("b")), (ROOT, OsStr::new("a")), true)
            .unwrap();
    });
    let either = [Some(b"old".to_vec()), Some(b"new".to_vec())];
    assert_eq!(outcomes, HashSet::from(either));
}

#[test]
fn a_seed_says_what_happens() {
    let make = || {
        let mut image = Image::new(0, 0);
        for n in 0..20 {
            put(&mut image, &format!("file {n}"), &vec![n; 9_000]);
        }
        image.cut();
        let figures = image.restore(&mut Dice::new(7));
        let contents: Vec<_> = (0..20)
            .map(|n| content(&image, &format!("file {n}")))
            .collect();
        (figures, contents)
    };
    assert_eq!(make(), make());
    let (figures, _) = make();
    assert_eq!((figures.pages, figures.names), (60, 20));
    assert!(figures.pages_lost > 0);
}
