//! The headers: 4096 of them, from a fixed seed, in the proportions that a busy server sees.

/// How many headers make one pass.
const HEADERS: usize = 4096;
const SEED: u64 = 0x4849_4154_5553_0001;

/// Per cent of SYN with 20 octets of options, of NOP NOP Timestamps, of Timestamps with three SACK blocks; the rest
/// carries a kind-253 option of 14 octets.
const SYN: u64 = 5;
const TIMESTAMPS: u64 = 65;
const SACK: u64 = 15;

const SYN_FLAG: u8 = 0x02;
const RST_FLAG: u8 = 0x04;
const ACK_FLAG: u8 = 0x10;

/// A TCP header without data.
pub(crate) struct Header {
    octets: [u8; 60],
    len: usize,
}

impl Header {
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets[..self.len]
    }

    fn push(&mut self, octets: &[u8]) -> &mut Self {
        self.octets[self.len..self.len + octets.len()].copy_from_slice(octets);
        self.len += octets.len();
        self
    }
}

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn octets<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next().to_be_bytes()[0])
    }
}

/// The same headers every time.
pub(crate) fn headers() -> Vec<Header> {
    let mut random = Random(SEED);
    (0..HEADERS).map(|_| header(&mut random)).collect()
}

fn header(random: &mut Random) -> Header {
    let mut header = Header { octets: [0; 60], len: 0 };
    header.push(&random.octets::<20>());
    let share = random.next() % 100;
    let mut flags = ACK_FLAG;
    if share < SYN {
        header.push(&[2, 4]).push(&random.octets::<2>()).push(&[4, 2]);
        header.push(&[8, 10]).push(&random.octets::<8>()).push(&[1, 3, 3, 7]);
        flags = SYN_FLAG;
    } else {
        header.push(&[1, 1]);
        if share < SYN + TIMESTAMPS + SACK {
            header.push(&[8, 10]).push(&random.octets::<8>());
        }
        if share >= SYN + TIMESTAMPS + SACK {
            // ABORT, the Hiatus message of 14 octets, which counts on an RST only.
            header.push(&[253, 14, 0x48, 0x49, 0x70, 3]).push(&random.octets::<8>());
            flags |= RST_FLAG;
        } else if share >= SYN + TIMESTAMPS {
            header.push(&[1, 1, 5, 26]).push(&random.octets::<24>());
        }
    }
    let words = u8::try_from(header.len / 4).unwrap_or(u8::MAX);
    header.octets[12] = words << 4;
    header.octets[13] = flags;
    if flags == SYN_FLAG {
        header.octets[8..12].fill(0);
    }
    // No urgent data, as everywhere.
    header.octets[18..20].fill(0);
    header
}
