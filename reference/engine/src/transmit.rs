//! What to send now: decided in one place, written in another.

use hiatus_codec::{Flags, Message, OptionWriter, Position, SequenceNumber};

use crate::SEGMENT_LEN_OCTETS_MIN;
use crate::config::Nagle;
use crate::ecn::Ecn;
use crate::hiatus::Hiatus;
use crate::outgoing::{self, Burst, FIXED_HEADER_OCTETS, Header, HeaderOptions, Room};
use crate::owed::Owed;
use crate::receive::SackList;
use crate::recovery::{Mode, Repair};
use crate::rule::Rule;
use crate::tcb::{Context, Tcb};
use crate::timer::Timer;

/// Octets of the timestamps option with its padding.
const TIMESTAMPS_OCTETS: u16 = 12;
/// Full segments that must follow a probe of the path: as many as duplicate ACKs prove a loss (RFC 5681).
const SEGMENTS_BEHIND_PROBE: u16 = 3;
/// Data behind one header at most, so that header and data fit the 65,535 octets of an IP packet.
const BURST_OCTETS_MAX: u16 = 65_535 - 40 - 60;
/// Octets of the long CAPABLE.
const CAPABLE_OCTETS: u16 = 16;

/// The next segment of a synchronised connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plan {
    /// A segment beside the stream.
    Owed(Owed),
    /// Octets of the stream, the FIN included.
    Text(Text),
    /// Octets that are missing, out of turn (fast retransmit and recovery).
    Again(Text, Repair),
    /// Octets that the window has no room for, to learn whether it has now.
    Probe(Text),
    /// A segment larger than the path is known to take, to learn whether it arrives.
    SizeProbe(Text),
    /// A segment outside the peer's window, to learn whether the peer is there.
    KeepAlive,
    /// An acknowledgment.
    Ack,
}

/// A piece of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) from: Position,
    pub(crate) len_octets: u16,
    pub(crate) fin: bool,
}

impl Text {
    fn end(&self) -> Position {
        self.from.advanced_by(u64::from(self.len_octets) + u64::from(self.fin))
    }
}

impl Tcb {
    /// What to send now, if anything.
    fn plan(&self, cx: &Context<'_>, segments_max: u16) -> Option<Plan> {
        if let Some(owed) = self.owed.front() {
            return Some(Plan::Owed(*owed));
        }
        //= draft#resuming
        //# A host in RESUMING MUST NOT send a segment other than RESUME,
        //# RESUME-ACK, SUSPEND-ACK and ABORT.
        if self.is_resuming() && cx.config.keeps(Rule::MuteWhileResuming) {
            return None;
        }
        // In RESUMING only who breaks that rule comes here.
        if (self.may_originate() || self.is_resuming()) && !self.stream_rests() {
            if let Some((text, repair)) = self.urgent_repair() {
                return Some(Plan::Again(text, repair));
            }
            if let Some(text) = self.size_probe(cx) {
                return Some(Plan::SizeProbe(text));
            }
            if let Some(text) = self.text(cx, segments_max) {
                return Some(Plan::Text(text));
            }
            if let Some((text, repair)) = self.late_repair() {
                return Some(Plan::Again(text, repair));
            }
            if self.persist.is_due
                && let Some(text) = self.probe()
            {
                return Some(Plan::Probe(text));
            }
            if self.keep_alive.is_due {
                return Some(Plan::KeepAlive);
            }
        }
        self.ack_is_due.then_some(Plan::Ack)
    }

    /// True if the stream and the timers ask for nothing: what is written was sent, and nothing seems to be missing.
    #[inline]
    fn stream_rests(&self) -> bool {
        self.snd.resend == self.snd.lim
            && !self.resend_first
            && self.recovery.is_clear()
            && !self.persist.is_due
            && !self.keep_alive.is_due
    }

    /// True if there is nothing at all to send.
    #[inline]
    pub(crate) fn rests(&self) -> bool {
        !self.ack_is_due && self.owed.is_empty() && self.stream_rests()
    }

    /// Octets of the options on a segment with data.
    pub(crate) fn options_octets(&self) -> u16 {
        let timestamps = if self.timestamps.is_some() { TIMESTAMPS_OCTETS } else { 0 };
        let capable = if self.capable_is_due() { CAPABLE_OCTETS } else { 0 };
        let options = timestamps + capable;
        match self.rcv.sack_blocks_count() {
            1.. if !self.sack_permitted => options,
            0 => options,
            count => options + u16::try_from(outgoing::sack_octets(usize::from(options), count)).unwrap_or(0),
        }
    }

    /// SMSS (RFC 5681, section 2), by which congestion is reckoned: options do not count, so the timestamps that every
    /// segment carries are taken off. Options that come and go are not.
    pub(crate) fn smss_octets(&self) -> u16 {
        let timestamps = if self.timestamps.is_some() { TIMESTAMPS_OCTETS } else { 0 };
        self.snd.mss_octets.saturating_sub(timestamps).max(1)
    }

    /// Room for data in one segment: the effective send MSS less the options (RFC 9293, section 3.7.1; RFC 6691).
    fn text_octets_max(&self) -> u16 {
        self.snd.mss_octets.saturating_sub(self.options_octets()).max(1)
    }

    /// The segment at SND.UNA, if it is in flight.
    pub(crate) fn first_unacknowledged(&self) -> Option<Text> {
        self.piece(self.snd.una, self.snd.nxt, 1)
    }

    /// The octets from `from` up to `bound`, at most so many segments; `None` if there are none.
    fn piece(&self, from: Position, bound: Position, segments_max: u16) -> Option<Text> {
        let data = from.distance_to(bound.min(self.snd.data_end()));
        let segment_octets = self.text_octets_max();
        // What is behind one header fits one IP packet. Each CAPABLE counts, so its segments go one by one; a duplicate is
        // reported once.
        let is_single = self.capable_is_due() || self.rcv.has_duplicate();
        let octets_max = if is_single || segments_max <= 1 {
            segment_octets
        } else {
            segment_octets.saturating_mul((BURST_OCTETS_MAX / segment_octets).clamp(1, segments_max))
        };
        let len_octets = u16::try_from(data).unwrap_or(u16::MAX).min(octets_max);
        let end = from.advanced_by(u64::from(len_octets));
        let fin = self.snd.fin == Some(end) && end < bound;
        (len_octets > 0 || fin).then_some(Text { from, len_octets, fin })
    }

    /// Octets that congestion lets through beyond what is under way.
    fn congestion_room(&self) -> u64 {
        let limited = self.recovery.limited_transmit_octets(self.smss_octets());
        u64::from(self.congestion.cwnd().saturating_add(limited)).saturating_sub(self.pipe())
    }

    /// How far from `from` on congestion and the peer's window let the stream go.
    fn window_end(&self, from: Position) -> Position {
        let window = self.snd.una.advanced_by(u64::from(self.snd.wnd));
        window.min(from.advanced_by(self.congestion_room()))
    }

    /// What is sent again before anything new: what was found lost just now, however much is under way, and the holes
    /// that are lost (RFC 6675, section 4, NextSeg, rule 1).
    fn urgent_repair(&self) -> Option<(Text, Repair)> {
        if self.resend_first {
            let first = self.recovery.missing_from(self.snd.una, self.snd.nxt);
            return Some((self.piece(first.start, first.end, 1)?, Repair::First));
        }
        if self.recovery.mode() != Mode::Selective {
            return None;
        }
        let hole = self.recovery.lost_hole(self.smss_octets())?;
        let text = self.piece(hole.start, hole.end, 1)?;
        (u64::from(text.len_octets) <= self.congestion_room()).then_some((text, Repair::Hole))
    }

    /// What is sent again if there is nothing new: holes that may not be lost, and the last octets (NextSeg, rules 3
    /// and 4).
    fn late_repair(&self) -> Option<(Text, Repair)> {
        if self.recovery.mode() != Mode::Selective {
            return None;
        }
        let (found, repair) = match self.recovery.hole() {
            Some(hole) => (hole, Repair::Hole),
            None => {
                let octets_max = u64::from(self.text_octets_max());
                (self.recovery.rescue(self.outstanding(), octets_max)?, Repair::Rescue)
            }
        };
        let text = self.piece(found.start, found.end, 1)?;
        (u64::from(text.len_octets) <= self.congestion_room()).then_some((text, repair))
    }

    /// The next piece of the stream that congestion and the peer's window let through and that is worth a segment.
    pub(crate) fn text(&self, cx: &Context<'_>, segments_max: u16) -> Option<Text> {
        let bound = self.send_bound();
        if self.snd.resend >= bound {
            return None;
        }
        let missing = self.recovery.missing_from(self.snd.resend, bound);
        let (from, bound) = (missing.start, missing.end);
        // A router that cuts a burst may repeat CWR on each piece.
        let segments_max = if self.ecn.tells_peer() { 1 } else { segments_max };
        let mut text = self.piece(from, bound.min(self.window_end(from)), segments_max)?;
        // Octets that were sent before do not wait, nor does a FIN: CLOSE is a push (RFC 9293, section 3.9.1.4).
        if from < self.snd.nxt || text.fin {
            return Some(text);
        }
        let segment_octets = self.text_octets_max();
        let is_all = text.end() >= bound.min(self.snd.data_end());
        let waits_for_ack = self.nagle(cx.config) == Nagle::On;
        // Behind full segments, what is not enough waits for the next decision.
        if text.len_octets > segment_octets && (waits_for_ack || !is_all) {
            text.len_octets -= text.len_octets % segment_octets;
        }
        // Against silly windows (RFC 9293, section 3.8.6.2.1, MUST-38): rule 1, a full segment; 2, all there is; 3, half
        // the largest window. Nagle's condition on 2 and 3: nothing is in flight (section 3.7.4, SHLD-7). Rule 4, the
        // timeout, is `probe`.
        let is_free = !waits_for_ack || self.snd.una == self.snd.nxt;
        let is_enough = text.len_octets >= segment_octets
            || (is_free && (is_all || u32::from(text.len_octets) >= self.snd.wnd_max / 2));
        is_enough.then_some(text)
    }

    /// A piece larger than what the path is known to take, if it is time to try one (RFC 4821, section 7.4): nothing is
    /// lost, and enough follows it that its loss would be found by duplicate ACKs.
    fn size_probe(&self, cx: &Context<'_>) -> Option<Text> {
        let mss_octets = self.path.probe_mss(cx.now)?;
        let from = self.snd.resend;
        if from < self.snd.max || self.resend_first || self.recovery.mode() != Mode::Open {
            return None;
        }
        let len_octets = mss_octets.checked_sub(self.options_octets())?;
        let behind = u64::from(self.snd.mss_octets) * u64::from(SEGMENTS_BEHIND_PROBE);
        let end = from.advanced_by(u64::from(len_octets) + behind);
        let bound = self.send_bound().min(self.snd.data_end()).min(self.window_end(from));
        (end <= bound).then_some(Text { from, len_octets, fin: false })
    }

    /// What passes a window that is too small: as much as it holds, one octet at least.
    fn probe(&self) -> Option<Text> {
        let from = self.snd.resend;
        let window = self.snd.una.advanced_by(u64::from(self.snd.wnd.max(1)));
        self.piece(from, self.send_bound().min(window), 1)
    }

    /// The CAPABLE that the next segment without SYN and RST carries, if any.
    fn capable_due(&self) -> Option<Message<'static>> {
        match &self.hiatus {
            Hiatus::Confirming(confirming) => confirming.on_segment().map(Message::Capable),
            _ => None,
        }
    }

    fn capable_is_due(&self) -> bool {
        matches!(&self.hiatus, Hiatus::Confirming(confirming) if confirming.on_segment().is_some())
    }

    /// Writes the next segment of a synchronised connection; gives its octets.
    pub(crate) fn transmit(&mut self, cx: &mut Context<'_>, room: &mut Room<'_>) -> Option<Burst> {
        if room.buffer.len() < SEGMENT_LEN_OCTETS_MIN || self.rests() {
            return None;
        }
        if self.path.refresh(cx.now) {
            self.snd.mss_octets = self.path.send_mss();
        }
        self.restart_after_idle(cx);
        self.ask_after_long_time(cx);
        while let Some(plan) = self.plan(cx, room.segments_max) {
            let written = match plan {
                Plan::Owed(owed) => {
                    self.owed.pop_front();
                    self.write_owed(cx, room, owed)
                }
                Plan::Text(text) => self.send_text(cx, room, text),
                Plan::SizeProbe(text) => self.send_size_probe(cx, room, text),
                Plan::Again(text, repair) => self.send_again(cx, room, text, repair),
                Plan::Probe(text) => self.send_probe(cx, room, text),
                Plan::KeepAlive => {
                    self.keep_alive.is_due = false;
                    let header = self.header(self.keep_alive_seq(), Flags::ACK);
                    let options = self.options(cx, None).written();
                    outgoing::write(self.ports, header, &options, room, 0, |_| 0)
                }
                // It changes nothing that a timer runs for.
                Plan::Ack => return self.write_ack(cx, room, None),
            };
            self.rearm(cx);
            if written.is_some() {
                return written;
            }
        }
        None
    }

    /// Sends the next piece of the stream. Only what is new is marked for ECN (RFC 3168, section 6.1.5).
    fn send_text(&mut self, cx: &Context<'_>, room: &mut Room<'_>, text: Text) -> Option<Burst> {
        let is_new = text.from >= self.snd.max && text.len_octets > 0;
        let (ecn, flags) = if is_new { self.ecn.new_data() } else { (Ecn::NotEct, Flags::default()) };
        let (options_octets, segment_octets) = (self.options_octets(), self.text_octets_max());
        let Written { text, burst } = self.write_text(cx, room, text, flags);
        if is_new {
            let first_octets = text.len_octets.min(segment_octets);
            let end = text.from.advanced_by(u64::from(first_octets));
            self.path.sent(text.from, end, first_octets + options_octets);
        } else {
            self.path.sent_again(text.from);
        }
        self.note_sent(cx, text.end());
        burst.map(|burst| Burst { ecn, ..burst })
    }

    /// Sends what is missing again.
    fn send_again(
        &mut self,
        cx: &Context<'_>,
        room: &mut Room<'_>,
        text: Text,
        repair: Repair,
    ) -> Option<Burst> {
        self.resend_first = false;
        self.rtt.retransmitted(cx.now);
        self.path.sent_again(text.from);
        let Written { text, burst } = self.write_text(cx, room, text, Flags::default());
        self.recovery.sent_again(repair, text.from.distance_to(text.end()), text.end());
        burst
    }

    /// Sends one segment that is larger than the path is known to take.
    fn send_size_probe(&mut self, cx: &Context<'_>, room: &mut Room<'_>, text: Text) -> Option<Burst> {
        let options_octets = self.options_octets();
        let Written { text, burst } = self.write_text(cx, room, text, Flags::default());
        self.path.probe_sent(text.from, text.end(), text.len_octets + options_octets);
        self.note_sent(cx, text.end());
        burst.map(|burst| Burst { segment_octets: text.len_octets, ..burst })
    }

    /// Sends what the window has no room for. It is neither marked nor says CWR (RFC 3168, section 6.1.6).
    fn send_probe(&mut self, cx: &Context<'_>, room: &mut Room<'_>, text: Text) -> Option<Burst> {
        self.persist.is_due = false;
        let Written { text, burst } = self.write_text(cx, room, text, Flags::default());
        self.path.sent_again(text.from);
        // A probe beyond the window is not in flight: the persist timer repeats it.
        if self.snd.wnd == 0 {
            self.snd.max = self.snd.max.max(text.end());
        } else {
            self.note_sent(cx, text.end());
        }
        burst
    }

    /// Writes the next segment of a connection that is over: only what is owed.
    pub(crate) fn transmit_owed(&mut self, cx: &Context<'_>, room: &mut Room<'_>) -> Option<Burst> {
        if room.buffer.len() < SEGMENT_LEN_OCTETS_MIN {
            return None;
        }
        let owed = self.owed.pop_front()?;
        self.write_owed(cx, room, owed)
    }

    /// Octets up to `end` left: notes it, and measures the round trip of new ones.
    fn note_sent(&mut self, cx: &Context<'_>, end: Position) {
        if end > self.snd.max {
            self.rtt.sent(end, cx.now);
        } else {
            self.rtt.retransmitted(cx.now);
        }
        self.recovery.sent(self.snd.resend.distance_to(end));
        self.snd.sent_up_to(end);
        if self.congestion_room() < u64::from(self.smss_octets()) {
            self.recovery.note_filled(self.snd.nxt);
        }
    }
}

/// A piece of the stream as it was written.
#[derive(Debug, Clone, Copy)]
struct Written {
    text: Text,
    burst: Option<Burst>,
}

impl Tcb {
    /// `text` as far as there is room for it behind the header; several segments are cut where one of them ends.
    fn cut(&self, text: Text, room_octets: usize) -> Text {
        let room = u16::try_from(room_octets).unwrap_or(u16::MAX).max(1);
        if text.len_octets <= room {
            return text;
        }
        let segment_octets = self.text_octets_max();
        let len_octets = if room > segment_octets { room - room % segment_octets } else { room };
        Text { len_octets, fin: false, ..text }
    }

    /// Writes a piece of the stream, cut to the room there is.
    fn write_text(&mut self, cx: &Context<'_>, room: &mut Room<'_>, text: Text, flags: Flags) -> Written {
        let options = self.options_with_sack(cx, self.capable_due());
        let header_octets = FIXED_HEADER_OCTETS + options.as_slice().len();
        let text = self.cut(text, room.buffer.len().saturating_sub(header_octets));
        let mut flags = flags.union(Flags::ACK).union(self.ecn.ack_flags());
        if text.fin {
            flags = flags.union(Flags::FIN);
        }
        // PSH where the application's octets end (RFC 9293, section 3.9.1.2).
        if text.len_octets > 0 && text.end() >= self.snd.data_end() {
            flags = flags.union(Flags::PSH);
        }
        let seq = text.from.sequence(self.snd.iss);
        let header = self.header(seq, flags);
        let snd = &self.snd;
        let copy = |room: &mut [u8]| {
            let len = usize::from(text.len_octets).min(room.len());
            snd.copy_octets(text.from, &mut room[..len])
        };
        let burst = outgoing::write(self.ports, header, &options, room, self.text_octets_max(), copy);
        if self.delayed_ack.is_waiting() {
            self.delayed_ack.rode_on_data();
        }
        self.acknowledged(cx);
        Written { text, burst }
    }

    /// Writes a pure ACK, with `message` or the CAPABLE that is due.
    pub(crate) fn write_ack(
        &mut self,
        cx: &Context<'_>,
        room: &mut Room<'_>,
        message: Option<Message<'static>>,
    ) -> Option<Burst> {
        let options = self.options_with_sack(cx, message.or_else(|| self.capable_due()));
        let header = self.header(self.snd_nxt(), Flags::ACK.union(self.ecn.ack_flags()));
        if message.is_some() {
            // The CAPABLE did not go with it.
            self.note_ack();
        } else {
            self.acknowledged(cx);
        }
        outgoing::write(self.ports, header, &options, room, 0, |_| 0)
    }

    /// Writes a segment beside the stream; `None` if there is nothing to say any more.
    fn write_owed(&mut self, cx: &Context<'_>, room: &mut Room<'_>, owed: Owed) -> Option<Burst> {
        let message = match owed {
            Owed::Epoch => self.epoch_message(cx)?,
            Owed::EpochEcho { stable_point } => Self::echo_message(stable_point),
            Owed::Suspend => self.suspend_message(cx)?,
            Owed::SuspendAck => self.suspend_ack_message()?,
            Owed::Resume => {
                let message = self.resume_message(cx)?;
                let header = self.header(self.resume_seq(), Flags::ACK);
                return self.write_returning(cx, room, message, header);
            }
            Owed::ResumeAck { life, nonce, seq } => {
                let message = self.resume_ack_message(life, nonce)?;
                let header = self.header(self.snd_nxt(), Flags::ACK);
                let header = Header { ack: self.resume_ack_number(seq), ..header };
                return self.write_returning(cx, room, message, header);
            }
            Owed::Abort { reason, life, nonce, seq } => {
                let message = self.abort_message(reason, life, nonce)?;
                return self.write_reset(cx, room, seq, Some(message));
            }
            Owed::Ack => return self.write_ack(cx, room, None),
            Owed::Reset { seq } => return self.write_reset(cx, room, seq, None),
        };
        self.write_ack(cx, room, Some(message))
    }

    /// Writes RESUME or RESUME-ACK, which have sequence numbers of their own.
    fn write_returning(
        &self,
        cx: &Context<'_>,
        room: &mut Room<'_>,
        message: Message<'static>,
        header: Header,
    ) -> Option<Burst> {
        let options = self.options(cx, Some(message)).written();
        outgoing::write(self.ports, header, &options, room, 0, |_| 0)
    }

    /// Writes an RST (RFC 9293, section 3.5.2), with its ABORT.
    pub(crate) fn write_reset(
        &mut self,
        cx: &Context<'_>,
        room: &mut Room<'_>,
        seq: SequenceNumber,
        message: Option<Message<'static>>,
    ) -> Option<Burst> {
        let options = self.options(cx, message).written();
        let header = Header { seq, ack: SequenceNumber(0), flags: Flags::RST, window: 0 };
        outgoing::write(self.ports, header, &options, room, 0, |_| 0)
    }

    /// Writes a SYN, or a SYN/ACK, with the CAPABLE it is to carry.
    pub(crate) fn write_syn(
        &mut self,
        cx: &Context<'_>,
        room: &mut Room<'_>,
        flags: Flags,
        scale: Option<u8>,
        capable: Option<Message<'static>>,
    ) -> Option<Burst> {
        if room.buffer.len() < SEGMENT_LEN_OCTETS_MIN {
            return None;
        }
        let options = HeaderOptions {
            mss: Some(cx.config.mss_octets),
            window_scale: scale,
            sack_permitted: self.sack_permitted,
            timestamps: self.timestamps.as_ref().map(|clock| clock.option(cx.now)),
            hiatus: capable,
            sack: SackList::default(),
        };
        let window = self.rcv.announce_syn_window();
        let ack = if flags.contains(Flags::ACK) { self.seg_ack() } else { SequenceNumber(0) };
        let header = Header { seq: self.snd.iss, ack, flags: flags.union(Flags::SYN), window };
        self.note_sent(cx, Position(1));
        self.note_ack();
        self.rearm(cx);
        outgoing::write(self.ports, header, &options.written(), room, 0, |_| 0)
    }

    fn options(&self, cx: &Context<'_>, hiatus: Option<Message<'static>>) -> HeaderOptions<'static> {
        let timestamps = self.timestamps.as_ref().map(|clock| clock.option(cx.now));
        HeaderOptions { timestamps, hiatus, ..HeaderOptions::default() }
    }

    /// The options of a segment that acknowledges on the stream. RESUME and its answer carry no SACK: to synchronise
    /// drops what it would report.
    fn options_with_sack(&self, cx: &Context<'_>, hiatus: Option<Message<'static>>) -> OptionWriter {
        if hiatus.is_none() && self.rcv.sack_blocks_count() == 0 {
            // Nearly every segment.
            let mut writer = OptionWriter::new();
            if let Some(clock) = &self.timestamps {
                writer.aligned_timestamps(clock.option(cx.now)).ok();
            }
            return writer;
        }
        let sack = if self.sack_permitted { self.rcv.sack_blocks() } else { SackList::default() };
        HeaderOptions { sack, ..self.options(cx, hiatus) }.written()
    }

    fn header(&mut self, seq: SequenceNumber, flags: Flags) -> Header {
        Header { seq, ack: self.seg_ack(), flags, window: self.rcv.announce_window() }
    }

    /// A segment that acknowledges on the stream leaves, and with it the CAPABLE that was due.
    fn acknowledged(&mut self, cx: &Context<'_>) {
        if self.capable_is_due() {
            self.capable_sent(cx);
        }
        self.note_ack();
    }

    fn note_ack(&mut self) {
        self.ack_is_due = false;
        self.delayed_ack.sent();
        self.timers.disarm(Timer::DelayedAck);
        self.rcv.note_ack();
        if let Some(clock) = &mut self.timestamps {
            clock.last_ack_sent = self.rcv.acknowledged();
        }
    }
}
