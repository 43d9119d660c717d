//! The test bed: two hosts and a router between them, each in a network of its own.
//!
//! ```text
//!  host a                           router                          host b
//!  hiatus0 -- kernel -- eth0 ====== port_a  port_b == eth0 -- kernel -- hiatus0
//!  192.0.2.130       192.0.2.2   192.0.2.1 198.51.100.1   198.51.100.2    198.51.100.130
//! ```
//!
//! The addresses are for documentation (RFC 5737). Behind the TUN device of each host its prefix goes on: there Hiatus is.

pub(crate) mod capture;
pub(crate) mod disk;
pub(crate) mod guest;
pub(crate) mod program;
pub(crate) mod station;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::bed::station::Station;
use crate::trouble::Trouble;

/// The TUN device of a host.
pub(crate) const TUN: &str = "hiatus0";
/// The device of a host towards the router.
pub(crate) const UPLINK: &str = "eth0";
/// Packets that a device queues: more than any window has, so that only rules drop.
const QUEUE_PACKETS: u32 = 10_000;
/// How often something is looked for that takes its time.
const POLL: Duration = Duration::from_millis(10);
/// How long the devices of a new bed may take to pass packets.
const UP_PATIENCE: Duration = Duration::from_secs(10);

/// Which of the two hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The one that connects; behind the address translation if there is one.
    A,
    /// The one that listens.
    B,
}

impl End {
    /// Both.
    pub(crate) const BOTH: [Self; 2] = [Self::A, Self::B];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// The device of the router towards it.
    pub(crate) fn port(self) -> &'static str {
        match self {
            Self::A => "port_a",
            Self::B => "port_b",
        }
    }

    fn net(self) -> [u8; 3] {
        match self {
            Self::A => [192, 0, 2],
            Self::B => [198, 51, 100],
        }
    }

    fn address(self, last: u8) -> Ipv4Addr {
        let [first, second, third] = self.net();
        Ipv4Addr::new(first, second, third, last)
    }

    /// The address of the router on the link to it.
    pub(crate) fn gateway(self) -> Ipv4Addr {
        self.address(1)
    }

    /// The address of its kernel.
    pub(crate) fn kernel(self) -> Ipv4Addr {
        self.address(2)
    }

    /// The address of its kernel on the TUN device.
    pub(crate) fn tun(self) -> Ipv4Addr {
        self.address(129)
    }

    /// The address of Hiatus behind the TUN device.
    pub(crate) fn hiatus(self) -> Ipv4Addr {
        self.address(130)
    }

    /// The same with a port.
    pub(crate) fn hiatus_port(self, port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(self.hiatus()), port)
    }
}

/// What the router does to packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Middle {
    /// The largest packet that passes.
    pub(crate) mtu_octets: u16,
    /// What it knows of connections.
    pub(crate) tracking: Tracking,
    /// Packets of a hundred that get lost, in each direction.
    pub(crate) loss_percent: u8,
    /// What it does with options of Kind 253.
    pub(crate) options: Options,
}

impl Default for Middle {
    fn default() -> Self {
        let (tracking, options) = (Tracking::None, Options::Passed);
        Self { mtu_octets: 1500, tracking, loss_percent: 0, options }
    }
}

/// Connection tracking of the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tracking {
    /// It forwards.
    None,
    /// What fits no connection that it knows is dropped.
    Filter(Table),
    /// The same, and what comes from host a leaves with the address of the router.
    Translation(Table),
}

/// The table of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Table {
    /// How long a connection is kept that is silent (`nf_conntrack_tcp_timeout_established`), in seconds.
    pub(crate) timeout_seconds: u32,
    /// Whether a connection is picked up in the middle (`nf_conntrack_tcp_loose`).
    pub(crate) pick_up: PickUp,
}

/// What becomes of a segment in the middle of a connection that is not in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PickUp {
    /// It makes an entry.
    Loose,
    /// It makes none.
    Strict,
}

/// What becomes of options of Kind 253.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Options {
    /// They pass.
    Passed,
    /// NOPs take their place.
    Stripped,
}

/// Two hosts and a router. With this value everything in it ends.
#[derive(Debug)]
pub(crate) struct Bed {
    a: Station,
    b: Station,
    router: Station,
    mtu_octets: u16,
    folder: PathBuf,
}

impl Bed {
    /// Builds one whose files are in `folder`, which is made anew.
    pub(crate) fn build(folder: &Path, middle: Middle) -> Result<Self, Trouble> {
        let what = || Trouble::system(format!("folder {}", folder.display()));
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(what()(error)),
            _ => {}
        }
        fs::create_dir_all(folder).map_err(what())?;
        let folder = folder.canonicalize().map_err(what())?;
        let (a, b) = (Station::start("host a")?, Station::start("host b")?);
        let bed = Self { a, b, router: Station::start("router")?, mtu_octets: middle.mtu_octets, folder };
        bed.router.sysctl("ipv4/ip_forward", "1")?;
        for end in End::BOTH {
            bed.connect(end)?;
        }
        bed.router.nft(&rules(middle))?;
        if let Tracking::Filter(table) | Tracking::Translation(table) = middle.tracking {
            bed.set_table(table)?;
        }
        for end in End::BOTH {
            bed.wait_until_up(end)?;
        }
        Ok(bed)
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A host.
    pub(crate) fn host(&self, end: End) -> &Station {
        match end {
            End::A => &self.a,
            End::B => &self.b,
        }
    }

    /// The router.
    pub(crate) fn router(&self) -> &Station {
        &self.router
    }

    /// Changes the table of connections.
    pub(crate) fn set_table(&self, table: Table) -> Result<(), Trouble> {
        let Table { timeout_seconds, pick_up } = table;
        let established = "netfilter/nf_conntrack_tcp_timeout_established";
        self.router.sysctl(established, &timeout_seconds.to_string())?;
        let loose = match pick_up {
            PickUp::Loose => "1",
            PickUp::Strict => "0",
        };
        self.router.sysctl("netfilter/nf_conntrack_tcp_loose", loose)
    }

    /// Drops every packet on the way, without a word to anybody.
    pub(crate) fn cut(&self) -> Result<(), Trouble> {
        self.router.nft("add rule inet middle cut counter drop\n")
    }

    /// Ends a cut.
    pub(crate) fn mend(&self) -> Result<(), Trouble> {
        self.router.nft("flush chain inet middle cut\n")
    }

    /// From now on the router strips options of Kind 253.
    pub(crate) fn strip(&self) -> Result<(), Trouble> {
        self.router.nft(&format!("add rule inet middle options {STRIP}\n"))
    }

    /// A machine loses power: every process and device of it is gone at once, and it starts again with its disk alone. The
    /// programs on it have to be forgotten by whoever started them.
    pub(crate) fn restart(&mut self, end: End) -> Result<(), Trouble> {
        let name = self.host(end).name();
        let new = Station::start(name)?;
        // Its network goes when the kernel finds time for it; the cable is pulled now.
        self.router.ip(&format!("link delete dev {}\n", end.port()))?;
        match end {
            End::A => self.a = new,
            End::B => self.b = new,
        }
        self.connect(end)?;
        self.wait_until_up(end)
    }

    /// A TAP device takes the place of the cable to a host: behind it a virtual machine is that host.
    pub(crate) fn use_tap(&self, end: End) -> Result<(), Trouble> {
        let port = end.port();
        self.router.ip(&format!(
            "link delete dev {port}\n\
             tuntap add dev {port} mode tap\n\
             address add {gateway}/25 dev {port}\n\
             link set dev {port} up\n\
             route add {prefix}/25 via {kernel} dev {port} onlink\n",
            gateway = end.gateway(),
            prefix = end.address(128),
            kernel = end.kernel(),
        ))
    }

    fn connect(&self, end: End) -> Result<(), Trouble> {
        let host = self.host(end);
        let (port, uplink, tun, mtu) = (end.port(), UPLINK, TUN, self.mtu_octets);
        // One segment, one packet: what is captured, dropped and counted are segments.
        self.router.ip(&format!(
            "link add {port} type veth peer name {uplink} netns {thread}\n\
             link set dev {port} mtu {mtu} txqueuelen {QUEUE_PACKETS} gso_max_segs 1\n\
             address add {gateway}/25 dev {port}\n\
             link set dev {port} up\n\
             route add {prefix}/25 via {kernel} dev {port} onlink\n",
            thread = host.thread_id(),
            gateway = end.gateway(),
            prefix = end.address(128),
            kernel = end.kernel(),
        ))?;
        host.ip(&format!(
            "tuntap add dev {tun} mode tun\n\
             address add {tun_address}/25 dev {tun}\n\
             link set dev {tun} mtu {mtu} txqueuelen {QUEUE_PACKETS}\n\
             link set dev {tun} up\n\
             link set dev {uplink} mtu {mtu} txqueuelen {QUEUE_PACKETS} gso_max_segs 1\n\
             address add {kernel}/25 dev {uplink}\n\
             link set dev {uplink} up\n\
             route add default via {gateway}\n",
            tun_address = end.tun(),
            kernel = end.kernel(),
            gateway = end.gateway(),
        ))?;
        host.sysctl("ipv4/ip_forward", "1")
    }

    /// A veth device takes a while to notice that its other end is up, and drops what comes before.
    fn wait_until_up(&self, end: End) -> Result<(), Trouble> {
        wait_until(&format!("{} passes packets", end.name()), UP_PATIENCE, || {
            let links = self.host(end).tool("ip", &["-br", "link", "show", "dev", UPLINK], "")?;
            Ok(links.split_whitespace().nth(1) == Some("UP"))
        })
    }
}

const STRIP: &str = "reset tcp option 253";

/// Each rule on a line of its own: older versions of nft want it so.
fn rules(middle: Middle) -> String {
    let Middle { tracking, loss_percent, options, mtu_octets: _ } = middle;
    let invalid = match tracking {
        Tracking::None => "",
        Tracking::Filter(_) | Tracking::Translation(_) => "ct state invalid counter drop\n",
    };
    let strip = match options {
        Options::Passed => String::new(),
        Options::Stripped => format!("{STRIP}\n"),
    };
    let lose = match loss_percent {
        0 => String::new(),
        percent => format!("numgen random mod 100 < {percent} counter drop\n"),
    };
    let translate = match tracking {
        Tracking::None | Tracking::Filter(_) => "",
        Tracking::Translation(_) => "oifname port_b masquerade\n",
    };
    format!(
        "table inet middle {{\n\
           chain cut {{\n\
             type filter hook forward priority -20;\n\
           }}\n\
           chain options {{\n\
             type filter hook forward priority -10;\n\
             {strip}\
           }}\n\
           chain forward {{\n\
             type filter hook forward priority 0;\n\
             {invalid}\
             {lose}\
           }}\n\
           chain translate {{\n\
             type nat hook postrouting priority 100;\n\
             {translate}\
           }}\n\
         }}\n"
    )
}

/// Asks `is_so` again and again.
pub(crate) fn wait_until(
    what: &str,
    patience: Duration,
    mut is_so: impl FnMut() -> Result<bool, Trouble>,
) -> Result<(), Trouble> {
    let deadline = Instant::now() + patience;
    while !is_so()? {
        if Instant::now() > deadline {
            let (of, last) = ("the system".to_owned(), "none".to_owned());
            return Err(Trouble::Late { what: what.to_owned(), patience, of, last });
        }
        thread::sleep(POLL);
    }
    Ok(())
}
