//! What lies where: files, their names and their numbers.

use std::time::{Duration, UNIX_EPOCH};

use fuser::{FileAttr, FileType, INodeNo};

/// Nothing is remembered by the kernel: sockets come and go.
pub(super) const NO_TIME: Duration = Duration::ZERO;
/// Bits of an inode's number that say which file of a socket it is.
const FILE_BITS: u32 = 8;

/// A file of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum File {
    Accept,
    AcceptSocket,
    Bind,
    Connect,
    Data,
    Epoch,
    Error,
    Listen,
    Local,
    Peek,
    Remote,
    Shutdown,
    State,
    SoError,
    SoKeepalive,
    TcpNodelay,
    TcpUserTimeout,
}

impl File {
    /// Files of a socket's folder, by name.
    const OF_SOCKET: [(&'static str, Self); 13] = [
        ("accept", Self::Accept),
        ("accept_socket", Self::AcceptSocket),
        ("bind", Self::Bind),
        ("connect", Self::Connect),
        ("data", Self::Data),
        ("epoch", Self::Epoch),
        ("error", Self::Error),
        ("listen", Self::Listen),
        ("local", Self::Local),
        ("peek", Self::Peek),
        ("remote", Self::Remote),
        ("shutdown", Self::Shutdown),
        ("state", Self::State),
    ];
    /// Files of its folder `sockopts`.
    const OF_OPTIONS: [(&'static str, Self); 4] = [
        ("so_error", Self::SoError),
        ("so_keepalive", Self::SoKeepalive),
        ("tcp_nodelay", Self::TcpNodelay),
        ("tcp_user_timeout", Self::TcpUserTimeout),
    ];

    fn mode(self) -> u16 {
        match self {
            Self::Bind
            | Self::Connect
            | Self::Data
            | Self::Listen
            | Self::SoKeepalive
            | Self::TcpNodelay
            | Self::TcpUserTimeout => 0o600,
            Self::Shutdown => 0o200,
            _ => 0o400,
        }
    }
}

/// A file or folder of the mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    Root,
    Tcp,
    NewSocket,
    Address,
    Netmask,
    Gateway,
    LinkState,
    Socket(u32),
    Options(u32),
    File(u32, File),
}

impl Node {
    const OF_ROOT: [(&'static str, Self); 5] = [
        ("address", Self::Address),
        ("gateway", Self::Gateway),
        ("link_state", Self::LinkState),
        ("netmask", Self::Netmask),
        ("tcp", Self::Tcp),
    ];

    /// The socket that it belongs to.
    pub(super) fn socket(self) -> Option<u32> {
        match self {
            Self::Socket(number) | Self::Options(number) | Self::File(number, _) => Some(number),
            _ => None,
        }
    }

    pub(super) fn ino(self) -> INodeNo {
        let of_socket = |number: u32, file: u64| (u64::from(number) + 1) << FILE_BITS | file;
        INodeNo(match self {
            Self::Root => 1,
            Self::Tcp => 2,
            Self::NewSocket => 3,
            Self::Address => 4,
            Self::Netmask => 5,
            Self::Gateway => 6,
            Self::LinkState => 7,
            Self::Socket(number) => of_socket(number, 0),
            Self::Options(number) => of_socket(number, 1),
            Self::File(number, file) => of_socket(number, 2 + position(file)),
        })
    }

    pub(super) fn of(ino: INodeNo) -> Option<Self> {
        let Some(number) = (ino.0 >> FILE_BITS).checked_sub(1) else {
            return Some(match ino.0 {
                1 => Self::Root,
                2 => Self::Tcp,
                3 => Self::NewSocket,
                4 => Self::Address,
                5 => Self::Netmask,
                6 => Self::Gateway,
                7 => Self::LinkState,
                _ => return None,
            });
        };
        let number = u32::try_from(number).ok()?;
        Some(match ino.0 & ((1 << FILE_BITS) - 1) {
            0 => Self::Socket(number),
            1 => Self::Options(number),
            at => {
                let at = usize::try_from(at - 2).ok()?;
                let (_, file) = File::OF_SOCKET.iter().chain(&File::OF_OPTIONS).nth(at)?;
                Self::File(number, *file)
            }
        })
    }

    /// What lies in it, by name; sockets are not among it.
    pub(super) fn children(self) -> Vec<(&'static str, Self)> {
        match self {
            Self::Root => Self::OF_ROOT.to_vec(),
            Self::Tcp => vec![("new_socket", Self::NewSocket)],
            Self::Socket(number) => {
                let files = File::OF_SOCKET.iter().map(|(name, file)| (*name, Self::File(number, *file)));
                files.chain([("sockopts", Self::Options(number))]).collect()
            }
            Self::Options(number) => {
                File::OF_OPTIONS.iter().map(|(name, file)| (*name, Self::File(number, *file))).collect()
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn kind(self) -> FileType {
        match self {
            Self::Root | Self::Tcp | Self::Socket(_) | Self::Options(_) => FileType::Directory,
            _ => FileType::RegularFile,
        }
    }

    pub(super) fn attributes(self, (uid, gid): (u32, u32)) -> FileAttr {
        let (perm, nlink) = match self {
            Self::Tcp => (0o700, 2),
            Self::Root | Self::Socket(_) | Self::Options(_) => (0o500, 2),
            Self::File(_, file) => (file.mode(), 1),
            _ => (0o400, 1),
        };
        FileAttr {
            ino: self.ino(),
            size: 0,
            blocks: 0,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: self.kind(),
            perm,
            nlink,
            uid,
            gid,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }
}

fn position(file: File) -> u64 {
    let all = File::OF_SOCKET.iter().chain(&File::OF_OPTIONS);
    let at = all.map(|(_, known)| *known).take_while(|known| *known != file).count();
    u64::try_from(at).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::Node;

    #[test]
    fn numbers_name_what_they_were_made_of() {
        let mut folders = vec![Node::Root, Node::Tcp, Node::Socket(0), Node::Socket(4_000), Node::Options(7)];
        let files: Vec<Node> =
            folders.iter().flat_map(|node| node.children()).map(|(_, node)| node).collect();
        folders.extend(files);
        for node in folders {
            assert_eq!(Node::of(node.ino()), Some(node));
        }
        assert_eq!(Node::of(fuser::INodeNo(0)), None);
        assert_eq!(Node::of(fuser::INodeNo(1 << 8 | 200)), None);
    }
}
