//! The disk as a mounted file system.
//!
//! Owns: the translation between FUSE and [`Image`](crate::image::Image), and unmounting.
//! Never: keeps anything of its own; the kernel's cache goes with the mount.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem,
    FopenFlags, Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr,
    ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs,
    ReplyWrite, Request, SessionACL, TimeOrNow, WriteFlags,
};

use crate::{
    Disk,
    image::{Fault, File, Folder, Image, Kind, Node, ROOT},
};

/// Only this mount changes the disk, so what the kernel knows of it stays true.
const KNOWN_FOR: Duration = Duration::from_secs(3_600);
/// Threads that answer the kernel.
const THREADS: usize = 2;
/// The size that is told, in blocks of 4 KiB; nothing keeps to it.
const BLOCKS: u64 = 1 << 24;

/// A disk while it is mounted. It is unmounted when this is dropped.
#[derive(Debug)]
pub struct Mounted {
    session: Option<BackgroundSession>,
    at: PathBuf,
}

impl Disk {
    /// Mounts the disk at an existing folder, for all users of the machine.
    ///
    /// # Errors
    /// When the system does not mount it: that takes root, and a kernel with FUSE.
    pub fn mount(&self, at: &Path) -> io::Result<Mounted> {
        let mut config = Config::default();
        config.acl = SessionACL::All;
        config.n_threads = Some(THREADS);
        config.mount_options = vec![
            MountOption::FSName("powercut".to_owned()),
            MountOption::DefaultPermissions,
            MountOption::NoAtime,
        ];
        let session = fuser::spawn_mount(Served(self.clone()), at, &config)?;
        Ok(Mounted {
            session: Some(session),
            at: at.to_owned(),
        })
    }
}

impl Mounted {
    /// Unmounts; returns when nobody has files open on it any more. End every program that has before.
    ///
    /// # Errors
    /// When it is not mounted any more.
    pub fn unmount(mut self) -> io::Result<()> {
        // Lazily: of a process that was killed the kernel may not have closed everything yet.
        let done = Command::new("umount")
            .arg("--lazy")
            .arg(&self.at)
            .status()?;
        if !done.success() {
            let at = self.at.display();
            return Err(io::Error::other(format!("umount {at}: {done}")));
        }
        match self.session.take() {
            Some(session) => session.join(),
            None => Ok(()),
        }
    }

    /// Where.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.at
    }
}

struct Served(Disk);

fn errno(fault: Fault) -> Errno {
    match fault {
        Fault::Cut => Errno::EIO,
        Fault::Missing => Errno::ENOENT,
        Fault::Exists => Errno::EEXIST,
        Fault::NotAFolder => Errno::ENOTDIR,
        Fault::IsAFolder => Errno::EISDIR,
        Fault::NotEmpty => Errno::ENOTEMPTY,
    }
}

fn attributes(image: &Image, number: u64) -> Result<FileAttr, Fault> {
    let node = image.node(number)?;
    let (kind, size) = match &node.kind {
        Kind::File(file) => (FileType::RegularFile, file.now.len() as u64),
        Kind::Folder(_) => (FileType::Directory, 4_096),
        Kind::Link(to) => (FileType::Symlink, to.as_os_str().len() as u64),
    };
    let nlink = match kind {
        FileType::Directory => 2,
        _ => image.names_of(number),
    };
    Ok(FileAttr {
        ino: INodeNo(number),
        size,
        blocks: size.div_ceil(512),
        atime: node.modified,
        mtime: node.modified,
        ctime: node.modified,
        crtime: node.modified,
        kind,
        perm: node.mode,
        nlink,
        uid: node.uid,
        gid: node.gid,
        rdev: 0,
        blksize: 4_096,
        flags: 0,
    })
}

fn made(request: &Request, kind: Kind, mode: u32, umask: u32) -> Node {
    Node {
        kind,
        mode: (mode & !umask & 0o7777) as u16,
        uid: request.uid(),
        gid: request.gid(),
        modified: SystemTime::now(),
    }
}

/// A file's size is a number of bytes in memory.
fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

impl Served {
    fn new_entry(&self, parent: INodeNo, name: &OsStr, node: Node, reply: ReplyEntry) {
        let mut image = self.0.image();
        let made = image
            .make(parent.0, name, node)
            .and_then(|number| attributes(&image, number));
        match made {
            Ok(attributes) => reply.entry(&KNOWN_FOR, &attributes, Generation(0)),
            Err(fault) => reply.error(errno(fault)),
        }
    }

    fn empty(&self, reply: ReplyEmpty, change: impl FnOnce(&mut Image) -> Result<(), Fault>) {
        match change(&mut self.0.image()) {
            Ok(()) => reply.ok(),
            Err(fault) => reply.error(errno(fault)),
        }
    }
}

impl Filesystem for Served {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let image = self.0.image();
        let found = image
            .find(parent.0, name)
            .and_then(|number| attributes(&image, number));
        match found {
            Ok(attributes) => reply.entry(&KNOWN_FOR, &attributes, Generation(0)),
            Err(fault) => reply.error(errno(fault)),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match attributes(&self.0.image(), ino.0) {
            Ok(attributes) => reply.attr(&KNOWN_FOR, &attributes),
            Err(fault) => reply.error(errno(fault)),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        modified: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut image = self.0.image();
        let mut set = || {
            if let Some(size) = size {
                image.resize(ino.0, place(size), SystemTime::now())?;
            }
            let node = image.node_mut(ino.0)?;
            node.mode = mode.map_or(node.mode, |mode| (mode & 0o7777) as u16);
            node.uid = uid.unwrap_or(node.uid);
            node.gid = gid.unwrap_or(node.gid);
            match modified {
                Some(TimeOrNow::SpecificTime(time)) => node.modified = time,
                Some(TimeOrNow::Now) => node.modified = SystemTime::now(),
                None => {}
            }
            attributes(&image, ino.0)
        };
        match set() {
            Ok(attributes) => reply.attr(&KNOWN_FOR, &attributes),
            Err(fault) => reply.error(errno(fault)),
        }
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        match self.0.image().node(ino.0).map(|node| &node.kind) {
            Ok(Kind::Link(to)) => reply.data(to.as_os_str().as_encoded_bytes()),
            Ok(_) => reply.error(Errno::EINVAL),
            Err(fault) => reply.error(errno(fault)),
        }
    }

    fn mkdir(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        reply: ReplyEntry,
    ) {
        let folder = made(request, Kind::Folder(Folder::default()), mode, umask);
        self.new_entry(parent, name, folder, reply);
    }

    fn symlink(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        target: &Path,
        reply: ReplyEntry,
    ) {
        let link = made(request, Kind::Link(target.to_owned()), 0o777, 0);
        self.new_entry(parent, name, link, reply);
    }

    fn link(&self, _: &Request, ino: INodeNo, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let mut image = self.0.image();
        let linked = image
            .link(ino.0, parent.0, name)
            .and_then(|()| attributes(&image, ino.0));
        match linked {
            Ok(attributes) => reply.entry(&KNOWN_FOR, &attributes, Generation(0)),
            Err(fault) => reply.error(errno(fault)),
        }
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.empty(reply, |image| image.unlink(parent.0, name, false));
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.empty(reply, |image| image.unlink(parent.0, name, true));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if flags.contains(RenameFlags::RENAME_EXCHANGE) {
            return reply.error(Errno::EINVAL);
        }
        let may_replace = !flags.contains(RenameFlags::RENAME_NOREPLACE);
        self.empty(reply, |image| {
            image.rename((parent.0, name), (new_parent.0, new_name), may_replace)
        });
    }

    fn open(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.0.image().node(ino.0) {
            Ok(_) => reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE),
            Err(fault) => reply.error(errno(fault)),
        }
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        let mut image = self.0.image();
        let file = made(request, Kind::File(File::default()), mode, umask);
        let created = image
            .make(parent.0, name, file)
            .and_then(|number| attributes(&image, number));
        match created {
            Ok(attributes) => reply.created(
                &KNOWN_FOR,
                &attributes,
                Generation(0),
                FileHandle(0),
                FopenFlags::empty(),
            ),
            Err(fault) => reply.error(errno(fault)),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.0.image().read(ino.0, place(offset), size as usize) {
            Ok(bytes) => reply.data(bytes),
            Err(fault) => reply.error(errno(fault)),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let written = self
            .0
            .image()
            .write(ino.0, place(offset), data, SystemTime::now());
        match written {
            Ok(()) => reply.written(u32::try_from(data.len()).unwrap_or(u32::MAX)),
            Err(fault) => reply.error(errno(fault)),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.empty(reply, |image| image.sync(ino.0));
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.empty(reply, |image| image.sync(ino.0));
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let image = self.0.image();
        let folder = match image.folder(ino.0) {
            Ok(folder) => folder,
            Err(fault) => return reply.error(errno(fault)),
        };
        let dots = [(OsStr::new("."), ino.0), (OsStr::new(".."), ROOT)];
        let inside = folder
            .now
            .iter()
            .map(|(name, number)| (name.as_os_str(), *number));
        for (index, (name, number)) in dots
            .into_iter()
            .chain(inside)
            .enumerate()
            .skip(place(offset))
        {
            let kind = match image.node(number).map(|node| &node.kind) {
                Ok(Kind::File(_)) => FileType::RegularFile,
                Ok(Kind::Link(_)) => FileType::Symlink,
                _ => FileType::Directory,
            };
            if reply.add(INodeNo(number), index as u64 + 1, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(BLOCKS, BLOCKS, BLOCKS, BLOCKS, BLOCKS, 4_096, 255, 4_096);
    }

    fn fallocate(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        // Only making room at the end is known; who asks for more does without.
        if mode != 0 {
            return reply.error(Errno::ENOTSUP);
        }
        self.empty(reply, |image| {
            let end = place(offset.saturating_add(length));
            let size = image.read(ino.0, 0, usize::MAX)?.len();
            match end > size {
                true => image.resize(ino.0, end, SystemTime::now()),
                false => Ok(()),
            }
        });
    }
}
