//! What a TUN device is to be.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// What a TUN device is to be. What is not said stays as it is, or as the kernel makes it.
///
/// The addresses are those of this machine on the device: it is one end of a link whose other end is Hiatus. Packets to
/// every other address of their prefixes go to Hiatus.
///
/// As TOML:
///
/// ```toml
/// name = "hiatus0"
/// addresses = ["10.7.0.1/24", "fd07::1/64"]
/// mtu_octets = 1500
/// offload = "if-possible"
/// lifetime = "until-closed"
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TunSettings {
    /// 1 to 15 octets. A device that exists already is attached to; otherwise it is made.
    pub name: String,
    /// One IPv4 address at most, which takes the place of another one, and any IPv6 addresses.
    #[serde(default)]
    pub addresses: Vec<IpNet>,
    /// The largest IP packet on it, in octets: 68 to 65,535, and at least 1280 with IPv6.
    #[serde(default)]
    pub mtu_octets: Option<u16>,
    /// Packets that the kernel queues for Hiatus before it drops some; the kernel makes it 500.
    #[serde(default)]
    pub queue_packets: Option<u32>,
    /// Whether the kernel cuts and puts together segments, and finishes checksums.
    #[serde(default)]
    pub offload: TunOffload,
    /// Whether a device that is made here outlives this process.
    #[serde(default)]
    pub lifetime: TunLifetime,
    /// The user who may attach to it without CAP_NET_ADMIN.
    #[serde(default)]
    pub owner: Option<u32>,
}

impl TunSettings {
    /// The device `name`, nothing else said.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            addresses: Vec::new(),
            mtu_octets: None,
            queue_packets: None,
            offload: TunOffload::default(),
            lifetime: TunLifetime::default(),
            owner: None,
        }
    }
}

/// Whether the kernel cuts and puts together segments, and finishes checksums (IFF_VNET_HDR, TUNSETOFFLOAD).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TunOffload {
    /// Where it can; else every packet is one segment.
    #[default]
    IfPossible,
    /// Or the device is not used.
    Required,
    /// Every packet is one segment with its checksum.
    Off,
}

/// How long a device exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TunLifetime {
    /// As long as somebody is attached to it. One that was persistent before stays so.
    #[default]
    UntilClosed,
    /// Until somebody deletes it: while nobody is attached, the address on it is still this machine's, and no packet to
    /// Hiatus is answered by another.
    Persistent,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::{TunLifetime, TunOffload, TunSettings};

    #[test]
    fn settings_are_read_from_toml() {
        let text = "name = \"hiatus0\"\naddresses = [\"10.7.0.1/24\", \"fd07::1/64\"]\nmtu_octets = 1400\n\
                    queue_packets = 1000\noffload = \"required\"\nlifetime = \"persistent\"\nowner = 33\n";
        let settings: TunSettings = toml::from_str(text).unwrap();
        let expected = TunSettings {
            name: "hiatus0".to_owned(),
            addresses: vec!["10.7.0.1/24".parse().unwrap(), "fd07::1/64".parse().unwrap()],
            mtu_octets: Some(1400),
            queue_packets: Some(1000),
            offload: TunOffload::Required,
            lifetime: TunLifetime::Persistent,
            owner: Some(33),
        };
        assert_eq!(settings, expected);
        assert_eq!(toml::from_str::<TunSettings>("name = \"t\"").unwrap(), TunSettings::new("t"));
        for mistake in ["name = \"t\"\nmtu = 1400", "name = \"t\"\noffload = \"maybe\"", "mtu_octets = 1400"]
        {
            assert!(toml::from_str::<TunSettings>(mistake).is_err(), "{mistake}");
        }
    }
}
