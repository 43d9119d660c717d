//! The functions of the table, in its order.
//!
//! Every one is given the userdata that [`packetdrill_interface_init`] put into the table. `fcntl` and `ioctl` take a
//! variable list in C; where this crate can be built, on Linux, a function with the arguments written out is called the
//! same way.

use std::ffi::{CStr, c_char, c_int, c_long, c_longlong, c_short, c_uint, c_ulong, c_void};
use std::time::Duration;

use super::Shared;
use super::memory::{
    address, fail, gather, octets, octets_mut, put, put_address, release_fd, reserve_fd, scatter, vectors,
};
use crate::errno::Errno;
use crate::sockets::{
    EpollChange, EpollEvent, Fd, Linger, MessageFlags, OptionValue, PollEntry, Settings, Sockets, TcpInfo,
};

type Data = *mut c_void;
type Address = *mut libc::sockaddr;
type Length = *mut libc::socklen_t;

/// `struct packetdrill_interface`: userdata and 32 functions, in the order of packetdrill's header.
#[repr(C)]
#[derive(Debug)]
#[allow(missing_docs, reason = "the names are those of the calls they stand for")]
pub struct Interface {
    pub userdata: Data,
    pub free: unsafe extern "C" fn(Data),
    pub socket: unsafe extern "C" fn(Data, c_int, c_int, c_int) -> c_int,
    pub bind: unsafe extern "C" fn(Data, c_int, *const libc::sockaddr, libc::socklen_t) -> c_int,
    pub listen: unsafe extern "C" fn(Data, c_int, c_int) -> c_int,
    pub accept: unsafe extern "C" fn(Data, c_int, Address, Length) -> c_int,
    pub connect: unsafe extern "C" fn(Data, c_int, *const libc::sockaddr, libc::socklen_t) -> c_int,
    pub read: unsafe extern "C" fn(Data, c_int, *mut c_void, usize) -> isize,
    pub readv: unsafe extern "C" fn(Data, c_int, *const libc::iovec, c_int) -> isize,
    pub recv: unsafe extern "C" fn(Data, c_int, *mut c_void, usize, c_int) -> isize,
    pub recvfrom: unsafe extern "C" fn(Data, c_int, *mut c_void, usize, c_int, Address, Length) -> isize,
    pub recvmsg: unsafe extern "C" fn(Data, c_int, *mut libc::msghdr, c_int) -> isize,
    pub write: unsafe extern "C" fn(Data, c_int, *const c_void, usize) -> isize,
    pub writev: unsafe extern "C" fn(Data, c_int, *const libc::iovec, c_int) -> isize,
    pub send: unsafe extern "C" fn(Data, c_int, *const c_void, usize, c_int) -> isize,
    pub sendto: unsafe extern "C" fn(
        Data,
        c_int,
        *const c_void,
        usize,
        c_int,
        *const libc::sockaddr,
        libc::socklen_t,
    ) -> isize,
    pub sendmsg: unsafe extern "C" fn(Data, c_int, *const libc::msghdr, c_int) -> isize,
    pub fcntl: unsafe extern "C" fn(Data, c_int, c_int, c_long) -> c_int,
    pub ioctl: unsafe extern "C" fn(Data, c_int, c_ulong, *mut c_int) -> c_int,
    pub close: unsafe extern "C" fn(Data, c_int) -> c_int,
    pub shutdown: unsafe extern "C" fn(Data, c_int, c_int) -> c_int,
    pub getsockopt: unsafe extern "C" fn(Data, c_int, c_int, c_int, *mut c_void, Length) -> c_int,
    pub setsockopt: unsafe extern "C" fn(Data, c_int, c_int, c_int, *const c_void, libc::socklen_t) -> c_int,
    pub poll: unsafe extern "C" fn(Data, *mut libc::pollfd, libc::nfds_t, c_int) -> c_int,
    pub netdev_send: unsafe extern "C" fn(Data, *const c_void, usize) -> c_int,
    pub netdev_receive: unsafe extern "C" fn(Data, *mut c_void, *mut usize, *mut c_longlong) -> c_int,
    pub usleep: unsafe extern "C" fn(Data, c_uint) -> c_int,
    pub gettimeofday: unsafe extern "C" fn(Data, *mut libc::timeval, *mut c_void) -> c_int,
    pub epoll_create: unsafe extern "C" fn(Data, c_int) -> c_int,
    pub epoll_ctl: unsafe extern "C" fn(Data, c_int, c_int, c_int, *mut libc::epoll_event) -> c_int,
    pub epoll_wait: unsafe extern "C" fn(Data, c_int, *mut libc::epoll_event, c_int, c_int) -> c_int,
    pub pipe: unsafe extern "C" fn(Data, *mut c_int) -> c_int,
    pub splice: unsafe extern "C" fn(
        Data,
        c_int,
        *mut libc::loff_t,
        c_int,
        *mut libc::loff_t,
        usize,
        c_uint,
    ) -> isize,
}

/// Fills the table of packetdrill. `flags`, what `--so_flags` says, are read by [`Settings::parse`]; flags that cannot be
/// read end the process.
///
/// # Safety
///
/// `flags` is a text that ends with 0, or null; `out` has room for an [`Interface`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn packetdrill_interface_init(flags: *const c_char, out: *mut Interface) {
    // SAFETY: the caller's promise.
    let flags = if flags.is_null() { c"" } else { unsafe { CStr::from_ptr(flags) } };
    let settings = match Settings::parse(&flags.to_string_lossy()) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("hiatus: {error}");
            std::process::exit(2);
        }
    };
    let userdata = Box::into_raw(Box::new(Shared::new(settings))).cast();
    let interface = Interface {
        userdata,
        free,
        socket,
        bind,
        listen,
        accept,
        connect,
        read,
        readv,
        recv,
        recvfrom,
        recvmsg,
        write,
        writev,
        send,
        sendto,
        sendmsg,
        fcntl,
        ioctl,
        close,
        shutdown,
        getsockopt,
        setsockopt,
        poll,
        netdev_send,
        netdev_receive,
        usleep,
        gettimeofday,
        epoll_create,
        epoll_ctl,
        epoll_wait,
        pipe,
        splice,
    };
    // SAFETY: the caller's promise.
    unsafe { out.write(interface) };
}

/// What the userdata points at.
///
/// # Safety
///
/// It is what [`packetdrill_interface_init`] put into the table, and [`free`] was not called.
unsafe fn shared<'a>(data: Data) -> &'a Shared {
    // SAFETY: the caller's promise; it is never borrowed for writing.
    unsafe { &*data.cast::<Shared>() }
}

/// Makes a call that never waits.
///
/// # Safety
///
/// As for [`shared`].
unsafe fn control<T: Into<i32>>(data: Data, call: impl FnOnce(&mut Sockets) -> Result<T, Errno>) -> c_int {
    // SAFETY: the caller's promise.
    let shared = unsafe { shared(data) };
    let found = {
        let mut stack = shared.lock();
        call(&mut stack.sockets)
    };
    found.map_or_else(fail, Into::into)
}

fn size(found: Result<usize, Errno>) -> isize {
    match found {
        Ok(count) => isize::try_from(count).unwrap_or(isize::MAX),
        Err(errno) => isize::try_from(fail(errno)).unwrap_or(-1),
    }
}

unsafe extern "C" fn free(data: Data) {
    // SAFETY: it came from a box, and packetdrill frees it once.
    drop(unsafe { Box::from_raw(data.cast::<Shared>()) });
}

unsafe extern "C" fn socket(data: Data, domain: c_int, kind: c_int, protocol: c_int) -> c_int {
    let Ok(fd) = reserve_fd() else { return fail(Errno::EMFILE) };
    // SAFETY: packetdrill hands over the userdata.
    let found =
        unsafe { control(data, |sockets| sockets.socket(Fd(fd), domain, kind, protocol).map(|fd| fd.0)) };
    if found < 0 {
        release_fd(fd);
    }
    found
}

unsafe extern "C" fn bind(data: Data, fd: c_int, at: *const libc::sockaddr, len: libc::socklen_t) -> c_int {
    // SAFETY: packetdrill hands over the userdata and an address of that length.
    unsafe { control(data, |sockets| address(at, len).and_then(|at| sockets.bind(Fd(fd), at)).map(|()| 0)) }
}

unsafe extern "C" fn listen(data: Data, fd: c_int, backlog: c_int) -> c_int {
    // SAFETY: packetdrill hands over the userdata.
    unsafe { control(data, |sockets| sockets.listen(Fd(fd), backlog).map(|()| 0)) }
}

unsafe extern "C" fn accept(data: Data, fd: c_int, at: Address, len: Length) -> c_int {
    let Ok(accepted) = reserve_fd() else { return fail(Errno::EMFILE) };
    // SAFETY: packetdrill hands over the userdata.
    let found = unsafe { shared(data) }.call(|sockets| sockets.accept(Fd(fd), Fd(accepted)));
    match found {
        Ok(remote) => {
            // SAFETY: packetdrill hands over room for an address and how much.
            unsafe { put_address(remote, at, len) };
            accepted
        }
        Err(errno) => {
            release_fd(accepted);
            fail(errno)
        }
    }
}

unsafe extern "C" fn connect(
    data: Data,
    fd: c_int,
    at: *const libc::sockaddr,
    len: libc::socklen_t,
) -> c_int {
    // SAFETY: packetdrill hands over an address of that length.
    let remote = match unsafe { address(at, len) } {
        Ok(remote) => remote,
        Err(errno) => return fail(errno),
    };
    // SAFETY: packetdrill hands over the userdata.
    let found = unsafe { shared(data) }.call(|sockets| sockets.connect(Fd(fd), remote));
    found.map_or_else(fail, |()| 0)
}

/// Every way to receive: into `vectors`.
///
/// # Safety
///
/// As for [`shared`] and [`scatter`].
unsafe fn receive(data: Data, fd: c_int, vectors: &[libc::iovec], flags: c_int) -> isize {
    let room_octets = vectors.iter().map(|vector| vector.iov_len).sum();
    let mut buffer = vec![0; room_octets];
    // SAFETY: the caller's promise.
    let shared = unsafe { shared(data) };
    let found = shared.call(|sockets| sockets.recv(Fd(fd), &mut buffer, MessageFlags(flags)));
    if let Ok(count) = found {
        // SAFETY: the caller's promise.
        unsafe { scatter(vectors, &buffer[..count]) };
    }
    size(found)
}

/// Every way to send: from `octets`. A call that waits goes on until all is taken.
///
/// # Safety
///
/// As for [`shared`].
unsafe fn transmit(data: Data, fd: c_int, octets: &[u8], flags: c_int) -> isize {
    let (fd, flags) = (Fd(fd), MessageFlags(flags));
    let mut taken = 0;
    // SAFETY: the caller's promise.
    let shared = unsafe { shared(data) };
    let found = shared.call(|sockets| {
        let found = sockets.send(fd, &octets[taken..], flags)?;
        taken += found;
        let waits = taken < octets.len() && sockets.is_blocking(fd, flags);
        if waits { Err(crate::sockets::Refusal::Blocks) } else { Ok(taken) }
    });
    // What was taken before the end counts.
    size(found.or_else(|errno| if taken > 0 { Ok(taken) } else { Err(errno) }))
}

unsafe extern "C" fn read(data: Data, fd: c_int, at: *mut c_void, count: usize) -> isize {
    // SAFETY: packetdrill hands over the userdata and room for `count`.
    unsafe { receive(data, fd, &[libc::iovec { iov_base: at, iov_len: count }], 0) }
}

unsafe extern "C" fn readv(data: Data, fd: c_int, at: *const libc::iovec, count: c_int) -> isize {
    // SAFETY: packetdrill hands over the userdata and `count` vectors.
    unsafe { receive(data, fd, vectors(at, usize::try_from(count).unwrap_or(0)), 0) }
}

unsafe extern "C" fn recv(data: Data, fd: c_int, at: *mut c_void, count: usize, flags: c_int) -> isize {
    // SAFETY: packetdrill hands over the userdata and room for `count`.
    unsafe { receive(data, fd, &[libc::iovec { iov_base: at, iov_len: count }], flags) }
}

unsafe extern "C" fn recvfrom(
    data: Data,
    fd: c_int,
    at: *mut c_void,
    count: usize,
    flags: c_int,
    _from: Address,
    from_len: Length,
) -> isize {
    if !from_len.is_null() {
        // A connection's peer is known: no address is given (POSIX, recvfrom).
        // SAFETY: packetdrill hands over a length or nothing.
        unsafe { *from_len = 0 };
    }
    // SAFETY: packetdrill hands over the userdata and room for `count`.
    unsafe { receive(data, fd, &[libc::iovec { iov_base: at, iov_len: count }], flags) }
}

unsafe extern "C" fn recvmsg(data: Data, fd: c_int, message: *mut libc::msghdr, flags: c_int) -> isize {
    // SAFETY: packetdrill hands over a message, its vectors, and the userdata.
    unsafe {
        (*message).msg_flags = 0;
        (*message).msg_controllen = 0;
        receive(data, fd, vectors((*message).msg_iov, (*message).msg_iovlen), flags)
    }
}

unsafe extern "C" fn write(data: Data, fd: c_int, at: *const c_void, count: usize) -> isize {
    // SAFETY: packetdrill hands over the userdata and `count` octets.
    unsafe { transmit(data, fd, octets(at, count), 0) }
}

unsafe extern "C" fn writev(data: Data, fd: c_int, at: *const libc::iovec, count: c_int) -> isize {
    // SAFETY: packetdrill hands over the userdata and `count` vectors.
    unsafe { transmit(data, fd, &gather(vectors(at, usize::try_from(count).unwrap_or(0))), 0) }
}

unsafe extern "C" fn send(data: Data, fd: c_int, at: *const c_void, count: usize, flags: c_int) -> isize {
    // SAFETY: packetdrill hands over the userdata and `count` octets.
    unsafe { transmit(data, fd, octets(at, count), flags) }
}

unsafe extern "C" fn sendto(
    data: Data,
    fd: c_int,
    at: *const c_void,
    count: usize,
    flags: c_int,
    _to: *const libc::sockaddr,
    _to_len: libc::socklen_t,
) -> isize {
    // SAFETY: packetdrill hands over the userdata and `count` octets.
    unsafe { transmit(data, fd, octets(at, count), flags) }
}

unsafe extern "C" fn sendmsg(data: Data, fd: c_int, message: *const libc::msghdr, flags: c_int) -> isize {
    // SAFETY: packetdrill hands over a message, its vectors, and the userdata.
    unsafe { transmit(data, fd, &gather(vectors((*message).msg_iov, (*message).msg_iovlen)), flags) }
}

unsafe extern "C" fn fcntl(data: Data, fd: c_int, command: c_int, argument: c_long) -> c_int {
    let argument = c_int::try_from(argument & 0x7fff_ffff).unwrap_or(0);
    // SAFETY: packetdrill hands over the userdata.
    unsafe { control(data, |sockets| sockets.fcntl(Fd(fd), command, argument)) }
}

unsafe extern "C" fn ioctl(data: Data, fd: c_int, request: c_ulong, out: *mut c_int) -> c_int {
    // SAFETY: packetdrill hands over the userdata and room for a number.
    unsafe {
        control(data, |sockets| {
            let found = sockets.ioctl(Fd(fd), request)?;
            out.write(found);
            Ok(0)
        })
    }
}

unsafe extern "C" fn close(data: Data, fd: c_int) -> c_int {
    // SAFETY: packetdrill hands over the userdata.
    let found = unsafe { control(data, |sockets| sockets.close(Fd(fd)).map(|()| 0)) };
    if found == 0 {
        release_fd(fd);
    }
    found
}

unsafe extern "C" fn shutdown(data: Data, fd: c_int, how: c_int) -> c_int {
    // SAFETY: packetdrill hands over the userdata.
    unsafe { control(data, |sockets| sockets.shutdown(Fd(fd), how).map(|()| 0)) }
}

unsafe extern "C" fn getsockopt(
    data: Data,
    fd: c_int,
    level: c_int,
    name: c_int,
    at: *mut c_void,
    len: Length,
) -> c_int {
    // SAFETY: packetdrill hands over the userdata, and room for a value and how much.
    unsafe {
        control(data, |sockets| {
            let value = match sockets.getsockopt(Fd(fd), level, name)? {
                OptionValue::Int(value) => value.to_ne_bytes().to_vec(),
                OptionValue::Linger(Linger { is_on, seconds }) => {
                    [is_on.to_ne_bytes(), seconds.to_ne_bytes()].concat()
                }
                OptionValue::Name(name) => [name.as_bytes(), &[0]].concat(),
                OptionValue::Info(info) => TcpInfo::octets(&info),
            };
            put(&value, at, len);
            Ok(0)
        })
    }
}

unsafe extern "C" fn setsockopt(
    data: Data,
    fd: c_int,
    level: c_int,
    name: c_int,
    at: *const c_void,
    len: libc::socklen_t,
) -> c_int {
    // SAFETY: packetdrill hands over a value of that length.
    let value = unsafe { octets(at, usize::try_from(len).unwrap_or(0)) };
    let number = |from: usize| {
        let octets = value.get(from..from + 4).and_then(|octets| octets.try_into().ok());
        octets.map(i32::from_ne_bytes).ok_or(Errno::EINVAL)
    };
    let value = match (level, name) {
        (libc::SOL_SOCKET, libc::SO_LINGER) => {
            number(0).and_then(|is_on| Ok(OptionValue::Linger(Linger { is_on, seconds: number(4)? })))
        }
        (libc::SOL_TCP, libc::TCP_CONGESTION) => {
            let text: Vec<u8> = value.iter().copied().take_while(|octet| *octet != 0).collect();
            Ok(OptionValue::Name(String::from_utf8_lossy(&text).into_owned()))
        }
        _ => number(0).map(OptionValue::Int),
    };
    // SAFETY: packetdrill hands over the userdata.
    unsafe { control(data, |sockets| sockets.setsockopt(Fd(fd), level, name, &value?).map(|()| 0)) }
}

/// A timeout in milliseconds; negative for never.
fn timeout(timeout_ms: c_int) -> Option<Duration> {
    u64::try_from(timeout_ms).ok().map(Duration::from_millis)
}

unsafe extern "C" fn poll(
    data: Data,
    at: *mut libc::pollfd,
    count: libc::nfds_t,
    timeout_ms: c_int,
) -> c_int {
    // SAFETY: packetdrill hands over `count` entries, which nothing else looks at meanwhile.
    let entries = unsafe { std::slice::from_raw_parts_mut(at, usize::try_from(count).unwrap_or(0)) };
    let mut asked: Vec<PollEntry> =
        entries.iter().map(|entry| PollEntry { fd: Fd(entry.fd), events: entry.events, found: 0 }).collect();
    // SAFETY: packetdrill hands over the userdata.
    let found = unsafe { shared(data) }
        .call_until(timeout(timeout_ms), |sockets, deadline| sockets.poll(&mut asked, deadline));
    for (entry, asked) in entries.iter_mut().zip(&asked) {
        entry.revents = c_short::from(asked.found);
    }
    found.map_or_else(fail, |count| c_int::try_from(count).unwrap_or(c_int::MAX))
}

unsafe extern "C" fn netdev_send(data: Data, at: *const c_void, count: usize) -> c_int {
    // SAFETY: packetdrill hands over the userdata and `count` octets.
    let (shared, packet) = unsafe { (shared(data), octets(at, count)) };
    let mut stack = shared.lock();
    if let Err(error) = stack.sockets.host_mut().handle_packet(packet) {
        eprintln!("hiatus: dropped: {error}");
    }
    drop(shared.tell(stack));
    0
}

unsafe extern "C" fn netdev_receive(
    data: Data,
    at: *mut c_void,
    count: *mut usize,
    time_us: *mut c_longlong,
) -> c_int {
    // SAFETY: packetdrill hands over the userdata.
    let shared = unsafe { shared(data) };
    let Some(sent) = shared.next_packet() else {
        // packetdrill has no limit of its own here and would ask for ever.
        eprintln!("hiatus: nothing will leave by itself, and a script waits for a packet");
        std::process::exit(1);
    };
    // SAFETY: packetdrill hands over room for a packet, how much, and room for a time.
    unsafe {
        let room = octets_mut(at, *count);
        let len_octets = room.len().min(sent.octets.len());
        room[..len_octets].copy_from_slice(&sent.octets[..len_octets]);
        *count = len_octets;
        *time_us = c_longlong::try_from(sent.at.micros()).unwrap_or(c_longlong::MAX);
    }
    0
}

unsafe extern "C" fn usleep(data: Data, micros: c_uint) -> c_int {
    // SAFETY: packetdrill hands over the userdata.
    let shared = unsafe { shared(data) };
    let to = shared.lock().sockets.host().now() + Duration::from_micros(u64::from(micros));
    shared.pass(to);
    0
}

unsafe extern "C" fn gettimeofday(data: Data, at: *mut libc::timeval, _zone: *mut c_void) -> c_int {
    // SAFETY: packetdrill hands over the userdata.
    let micros = unsafe { shared(data) }.look().micros();
    let part = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    // SAFETY: packetdrill hands over room for a time.
    unsafe {
        at.write(libc::timeval { tv_sec: part(micros / 1_000_000), tv_usec: part(micros % 1_000_000) });
    };
    0
}

unsafe extern "C" fn epoll_create(data: Data, _size: c_int) -> c_int {
    let Ok(fd) = reserve_fd() else { return fail(Errno::EMFILE) };
    // SAFETY: packetdrill hands over the userdata.
    unsafe { control(data, |sockets| Ok(sockets.epoll_create(Fd(fd)).0)) }
}

unsafe extern "C" fn epoll_ctl(
    data: Data,
    epoll: c_int,
    operation: c_int,
    fd: c_int,
    event: *mut libc::epoll_event,
) -> c_int {
    let change = if operation == libc::EPOLL_CTL_DEL || event.is_null() {
        EpollChange::Delete
    } else {
        // SAFETY: packetdrill hands over an event.
        let event = unsafe { event.read_unaligned() };
        let event = EpollEvent { events: event.events, data: event.u64 };
        match operation {
            libc::EPOLL_CTL_ADD => EpollChange::Add(event),
            _ => EpollChange::Modify(event),
        }
    };
    // SAFETY: packetdrill hands over the userdata.
    unsafe { control(data, |sockets| sockets.epoll_ctl(Fd(epoll), Fd(fd), change).map(|()| 0)) }
}

unsafe extern "C" fn epoll_wait(
    data: Data,
    epoll: c_int,
    events: *mut libc::epoll_event,
    count_max: c_int,
    timeout_ms: c_int,
) -> c_int {
    let count_max = usize::try_from(count_max).unwrap_or(0);
    // SAFETY: packetdrill hands over the userdata.
    let found = unsafe { shared(data) }.call_until(timeout(timeout_ms), |sockets, deadline| {
        sockets.epoll_wait(Fd(epoll), count_max, deadline)
    });
    match found {
        Ok(found) => {
            for (index, event) in found.iter().enumerate() {
                let event = libc::epoll_event { events: event.events, u64: event.data };
                // SAFETY: packetdrill hands over room for `count_max` events, and there are not more.
                unsafe { events.add(index).write_unaligned(event) };
            }
            c_int::try_from(found.len()).unwrap_or(c_int::MAX)
        }
        Err(errno) => fail(errno),
    }
}

unsafe extern "C" fn pipe(_data: Data, _fds: *mut c_int) -> c_int {
    fail(Errno::ENOSYS)
}

unsafe extern "C" fn splice(
    _data: Data,
    _fd_in: c_int,
    _offset_in: *mut libc::loff_t,
    _fd_out: c_int,
    _offset_out: *mut libc::loff_t,
    _count: usize,
    _flags: c_uint,
) -> isize {
    isize::try_from(fail(Errno::ENOSYS)).unwrap_or(-1)
}
