//! Names of numbers, as the C library's headers of this machine have them.

/// What `name` stands for.
pub(super) fn value(name: &str) -> Option<i64> {
    let errno = || crate::errno::Errno::named(name).map(|errno| i64::from(errno.0));
    SYMBOLS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number).or_else(errno)
}

macro_rules! symbols {
    ($($name:ident),+ $(,)?) => {
        // Every one is an `i32`, `i16` or `u32` there; the cast widens.
        const SYMBOLS: &[(&str, i64)] = &[
            $((stringify!($name), libc::$name as i64)),+,
            ("SIOCINQ", 0x541b),
            ("SIOCOUTQ", 0x5411),
            ("FIONREAD", 0x541b),
            ("IPPROTO_TCP", 6),
            ("SOL_TCP", 6),
        ];
    };
}

symbols!(
    AF_INET,
    AF_INET6,
    PF_INET,
    PF_INET6,
    AF_UNSPEC,
    SOCK_STREAM,
    SOCK_NONBLOCK,
    SOCK_CLOEXEC,
    SOL_SOCKET,
    SO_REUSEADDR,
    SO_REUSEPORT,
    SO_ERROR,
    SO_RCVBUF,
    SO_SNDBUF,
    SO_KEEPALIVE,
    SO_LINGER,
    SO_TYPE,
    SO_ACCEPTCONN,
    TCP_NODELAY,
    TCP_MAXSEG,
    TCP_CORK,
    TCP_KEEPIDLE,
    TCP_KEEPINTVL,
    TCP_KEEPCNT,
    TCP_SYNCNT,
    TCP_QUICKACK,
    TCP_CONGESTION,
    TCP_USER_TIMEOUT,
    TCP_INFO,
    F_GETFL,
    F_SETFL,
    F_GETFD,
    F_SETFD,
    O_RDWR,
    O_NONBLOCK,
    SHUT_RD,
    SHUT_WR,
    SHUT_RDWR,
    MSG_PEEK,
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    MSG_WAITALL,
    MSG_TRUNC,
    MSG_MORE,
    MSG_OOB,
    POLLIN,
    POLLOUT,
    POLLERR,
    POLLHUP,
    POLLRDHUP,
    POLLNVAL,
    POLLRDNORM,
    POLLWRNORM,
    POLLPRI,
    EPOLLIN,
    EPOLLOUT,
    EPOLLERR,
    EPOLLHUP,
    EPOLLRDHUP,
    EPOLLET,
    EPOLLONESHOT,
    EPOLL_CTL_ADD,
    EPOLL_CTL_MOD,
    EPOLL_CTL_DEL,
);
