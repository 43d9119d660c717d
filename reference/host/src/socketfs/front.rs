//! Requests of the kernel, passed on to the loop that owns the host. Nothing is answered here.

use std::ffi::{OsStr, OsString};
use std::sync::Arc;
use std::sync::mpsc::Sender;

use fuser::{
    Errno, FileHandle, Filesystem, FopenFlags, INodeNo, LockOwner, OpenFlags, PollEvents, PollFlags,
    PollNotifier, ReplyAttr, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyPoll,
    ReplyWrite, Request, WriteFlags,
};
use mio::Waker;

/// How files are opened: no cache, no position, and reads beside writes.
pub(super) const OPENED: FopenFlags = FopenFlags::FOPEN_DIRECT_IO
    .union(FopenFlags::FOPEN_NONSEEKABLE)
    .union(FopenFlags::FOPEN_STREAM)
    .union(FopenFlags::FOPEN_PARALLEL_DIRECT_WRITES);
/// O_NONBLOCK of Linux, where fuser gives the flags as they are.
const O_NONBLOCK: i32 = 0o4_000;
/// O_DSYNC of Linux; O_SYNC has it too.
const O_DSYNC: i32 = 0o10_000;

/// Who asks, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    /// The thread that waits; 0 if it cannot be seen from here.
    pub(super) pid: u32,
    flags: i32,
}

impl Caller {
    /// Whether it waits for what is not there yet.
    pub(super) fn waits(self) -> bool {
        self.flags & O_NONBLOCK == 0
    }

    /// Whether a write is to be durable when it is answered.
    pub(super) fn wants_durable(self) -> bool {
        self.flags & O_DSYNC != 0
    }
}

/// A request, and where its answer goes. One that is dropped is answered with EIO.
#[derive(Debug)]
pub(super) enum Job {
    Lookup {
        parent: INodeNo,
        name: OsString,
        reply: ReplyEntry,
    },
    Attributes {
        ino: INodeNo,
        handle: Option<u64>,
        reply: ReplyAttr,
    },
    List {
        ino: INodeNo,
        offset: u64,
        reply: ReplyDirectory,
    },
    Open {
        ino: INodeNo,
        caller: Caller,
        reply: ReplyOpen,
    },
    Read {
        handle: u64,
        octets_max: usize,
        caller: Caller,
        reply: ReplyData,
    },
    Write {
        handle: u64,
        octets: Vec<u8>,
        /// Octets that were taken.
        done: usize,
        caller: Caller,
        reply: ReplyWrite,
    },
    /// A write to `connect` that has begun.
    Connecting {
        handle: u64,
        count: u32,
        caller: Caller,
        reply: ReplyWrite,
    },
    /// A write that waits for an epoch.
    Written {
        handle: u64,
        count: u32,
        epoch: u32,
        caller: Caller,
        reply: ReplyWrite,
    },
    /// fsync: until everything so far is in a durable epoch, which is named once.
    Sync {
        handle: u64,
        epoch: Option<u32>,
        caller: Caller,
        reply: ReplyEmpty,
    },
    Poll {
        handle: u64,
        notifier: Option<PollNotifier>,
        reply: ReplyPoll,
    },
    Release {
        handle: u64,
        reply: ReplyEmpty,
    },
    Remove {
        parent: INodeNo,
        name: OsString,
        reply: ReplyEmpty,
    },
    Unmounted,
}

impl Job {
    /// The handle and the caller of one that may wait.
    pub(super) fn waits(&self) -> Option<(Option<u64>, Caller)> {
        match self {
            Self::Open { caller, .. } => Some((None, *caller)),
            Self::Read { handle, caller, .. }
            | Self::Write { handle, caller, .. }
            | Self::Connecting { handle, caller, .. }
            | Self::Written { handle, caller, .. }
            | Self::Sync { handle, caller, .. } => Some((Some(*handle), *caller)),
            _ => None,
        }
    }

    pub(super) fn waits_for_epoch(&self) -> bool {
        matches!(self, Self::Written { .. } | Self::Sync { .. })
    }

    /// The caller got a signal: what is done is done, and nothing more.
    pub(super) fn interrupted(self) {
        match self {
            Self::Write { done, reply, .. } if done > 0 => reply.written(u32::try_from(done).unwrap_or(0)),
            other => other.refused(Errno::EINTR),
        }
    }

    /// Answers with an error.
    pub(super) fn refused(self, error: Errno) {
        match self {
            Self::Lookup { reply, .. } => reply.error(error),
            Self::Attributes { reply, .. } => reply.error(error),
            Self::List { reply, .. } => reply.error(error),
            Self::Open { reply, .. } => reply.error(error),
            Self::Read { reply, .. } => reply.error(error),
            Self::Write { reply, .. } | Self::Connecting { reply, .. } | Self::Written { reply, .. } => {
                reply.error(error);
            }
            Self::Sync { reply, .. } | Self::Release { reply, .. } | Self::Remove { reply, .. } => {
                reply.error(error);
            }
            Self::Poll { reply, .. } => reply.error(error),
            Self::Unmounted => {}
        }
    }
}

/// What the kernel talks to.
#[derive(Debug)]
pub(super) struct Front {
    pub(super) jobs: Sender<Job>,
    pub(super) waker: Arc<Waker>,
}

impl Front {
    fn pass(&self, job: Job) {
        // A loop that is gone answers nothing: what is dropped is EIO.
        if self.jobs.send(job).is_ok() {
            self.waker.wake().ok();
        }
    }
}

fn caller(request: &Request, flags: OpenFlags) -> Caller {
    Caller { pid: request.pid(), flags: flags.0 }
}

impl Filesystem for Front {
    fn destroy(&mut self) {
        self.pass(Job::Unmounted);
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        self.pass(Job::Lookup { parent, name: name.to_owned(), reply });
    }

    fn getattr(&self, _: &Request, ino: INodeNo, handle: Option<FileHandle>, reply: ReplyAttr) {
        self.pass(Job::Attributes { ino, handle: handle.map(u64::from), reply });
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        _size: Option<u64>,
        _atime: Option<fuser::TimeOrNow>,
        _mtime: Option<fuser::TimeOrNow>,
        _ctime: Option<std::time::SystemTime>,
        handle: Option<FileHandle>,
        _crtime: Option<std::time::SystemTime>,
        _chgtime: Option<std::time::SystemTime>,
        _bkuptime: Option<std::time::SystemTime>,
        _: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        // A shell truncates what it redirects to; there is nothing to cut.
        self.pass(Job::Attributes { ino, handle: handle.map(u64::from), reply });
    }

    fn readdir(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, reply: ReplyDirectory) {
        self.pass(Job::List { ino, offset, reply });
    }

    fn open(&self, request: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        self.pass(Job::Open { ino, caller: caller(request, flags), reply });
    }

    fn read(
        &self,
        request: &Request,
        _: INodeNo,
        handle: FileHandle,
        _offset: u64,
        size: u32,
        flags: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let octets_max = usize::try_from(size).unwrap_or(usize::MAX);
        self.pass(Job::Read { handle: handle.0, octets_max, caller: caller(request, flags), reply });
    }

    fn write(
        &self,
        request: &Request,
        _: INodeNo,
        handle: FileHandle,
        _offset: u64,
        data: &[u8],
        _: WriteFlags,
        flags: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let caller = caller(request, flags);
        self.pass(Job::Write { handle: handle.0, octets: data.to_vec(), done: 0, caller, reply });
    }

    fn fsync(&self, request: &Request, _: INodeNo, handle: FileHandle, _: bool, reply: ReplyEmpty) {
        let caller = Caller { pid: request.pid(), flags: 0 };
        self.pass(Job::Sync { handle: handle.0, epoch: None, caller, reply });
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn poll(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        notifier: PollNotifier,
        _: PollEvents,
        flags: PollFlags,
        reply: ReplyPoll,
    ) {
        let notifier = flags.contains(PollFlags::FUSE_POLL_SCHEDULE_NOTIFY).then_some(notifier);
        self.pass(Job::Poll { handle: handle.0, notifier, reply });
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.pass(Job::Release { handle: handle.0, reply });
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.pass(Job::Remove { parent, name: name.to_owned(), reply });
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.pass(Job::Remove { parent, name: name.to_owned(), reply });
    }
}
