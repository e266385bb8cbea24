//! What is on the disk: as programs see it, and as it would be after a cut.
//!
//! Owns: files, folders, what of each is synced, and the order of changes of names.
//! Never: knows of FUSE; `mount` translates.
//!
//! Two rules say what a cut may do. What was written to a file and not synced since survives page by page, each by a toss,
//! and a page may be torn between two sectors. Changes of names (new, moved, removed) reach the disk in their order, as from
//! a journal: a sync of a folder brings all of them up to the last of that folder, a cut leaves any number of the rest.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ffi::{OsStr, OsString},
    path::PathBuf,
    time::SystemTime,
};

use crate::dice::Dice;

/// The root folder's number.
pub(crate) const ROOT: u64 = 1;
/// A disk writes a sector whole, or not at all.
const SECTOR: usize = 512;
/// The system writes pages, in any order.
const PAGE: usize = 4096;

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The power is cut.
    Cut,
    Missing,
    Exists,
    NotAFolder,
    IsAFolder,
    NotEmpty,
}

type Result<T> = std::result::Result<T, Fault>;

/// What a cut found and what it left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Pages written and not synced.
    pub pages: u64,
    /// Those of them that were lost, or torn.
    pub pages_lost: u64,
    /// Changes of names that were not synced.
    pub names: u64,
    /// Those of them that were lost.
    pub names_lost: u64,
}

/// A file, a folder or a link.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) modified: SystemTime,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    File(File),
    Folder(Folder),
    Link(PathBuf),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct File {
    /// As programs see it.
    pub(crate) now: Vec<u8>,
    /// As it was at the last sync.
    synced: Vec<u8>,
    /// What was done since, in order.
    since: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Size(usize),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Folder {
    pub(crate) now: BTreeMap<OsString, u64>,
    synced: BTreeMap<OsString, u64>,
}

/// A name was given or taken: what stands there now.
#[derive(Debug, Clone)]
struct Name {
    folder: u64,
    name: OsString,
    node: Option<u64>,
    /// The second half of a move: both happen or none.
    with_next: bool,
}

pub(crate) struct Image {
    nodes: HashMap<u64, Node>,
    next: u64,
    /// Changes of names that no sync has brought to the disk, in order.
    names: Vec<Name>,
    cut: bool,
}

impl File {
    fn write(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if file.len() < end {
            file.resize(end, 0);
        }
        file[offset..end].copy_from_slice(bytes);
    }

    fn sync(&mut self) {
        for change in std::mem::take(&mut self.since) {
            match change {
                Change::Write { offset, bytes } => File::write(&mut self.synced, offset, &bytes),
                Change::Size(size) => self.synced.resize(size, 0),
            }
        }
    }

    /// What a cut leaves of it.
    fn restore(&mut self, dice: &mut Dice, figures: &mut Figures) {
        for change in std::mem::take(&mut self.since) {
            match change {
                Change::Size(size) => {
                    if dice.coin() {
                        self.synced.resize(size, 0);
                    }
                }
                Change::Write { offset, bytes } => {
                    let mut from = 0;
                    while from < bytes.len() {
                        // Up to the next border of a page.
                        let page = PAGE - (offset + from) % PAGE;
                        let upto = bytes.len().min(from + page);
                        figures.pages += 1;
                        let kept = match dice.below(8) {
                            // Torn: some of its sectors came first.
                            0 => {
                                let sectors = (upto - from).div_ceil(SECTOR) as u64;
                                let border = SECTOR - (offset + from) % SECTOR;
                                let sectors = dice.below(sectors + 1) as usize;
                                match sectors {
                                    0 => from,
                                    n => upto.min(from + border + (n - 1) * SECTOR),
                                }
                            }
                            1..4 => upto,
                            _ => from,
                        };
                        if kept < upto {
                            figures.pages_lost += 1;
                        }
                        if kept > from {
                            File::write(&mut self.synced, offset + from, &bytes[from..kept]);
                        }
                        from = upto;
                    }
                }
            }
        }
        self.now.clone_from(&self.synced);
    }
}

impl Image {
    pub(crate) fn new(uid: u32, gid: u32) -> Image {
        let root = Node {
            kind: Kind::Folder(Folder::default()),
            mode: 0o755,
            uid,
            gid,
            modified: SystemTime::UNIX_EPOCH,
        };
        Image {
            nodes: HashMap::from([(ROOT, root)]),
            next: ROOT + 1,
            names: Vec::new(),
            cut: false,
        }
    }

    pub(crate) fn cut(&mut self) {
        self.cut = true;
    }

    pub(crate) fn node(&self, number: u64) -> Result<&Node> {
        if self.cut {
            return Err(Fault::Cut);
        }
        self.nodes.get(&number).ok_or(Fault::Missing)
    }

    pub(crate) fn node_mut(&mut self, number: u64) -> Result<&mut Node> {
        if self.cut {
            return Err(Fault::Cut);
        }
        self.nodes.get_mut(&number).ok_or(Fault::Missing)
    }

    pub(crate) fn folder(&self, number: u64) -> Result<&Folder> {
        match &self.node(number)?.kind {
            Kind::Folder(folder) => Ok(folder),
            _ => Err(Fault::NotAFolder),
        }
    }

    pub(crate) fn find(&self, folder: u64, name: &OsStr) -> Result<u64> {
        self.folder(folder)?
            .now
            .get(name)
            .copied()
            .ok_or(Fault::Missing)
    }

    fn file_mut(&mut self, number: u64) -> Result<&mut File> {
        match &mut self.node_mut(number)?.kind {
            Kind::File(file) => Ok(file),
            _ => Err(Fault::IsAFolder),
        }
    }

    /// How many names a node has; for links.
    pub(crate) fn names_of(&self, number: u64) -> u32 {
        let folders = self.nodes.values().filter_map(|node| match &node.kind {
            Kind::Folder(folder) => Some(folder),
            _ => None,
        });
        let named = folders
            .flat_map(|folder| folder.now.values())
            .filter(|n| **n == number);
        u32::try_from(named.count()).unwrap_or(u32::MAX)
    }

    pub(crate) fn make(&mut self, folder: u64, name: &OsStr, node: Node) -> Result<u64> {
        if self.folder(folder)?.now.contains_key(name) {
            return Err(Fault::Exists);
        }
        let number = self.next;
        self.next += 1;
        self.nodes.insert(number, node);
        self.name(folder, name, Some(number), false)?;
        Ok(number)
    }

    pub(crate) fn link(&mut self, number: u64, folder: u64, name: &OsStr) -> Result<()> {
        self.node(number)?;
        if self.folder(folder)?.now.contains_key(name) {
            return Err(Fault::Exists);
        }
        self.name(folder, name, Some(number), false)
    }

    /// Takes a name away; what had it lives on while it is open.
    pub(crate) fn unlink(&mut self, folder: u64, name: &OsStr, is_folder: bool) -> Result<()> {
        let number = self.find(folder, name)?;
        match (&self.node(number)?.kind, is_folder) {
            (Kind::Folder(inside), true) if !inside.now.is_empty() => return Err(Fault::NotEmpty),
            (Kind::Folder(_), false) => return Err(Fault::IsAFolder),
            (Kind::File(_) | Kind::Link(_), true) => return Err(Fault::NotAFolder),
            _ => {}
        }
        self.name(folder, name, None, false)
    }

    /// Moves a name, over what stood there.
    pub(crate) fn rename(
        &mut self,
        (from, name): (u64, &OsStr),
        (to, new_name): (u64, &OsStr),
        may_replace: bool,
    ) -> Result<()> {
        let number = self.find(from, name)?;
        if let Some(other) = self.folder(to)?.now.get(new_name).copied() {
            if !may_replace {
                return Err(Fault::Exists);
            }
            if other == number {
                return Ok(());
            }
            if let Kind::Folder(inside) = &self.node(other)?.kind
                && !inside.now.is_empty()
            {
                return Err(Fault::NotEmpty);
            }
        }
        self.name(to, new_name, Some(number), true)?;
        self.name(from, name, None, false)
    }

    fn name(
        &mut self,
        folder: u64,
        name: &OsStr,
        node: Option<u64>,
        with_next: bool,
    ) -> Result<()> {
        let Kind::Folder(inside) = &mut self.node_mut(folder)?.kind else {
            return Err(Fault::NotAFolder);
        };
        match node {
            Some(number) => inside.now.insert(name.to_owned(), number),
            None => inside.now.remove(name),
        };
        self.names.push(Name {
            folder,
            name: name.to_owned(),
            node,
            with_next,
        });
        Ok(())
    }

    pub(crate) fn read(&self, number: u64, offset: usize, size: usize) -> Result<&[u8]> {
        let Kind::File(file) = &self.node(number)?.kind else {
            return Err(Fault::IsAFolder);
        };
        let from = offset.min(file.now.len());
        let upto = from.saturating_add(size).min(file.now.len());
        Ok(&file.now[from..upto])
    }

    pub(crate) fn write(
        &mut self,
        number: u64,
        offset: usize,
        bytes: &[u8],
        now: SystemTime,
    ) -> Result<()> {
        let file = self.file_mut(number)?;
        File::write(&mut file.now, offset, bytes);
        file.since.push(Change::Write {
            offset,
            bytes: bytes.to_vec(),
        });
        self.node_mut(number)?.modified = now;
        Ok(())
    }

    pub(crate) fn resize(&mut self, number: u64, size: usize, now: SystemTime) -> Result<()> {
        let file = self.file_mut(number)?;
        file.now.resize(size, 0);
        file.since.push(Change::Size(size));
        self.node_mut(number)?.modified = now;
        Ok(())
    }

    /// `fsync` of a file; of a folder, its names.
    pub(crate) fn sync(&mut self, number: u64) -> Result<()> {
        match &mut self.node_mut(number)?.kind {
            Kind::File(file) => file.sync(),
            Kind::Link(_) => {}
            Kind::Folder(_) => {
                let last = self.names.iter().rposition(|name| name.folder == number);
                let upto =
                    last.map_or(0, |last| last + 1 + usize::from(self.names[last].with_next));
                self.names_reach_the_disk(upto);
            }
        }
        Ok(())
    }

    fn names_reach_the_disk(&mut self, upto: usize) {
        for Name {
            folder, name, node, ..
        } in self.names.drain(..upto)
        {
            let Some(Node {
                kind: Kind::Folder(inside),
                ..
            }) = self.nodes.get_mut(&folder)
            else {
                continue;
            };
            match node {
                Some(number) => inside.synced.insert(name, number),
                None => inside.synced.remove(&name),
            };
        }
    }

    pub(crate) fn sync_all(&mut self) {
        self.names_reach_the_disk(self.names.len());
        for node in self.nodes.values_mut() {
            if let Kind::File(file) = &mut node.kind {
                file.sync();
            }
        }
    }

    pub(crate) fn restore(&mut self, dice: &mut Dice) -> Figures {
        let mut figures = Figures {
            names: self.names.len() as u64,
            ..Figures::default()
        };
        let mut upto = dice.below(figures.names + 1) as usize;
        // A move is one change.
        while upto > 0 && self.names[upto - 1].with_next {
            upto -= 1;
        }
        self.names_reach_the_disk(upto);
        figures.names_lost = self.names.len() as u64;
        self.names.clear();
        // In the order of their numbers, so that a seed always does the same.
        let mut numbers: Vec<u64> = self.nodes.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            match self.nodes.get_mut(&number).map(|node| &mut node.kind) {
                Some(Kind::File(file)) => file.restore(dice, &mut figures),
                Some(Kind::Folder(folder)) => folder.now.clone_from(&folder.synced),
                _ => {}
            }
        }
        let reached = self.reached();
        self.nodes.retain(|number, _| reached.contains(number));
        self.cut = false;
        figures
    }

    fn reached(&self) -> HashSet<u64> {
        let mut reached = HashSet::from([ROOT]);
        let mut folders = vec![ROOT];
        while let Some(number) = folders.pop() {
            let Some(Node {
                kind: Kind::Folder(folder),
                ..
            }) = self.nodes.get(&number)
            else {
                continue;
            };
            for inside in folder.now.values() {
                if reached.insert(*inside) {
                    folders.push(*inside);
                }
            }
        }
        reached
    }
}

#[cfg(test)]
mod tests;
