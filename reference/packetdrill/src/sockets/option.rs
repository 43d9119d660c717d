//! `getsockopt` and `setsockopt`.

use hiatus_engine::{Command, ConnectionInfo, EcnPolicy, TcpState};

use super::setting::Congestion;
use super::{Errno, Fd, Role, Settings, Sockets};

/// `SO_LINGER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Linger {
    /// Not 0 if `close` lingers.
    pub is_on: i32,
    /// For how long; 0 resets the connection.
    pub seconds: i32,
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionValue {
    /// Most options.
    Int(i32),
    /// `SO_LINGER`.
    Linger(Linger),
    /// `TCP_CONGESTION`.
    Name(String),
    /// `TCP_INFO`.
    Info(TcpInfo),
}

/// What `TCP_INFO` tells of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpInfo {
    /// State, as Linux numbers it.
    pub state: u8,
    /// What this end announced as its MSS.
    pub receive_mss_octets: u16,
    /// The rest; `None` where there is no connection.
    pub connection: Option<ConnectionInfo>,
}

/// Octets of `struct tcp_info`, as much of it as old and new headers share.
const TCP_INFO_OCTETS: usize = 248;
/// What Linux tells as ssthresh before the first loss.
const SSTHRESH_UNKNOWN: u32 = 0x7fff_ffff;

impl TcpInfo {
    /// As `struct tcp_info` of Linux lays it out; what is not known is 0. Windows are in segments, times in
    /// microseconds.
    #[must_use]
    pub fn octets(&self) -> Vec<u8> {
        let mut octets = vec![0; TCP_INFO_OCTETS];
        octets[0] = self.state;
        let mut put = |at: usize, value: u32| octets[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        put(20, u32::from(self.receive_mss_octets));
        put(84, u32::from(self.receive_mss_octets));
        let Some(info) = &self.connection else { return octets };
        let mss_octets = u32::from(info.send_mss_octets).max(1);
        let micros = |time: std::time::Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        put(8, micros(info.rto));
        put(16, mss_octets);
        put(24, info.flight_octets.div_ceil(mss_octets));
        put(68, info.smoothed_rtt.map_or(0, micros));
        put(76, info.ssthresh_octets.map_or(SSTHRESH_UNKNOWN, |octets| octets / mss_octets));
        put(80, info.cwnd_octets / mss_octets);
        octets[2] = u8::try_from(info.timeouts).unwrap_or(u8::MAX);
        octets
    }
}

impl Sockets {
    /// `setsockopt`.
    ///
    /// # Errors
    ///
    /// `ENOPROTOOPT` if it is not known, `EINVAL` if the value is not, `ENOENT` for a congestion control there is not.
    pub fn setsockopt(&mut self, fd: Fd, level: i32, name: i32, value: &OptionValue) -> Result<(), Errno> {
        let socket = self.socket_mut(fd)?;
        match value {
            OptionValue::Int(value) => socket.settings.set(level, name, *value)?,
            OptionValue::Linger(linger) if (level, name) == (libc::SOL_SOCKET, libc::SO_LINGER) => {
                socket.settings.linger = *linger;
            }
            OptionValue::Name(value) if (level, name) == (libc::SOL_TCP, libc::TCP_CONGESTION) => {
                socket.settings.congestion = Congestion::named(value).ok_or(Errno::ENOENT)?;
            }
            _ => return Err(Errno::EINVAL),
        }
        self.apply_settings(fd)
    }

    /// Tells the connection what changed, where there is one.
    pub(super) fn apply_settings(&mut self, fd: Fd) -> Result<(), Errno> {
        let socket = self.socket_of(fd)?;
        let (r2, nagle, keep_alive) =
            (socket.settings.r2(), socket.settings.nagle(), socket.settings.keep_alive());
        match socket.role {
            // A connection that is accepted is told then.
            Role::Fresh | Role::Listening(_) => {}
            Role::Connected { id, .. } => {
                let changes = [
                    Command::SetUserTimeout { r2 },
                    Command::SetNagle(nagle),
                    Command::SetKeepAlive(keep_alive),
                ];
                for change in changes {
                    // A connection that is over takes none.
                    self.host.command(id, change).ok();
                }
            }
        }
        Ok(())
    }

    /// `getsockopt`. `SO_ERROR` is told once.
    ///
    /// # Errors
    ///
    /// `ENOPROTOOPT` if it is not known.
    pub fn getsockopt(&mut self, fd: Fd, level: i32, name: i32) -> Result<OptionValue, Errno> {
        if (level, name) == (libc::SOL_SOCKET, libc::SO_ERROR) {
            let error = self.take_error(fd)?;
            return Ok(OptionValue::Int(error.map_or(0, |errno| errno.0)));
        }
        let state = self.state_of(fd);
        let config = self.config_of(fd, EcnPolicy::Off)?;
        let id = self.connection_of(fd)?;
        let info = id.and_then(|id| self.host.status(id)).and_then(|status| status.info);
        let socket = self.socket_of(fd)?;
        let is_listening = matches!(socket.role, Role::Listening(_));
        Ok(match (level, name) {
            (libc::SOL_SOCKET, libc::SO_LINGER) => OptionValue::Linger(socket.settings.linger),
            (libc::SOL_SOCKET, libc::SO_TYPE) => OptionValue::Int(libc::SOCK_STREAM),
            (libc::SOL_SOCKET, libc::SO_ACCEPTCONN) => OptionValue::Int(i32::from(is_listening)),
            (libc::SOL_TCP, libc::TCP_MAXSEG) => {
                OptionValue::Int(i32::from(info.map_or(config.mss_octets, |info| info.send_mss_octets)))
            }
            (libc::SOL_TCP, libc::TCP_CONGESTION) => {
                OptionValue::Name(socket.settings.congestion.name().to_owned())
            }
            (libc::SOL_TCP, libc::TCP_INFO) => OptionValue::Info(TcpInfo {
                state: state_number(state),
                receive_mss_octets: config.mss_octets,
                connection: info,
            }),
            _ => OptionValue::Int(socket.settings.of(level, name)?),
        })
    }
}

impl Settings {
    fn set(&mut self, level: i32, name: i32, value: i32) -> Result<(), Errno> {
        let positive = || u32::try_from(value).ok().filter(|value| *value > 0).ok_or(Errno::EINVAL);
        match (level, name) {
            (libc::SOL_SOCKET, libc::SO_REUSEADDR | libc::SO_REUSEPORT) => self.reuse_address = value,
            (libc::SOL_SOCKET, libc::SO_RCVBUF) => self.receive_buffer_octets = positive()?,
            (libc::SOL_SOCKET, libc::SO_SNDBUF) => self.send_buffer_octets = positive()?,
            (libc::SOL_SOCKET, libc::SO_KEEPALIVE) => self.keep_alive = i32::from(value != 0),
            (libc::SOL_TCP, libc::TCP_NODELAY) => self.no_delay = i32::from(value != 0),
            (libc::SOL_TCP, libc::TCP_CORK) => self.cork = i32::from(value != 0),
            (libc::SOL_TCP, libc::TCP_QUICKACK) => self.quick_ack = i32::from(value != 0),
            (libc::SOL_TCP, libc::TCP_MAXSEG) => {
                self.mss_octets = u16::try_from(positive()?).map_err(|_| Errno::EINVAL)?;
            }
            (libc::SOL_TCP, libc::TCP_KEEPIDLE) => self.keep_idle_s = positive()?,
            (libc::SOL_TCP, libc::TCP_KEEPINTVL) => self.keep_interval_s = positive()?,
            (libc::SOL_TCP, libc::TCP_KEEPCNT) => self.keep_count = positive()?,
            (libc::SOL_TCP, libc::TCP_SYNCNT) => {
                self.syn_count = u8::try_from(positive()?).map_err(|_| Errno::EINVAL)?;
            }
            (libc::SOL_TCP, libc::TCP_USER_TIMEOUT) => {
                self.user_timeout_ms = u32::try_from(value).map_err(|_| Errno::EINVAL)?;
            }
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    fn of(&self, level: i32, name: i32) -> Result<i32, Errno> {
        let value = match (level, name) {
            (libc::SOL_SOCKET, libc::SO_REUSEADDR | libc::SO_REUSEPORT) => return Ok(self.reuse_address),
            (libc::SOL_SOCKET, libc::SO_KEEPALIVE) => return Ok(self.keep_alive),
            (libc::SOL_TCP, libc::TCP_NODELAY) => return Ok(self.no_delay),
            (libc::SOL_TCP, libc::TCP_CORK) => return Ok(self.cork),
            (libc::SOL_TCP, libc::TCP_QUICKACK) => return Ok(self.quick_ack),
            (libc::SOL_SOCKET, libc::SO_RCVBUF) => self.receive_buffer_octets,
            (libc::SOL_SOCKET, libc::SO_SNDBUF) => self.send_buffer_octets,
            (libc::SOL_TCP, libc::TCP_KEEPIDLE) => self.keep_idle_s,
            (libc::SOL_TCP, libc::TCP_KEEPINTVL) => self.keep_interval_s,
            (libc::SOL_TCP, libc::TCP_KEEPCNT) => self.keep_count,
            (libc::SOL_TCP, libc::TCP_SYNCNT) => u32::from(self.syn_count),
            (libc::SOL_TCP, libc::TCP_USER_TIMEOUT) => self.user_timeout_ms,
            _ => return Err(Errno::ENOPROTOOPT),
        };
        Ok(i32::try_from(value).unwrap_or(i32::MAX))
    }
}

/// As `tcp_states.h` of Linux numbers them.
fn state_number(state: TcpState) -> u8 {
    match state {
        TcpState::Established => 1,
        TcpState::SynSent => 2,
        TcpState::SynReceived => 3,
        TcpState::FinWait1 => 4,
        TcpState::FinWait2 => 5,
        // The kernel knows no LINGER: to the application it is the end of TIME-WAIT.
        TcpState::TimeWait | TcpState::Linger => 6,
        TcpState::Closed => 7,
        TcpState::CloseWait => 8,
        TcpState::LastAck => 9,
        TcpState::Listen => 10,
        TcpState::Closing => 11,
    }
}
