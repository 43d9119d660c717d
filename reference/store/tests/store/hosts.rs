//! Two hosts, one of which crashes: its endpoint, its store and what lies outside of it, put together as a host does it.

use core::time::Duration;

use hiatus_codec::{CapableBits, HoldTime};
use hiatus_engine::{
    ChecksumStatus, Config, ConnectionId, Endpoint, EndpointLimits, EndpointSecrets, Extent, HiatusPolicy,
    ListenerId, Offer, Placed, Restoration, Saved, Sending, Time,
};
use hiatus_store::{Epoch, EpochId, Origin, Outside, RecordId, Store, Taker};
use oorandom::Rand64;

use crate::disk::{Disk, Trouble};

const B: &str = "192.0.2.2:80";
const OCTETS: usize = 3000;

fn config() -> Config {
    let bits = CapableBits::new(1).with_older().with_retention();
    let offer = Offer { bits, hold: HoldTime::from_seconds(7200) };
    Config {
        hiatus: HiatusPolicy::On(offer),
        sending: Sending::HoldSend,
        mss_octets: 200,
        ..Config::default()
    }
}

/// An echo server of one connection: what it has read and not yet written back, and how much it has read.
#[derive(Debug, Clone, Default, PartialEq)]
struct App {
    read: usize,
    to_write: Vec<u8>,
}

impl App {
    fn to_octets(&self) -> Vec<u8> {
        [&u64::try_from(self.read).unwrap().to_le_bytes()[..], &self.to_write].concat()
    }

    fn from_octets(octets: &[u8]) -> Self {
        let (read, to_write) = octets.split_first_chunk::<8>().unwrap();
        Self { read: usize::try_from(u64::from_le_bytes(*read)).unwrap(), to_write: to_write.to_vec() }
    }

    fn run(&mut self, now: Time, endpoint: &mut Endpoint, id: ConnectionId, most: usize) {
        let mut room = vec![0; most];
        let count = endpoint.read(now, id, &mut room);
        self.read += count;
        self.to_write.extend(&room[..count]);
        if let Ok(written) = endpoint.write(now, id, &self.to_write) {
            self.to_write.drain(..written);
        }
    }
}

/// B: everything of it that a crash takes away, but for the disks.
struct Host {
    endpoint: Endpoint,
    listener: ListenerId,
    id: Option<ConnectionId>,
    app: App,
    store: Store,
    taker: Taker,
    incarnation: u32,
    next_epoch: u32,
    /// TAKEN and not committed, oldest first.
    pending: Vec<Epoch>,
}

impl Host {
    fn begin(disks: &Disk) -> Self {
        let mut endpoint = Endpoint::new(SECRETS_B, EndpointLimits::default());
        let listener = endpoint.listen(B.parse().unwrap(), config(), Default::default()).unwrap();
        let store = Store::create_on(disks.clone()).unwrap();
        let taker = store.taker();
        Self {
            endpoint,
            listener,
            id: None,
            app: App::default(),
            store,
            taker,
            incarnation: 0,
            next_epoch: 1,
            pending: Vec::new(),
        }
    }

    /// An epoch is TAKEN: endpoint and application of one instant.
    fn take(&mut self, now: Time) {
        let mut said = Vec::new();
        let number = self.next_epoch;
        self.next_epoch += 1;
        let extent = self.endpoint.snapshot_taken(now, number, |saved| match saved {
            Saved::Connection { record, .. } => said.push(Some(record.to_vec())),
            Saved::Gone { .. } => said.push(None),
        });
        let id = EpochId { incarnation: self.incarnation, number };
        let mut epoch = match extent {
            Extent::Full => self.taker.begin_whole(id).unwrap(),
            Extent::Changes => self.taker.begin(id).unwrap(),
        };
        for record in said {
            match record {
                Some(record) => epoch.put(RecordId(0), &record).unwrap(),
                None => epoch.remove(RecordId(0)),
            }
        }
        epoch.put_application("taken", &now.micros().to_le_bytes()).unwrap();
        epoch.put_application("echo", &self.app.to_octets()).unwrap();
        self.pending.push(epoch);
    }

    /// The oldest epoch that is TAKEN becomes DURABLE, if the power stays on.
    fn commit(&mut self, now: Time) {
        if self.pending.is_empty() {
            return;
        }
        let epoch = self.pending.remove(0);
        if self.store.commit(&epoch).is_ok() {
            self.endpoint.snapshot_durable(now, epoch.id().number);
        }
    }

    /// What comes back after the crash; `None` if no epoch with the connection was DURABLE.
    fn restore(disk: &Disk, outside: &mut Outside, now: Time, seed: u8) -> Option<Self> {
        let (store, image) = Store::restore_on(disk.clone()).unwrap();
        let image = image?;
        let life = outside.begin_life(Origin::Restored(image.epoch())).unwrap();
        let taken = u64::from_le_bytes(image.application("taken").unwrap().try_into().unwrap());
        let restoration = Restoration {
            incarnation: life.incarnation,
            instance: [seed; 16],
            tsval_ceiling: life.tsval_ceiling,
            taken: Time(taken),
        };
        let mut endpoint = Endpoint::restoring(SECRETS_B, EndpointLimits::default());
        let listener = endpoint.listen(B.parse().unwrap(), config(), Default::default()).unwrap();
        let (config, mut id) = (config(), None);
        let records = image.records().map(|(_, record)| (&config, record));
        let keep = |placed| {
            if let Placed::Kept(found) = placed {
                id = Some(found);
            }
        };
        endpoint.restore(now, &restoration, records, keep).unwrap();
        let app = App::from_octets(image.application("echo").unwrap());
        let taker = store.taker();
        let incarnation = life.incarnation;
        Some(Self {
            endpoint,
            listener,
            id: Some(id?),
            app,
            store,
            taker,
            incarnation,
            next_epoch: 1,
            pending: Vec::new(),
        })
    }
}

const SECRETS_A: EndpointSecrets = EndpointSecrets { host: [1; 16], instance: [2; 16] };
const SECRETS_B: EndpointSecrets = EndpointSecrets { host: [3; 16], instance: [4; 16] };

/// Packets of one to the other; some are lost.
fn carry(now: Time, from: &mut Endpoint, to: &mut Endpoint, random: &mut Rand64) -> usize {
    let mut buffer = [0; 1500];
    let mut count = 0;
    while let Some(packet) = from.poll_packet(now, &mut buffer) {
        count += 1;
        if random.rand_range(0..20) > 0 {
            to.handle_packet(now, &buffer[..packet.len_octets], ChecksumStatus::ToVerify);
        }
    }
    while from.poll_event().is_some() {}
    count
}

fn pattern(at: usize) -> u8 {
    u8::try_from(at * 7 % 251).unwrap()
}

/// Gives how often B was restored.
fn echo(seed: u128) -> u32 {
    let mut random = Rand64::new(seed);
    let mut now = Time::from_secs(100);
    let mut disk = Disk::default();
    let mut outside = Outside::create_on(Disk::default()).unwrap();
    let mut a = Endpoint::new(SECRETS_A, EndpointLimits::default());
    let mut b = Host::begin(&disk);
    let unheld = Config { sending: Sending::Unheld, ..config() };
    let id = a.connect(now, "192.0.2.1:0".parse().unwrap(), B.parse().unwrap(), unheld).unwrap();
    let (mut written, mut read, mut restores) = (0, 0, 0);
    for step in 0..200_000 {
        now = now + Duration::from_millis(1 + random.rand_range(0..20));
        outside.raise_tsval_ceiling(b.endpoint.timestamp_clock(now)).unwrap();
        a.handle_timeout(now);
        b.endpoint.handle_timeout(now);
        let most = usize::try_from(1 + random.rand_range(0..100)).unwrap();
        let octets: Vec<u8> = (written..OCTETS.min(written + most)).map(pattern).collect();
        written += a.write(now, id, &octets).unwrap_or(0);
        for _ in 0..3 {
            carry(now, &mut a, &mut b.endpoint, &mut random);
            carry(now, &mut b.endpoint, &mut a, &mut random);
        }
        if b.id.is_none() {
            b.id = b.endpoint.accept(b.listener);
        }
        if let Some(id) = b.id {
            b.app.run(now, &mut b.endpoint, id, most);
        }
        let mut room = [0; 512];
        let count = a.read(now, id, &mut room);
        for octet in &room[..count] {
            assert_eq!(*octet, pattern(read), "seed {seed}, step {step}: octet {read} of the echo");
            read += 1;
        }
        if read == OCTETS {
            return restores;
        }
        if b.id.is_some() && random.rand_range(0..4) == 0 && b.pending.len() < 12 {
            b.take(now);
        }
        if random.rand_range(0..5) == 0 {
            b.commit(now);
        }
        let is_told = a.info(id).is_some_and(|info| info.stable.peer.0 > 1);
        // Until then no DURABLE epoch need have the connection as one that is on.
        if is_told && random.rand_range(0..60) == 0 && restores < 20 {
            // In the middle of a commit, mostly.
            disk.arm(random.rand_range(0..12), Trouble::PowerCut);
            b.commit(now);
            disk = disk.after_power_cut(&mut random);
            now = now + Duration::from_millis(random.rand_range(0..3000));
            restores += 1;
            b = Host::restore(&disk, &mut outside, now, u8::try_from(restores).unwrap())
                .expect("it was there");
        }
    }
    panic!("seed {seed}: {written} written, {read} came back, after {restores} restores");
}

#[test]
fn what_an_echo_server_gives_back_is_what_it_was_given_wherever_it_crashes() {
    let restores: u32 = (0..200).map(echo).sum();
    assert!(restores > 200, "{restores} restores");
}
