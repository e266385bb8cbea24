//! A disk for tests that forgets what was not synced: power cuts under real programs, on a mounted file system of our own.
//!
//! Owns: [`Disk`], what is on it now, what of that would outlast a cut, and mounting it (FUSE).
//! Never: kinder than a real disk: until it is synced any part of a write may be lost, alone or with others, and a new name
//! is lost until its folder is synced (POSIX promises no more, some file systems do).
//!
//! A test mounts the disk, runs a program on it, [cuts](Disk::cut) the power at any moment, ends the program, unmounts, and
//! [restores](Disk::restore) power: the disk then holds what had been synced, and of the rest what the dice left.

mod dice;
mod image;
mod mount;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub use image::Figures;
pub use mount::Mounted;

use dice::Dice;
use image::Image;

/// A disk. Cheap to clone; all clones are the same disk. It lives as long as one of them, mounted or not.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<Image>>);

impl Disk {
    /// An empty disk, whose root folder belongs to this user and group.
    #[must_use]
    pub fn new(uid: u32, gid: u32) -> Disk {
        Disk(Arc::new(Mutex::new(Image::new(uid, gid))))
    }

    /// Cuts the power: from now on every question is answered by an I/O error, and nothing reaches the disk.
    pub fn cut(&self) {
        self.image().cut();
    }

    /// Brings the power back: what was synced is there; of what was not, the dice of this seed say what is. Unmount before.
    /// Returns how much was there to lose, and how much was lost.
    #[must_use]
    pub fn restore(&self, seed: u64) -> Figures {
        self.image().restore(&mut Dice::new(seed))
    }

    /// Syncs everything, as `sync(1)` does: for what a test prepares without syncing.
    pub fn sync(&self) {
        self.image().sync_all();
    }

    fn image(&self) -> MutexGuard<'_, Image> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").finish_non_exhaustive()
    }
}
