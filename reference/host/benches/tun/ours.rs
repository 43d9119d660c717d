//! Our host in its own event loop.

use std::time::Duration;

use hiatus_engine::{Backlog, Config, ConnectionId, EndpointLimits, Event, ListenerId, Nagle};
use hiatus_host::epochs::EpochPolicy;
use hiatus_host::link::{Link, TunLink};
use hiatus_host::machine::{Next, Settings};
use hiatus_host::{EventLoop, Machine, Service};

use crate::{BUFFER_OCTETS, CHUNK_OCTETS, Contender, HOST, MTU_OCTETS, Role};

/// IPv4 and TCP headers without options.
const HEADERS_OCTETS: u16 = 40;

pub(crate) struct Ours {
    event_loop: EventLoop,
    machine: Machine,
    application: Application,
}

/// What runs on the host.
struct Application {
    role: Role,
    listener: Option<ListenerId>,
    chunk: Vec<u8>,
    moved_octets: u64,
}

impl Ours {
    pub(crate) fn boxed(link: TunLink, role: Role) -> Box<dyn Contender> {
        let event_loop = EventLoop::new().expect("a descriptor");
        let octets = u32::try_from(BUFFER_OCTETS).expect("a buffer");
        let connection = Config {
            mss_octets: MTU_OCTETS - HEADERS_OCTETS,
            receive_buffer_octets: octets,
            send_buffer_octets: octets,
            window_scale: Some(7),
            nagle: Nagle::Off,
            ..Config::default()
        };
        let settings = Settings {
            limits: EndpointLimits::default(),
            connection,
            prefixes: Vec::new(),
            epochs: EpochPolicy::OnCommand,
        };
        let started = Machine::start(Link::Tun(link), settings, None, event_loop.wake());
        let mut machine = started.expect("a host").machine;
        event_loop.attach(&mut machine).expect("a descriptor");
        let listener = machine.listen(HOST, Backlog::default()).expect("nobody listens yet");
        let application =
            Application { role, listener: Some(listener), chunk: vec![0x5a; CHUNK_OCTETS], moved_octets: 0 };
        Box::new(Self { event_loop, machine, application })
    }
}

impl Application {
    fn send(&mut self, machine: &mut Machine, id: ConnectionId) {
        while let Ok(count @ 1..) = machine.write(id, &self.chunk) {
            self.moved_octets += u64::try_from(count).expect("a count");
        }
    }

    fn receive(&mut self, machine: &mut Machine, id: ConnectionId) {
        loop {
            let count = machine.read(id, &mut self.chunk);
            self.moved_octets += u64::try_from(count).expect("a count");
            if count == 0 {
                break;
            }
            if self.role == Role::Echo {
                machine.write(id, &self.chunk[..count]).expect("it is open");
            }
        }
    }
}

impl Service for Application {
    fn handle_event(&mut self, machine: &mut Machine, id: ConnectionId, event: Event) {
        match (event, self.role) {
            (Event::Connected, _) => {
                self.listener.and_then(|listener| machine.accept(listener));
                if self.role == Role::Source {
                    self.send(machine, id);
                }
            }
            (Event::Writable, Role::Source) => self.send(machine, id),
            (Event::Readable, Role::Sink | Role::Echo) => self.receive(machine, id),
            _ => {}
        }
    }
}

impl Contender for Ours {
    fn round(&mut self, patience: Duration) {
        let next = self.machine.turn(&mut self.application).expect("a device");
        let until_next = match next {
            Next::Now => Duration::ZERO,
            Next::At(time) => self.machine.clock().until(time),
            Next::Idle => patience,
        };
        self.event_loop.wait(Some(until_next.min(patience)), |_| {}).expect("epoll");
    }

    fn moved_octets(&self) -> u64 {
        self.application.moved_octets
    }

    fn packets(&self) -> u64 {
        let counters = self.machine.counters();
        counters.packets_in + counters.packets_out
    }
}
