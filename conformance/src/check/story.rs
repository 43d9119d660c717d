//! From what was found to what is said: a connection's incidents as diagnoses.

use crate::capture::Timestamp;
use crate::capture::flow::{Flow, Side};
use crate::capture::span;

use super::history::Extent;
use super::incident::{ClockSign, GaveUp, Incident, Mark, ReceiverRollback, SenderRollback, Silence, Stall};
use super::report::{Diagnosis, DiagnosisKind, Endings};
use super::watch::Watch;

/// Ends the watch over `flow` and tells what happened: diagnoses, and the ending counted in `endings`.
pub(super) fn tell(mut flow: Flow<Watch>, capture_end: Timestamp, endings: &mut Endings) -> Vec<Diagnosis> {
    flow.extra.on_finish(capture_end);
    let teller = Teller { flow: &flow, watch: &flow.extra };
    let ending = teller.ending();
    match ending {
        Ending::Closed => endings.closed += 1,
        Ending::Reset(..) => endings.reset += 1,
        Ending::Open => endings.open += 1,
    }
    if flow.extra.incidents.is_empty() {
        return Vec::new();
    }
    let mut diagnoses: Vec<_> =
        flow.extra.incidents.iter().flat_map(|incident| teller.incident(incident)).collect();
    diagnoses.extend(teller.outcome(ending));
    diagnoses
}

#[derive(Clone, Copy)]
enum Ending {
    Closed,
    Reset(Side, Mark),
    Open,
}

struct Teller<'a> {
    flow: &'a Flow<Watch>,
    watch: &'a Watch,
}

impl Teller<'_> {
    fn ending(&self) -> Ending {
        let [a, b] = &self.watch.ends;
        let first_reset = Side::BOTH
            .into_iter()
            .filter_map(|side| Some((side, self.watch.ends[side.index()].trouble().reset?)))
            .min_by_key(|(_, mark)| mark.frame);
        match first_reset {
            Some((side, mark)) => Ending::Reset(side, mark),
            None if a.fin && b.fin => Ending::Closed,
            None => Ending::Open,
        }
    }

    fn incident(&self, incident: &Incident) -> Vec<Diagnosis> {
        match incident {
            Incident::Receiver(rollback) => vec![self.receiver(rollback)],
            Incident::Sender(rollback) => self.sender(rollback),
            Incident::Altered(side, extent) => vec![self.altered(*side, extent)],
            Incident::Stall(stall) => vec![self.stall(stall)],
            Incident::Silence(silence) if self.ends_in_rollback(silence) => Vec::new(),
            Incident::Silence(silence) => vec![self.silence(silence)],
            Incident::GaveUp(gave_up) => vec![self.gave_up(gave_up)],
        }
    }

    fn receiver(&self, rollback: &ReceiverRollback) -> Diagnosis {
        let ReceiverRollback { side, before, after, told, first, .. } = rollback;
        let octets = u64::try_from(before - after).unwrap_or_default();
        let fate = match rollback.recovered {
            Some(mark) => format!("{} were missing until frame {}", count_of(octets, "octet"), mark.frame),
            None => format!(
                "{} ({after}:{before}) are lost, for {} had no reason left to keep them",
                count_of(octets, "acknowledged octet"),
                self.name(side.peer())
            ),
        };
        let text = format!(
            "{} came back as an older receiver: it had acknowledged {before} (frame {}), from frame {} on it acknowledges \
             {after}; {fate}{}",
            self.name(*side),
            told.frame,
            first.frame,
            self.how_it_shows(*side, *first, rollback.clock),
        );
        let frames = frames([told.frame, first.frame, rollback.last.frame]);
        self.diagnosis(DiagnosisKind::ReceiverRollback, Some(*side), frames, text).octets(octets)
    }

    fn sender(&self, rollback: &SenderRollback) -> Vec<Diagnosis> {
        let SenderRollback { side, acked, lowest, told, first, .. } = rollback;
        let octets = u64::try_from((acked - lowest).max(0)).unwrap_or_default();
        let content = match (&rollback.differing, rollback.compared_octets) {
            (Some(differing), _) => format!(
                "; of what it sent again, {} octets ({}:{}) are not what they were in frame {}",
                differing.octets, differing.low, differing.high, differing.original_frame
            ),
            (None, 0) => String::new(),
            (None, compared) => {
                format!("; the {compared} octets sent again that could be compared are the same")
            }
        };
        let text = format!(
            "{} came back as an older sender: {} had acknowledged {acked} (frame {}), from frame {} on it sends from \
             {lowest} again: it no longer knows of {octets} acknowledged octets{content}{}",
            self.name(*side),
            self.name(side.peer()),
            told.frame,
            first.frame,
            self.how_it_shows(*side, *first, rollback.clock),
        );
        let frames_of = frames([told.frame, first.frame, rollback.last.frame]);
        let mut diagnoses =
            vec![self.diagnosis(DiagnosisKind::SenderRollback, Some(*side), frames_of, text).octets(octets)];
        if let (Some(differing), Some(went_on)) = (&rollback.differing, rollback.went_on) {
            diagnoses.push(self.divergence(*side, differing, went_on));
        }
        diagnoses
    }

    fn divergence(&self, side: Side, differing: &Extent, went_on: Mark) -> Diagnosis {
        let Extent { low, high, octets, original_frame, frame } = differing;
        let text = format!(
            "the connection went on (frame {}, and {} more) although {octets} octets ({low}:{high}) are one thing for {} \
             (frame {original_frame}) and another for {} (frame {frame}): no end will ever notice",
            went_on.frame,
            span(self.watch.last().nanos_since(went_on)),
            self.name(side.peer()),
            self.name(side),
        );
        let frames = frames([*original_frame, *frame, went_on.frame]);
        self.diagnosis(DiagnosisKind::SilentDivergence, Some(side), frames, text).octets(*octets)
    }

    fn altered(&self, side: Side, extent: &Extent) -> Diagnosis {
        let Extent { low, high, octets, original_frame, frame } = extent;
        let text = format!(
            "{octets} octets of {} ({low}:{high}) were sent in frame {original_frame} and again, with other content, in \
             frame {frame}; nothing else speaks for a rollback",
            self.name(side),
        );
        let frames = frames([*original_frame, *frame, *frame]);
        self.diagnosis(DiagnosisKind::AlteredRetransmission, Some(side), frames, text).octets(*octets)
    }

    fn stall(&self, stall: &Stall) -> Diagnosis {
        let Stall { side, since, until, resends, acked, sent, .. } = stall;
        let lasted = until.nanos_since(*since);
        let octets = u64::try_from(sent - acked).unwrap_or_default();
        let end = if stall.recovered {
            format!("then frame {} acknowledges more", until.frame)
        } else {
            "and never moved again".to_string()
        };
        let what = if octets > 0 {
            format!("{} ({acked}:{sent}) waited", count_of(octets, "octet"))
        } else {
            "what was sent again lies below what is acknowledged".to_string()
        };
        let text = format!(
            "{} > {} stood still for {}: {what}, {resends} resends, {end}",
            self.name(*side),
            self.name(side.peer()),
            span(lasted),
        );
        let frames = frames([since.frame, until.frame, until.frame]);
        self.diagnosis(DiagnosisKind::Stall, Some(*side), frames, text).octets(octets).lasting(lasted)
    }

    fn silence(&self, silence: &Silence) -> Diagnosis {
        let Silence { side, since, last, .. } = silence;
        let lasted = last.nanos_since(*since);
        let name = self.name(*side);
        let (kind, end) = match (silence.until, silence.clock) {
            (None, _) => (DiagnosisKind::Silence, "and was never heard again".to_string()),
            (Some(until), Some(ClockSign::Slow(ticks, due))) => (
                DiagnosisKind::Suspension,
                format!(
                    "frame {} is its next, and its timestamp clock made {ticks} ticks where {due} were due: it was paused \
                     and is back with its memory",
                    until.frame
                ),
            ),
            (Some(until), Some(ClockSign::Nothing)) => (
                DiagnosisKind::Silence,
                format!("frame {} is its next; its timestamp clock went on: it was cut off", until.frame),
            ),
            (Some(until), _) => (DiagnosisKind::Silence, format!("frame {} is its next", until.frame)),
        };
        let text = format!("{name} sent nothing for {} after frame {}, {end}", span(lasted), since.frame);
        let frames = frames([since.frame, last.frame, last.frame]);
        self.diagnosis(kind, Some(*side), frames, text).lasting(lasted)
    }

    fn gave_up(&self, gave_up: &GaveUp) -> Diagnosis {
        let GaveUp { side, last, interval_nanos, until, outstanding: (acked, sent) } = gave_up;
        let octets = u64::try_from(sent - acked).unwrap_or_default();
        let quiet = until.nanos_since(last.at);
        let text = format!(
            "{} gave up without a word: frame {} is its last resend of {} ({acked}:{sent}), {} after the one \
             before, and none follows for {}",
            self.name(*side),
            last.frame,
            count_of(octets, "octet"),
            span(*interval_nanos),
            span(quiet),
        );
        let frames = frames([last.frame, last.frame, last.frame]);
        self.diagnosis(DiagnosisKind::SilentGiveUp, Some(*side), frames, text).octets(octets)
    }

    /// How a damaged connection ended.
    fn outcome(&self, ending: Ending) -> Option<Diagnosis> {
        let stalled = self.watch.incidents.iter().any(|incident| match incident {
            Incident::Stall(stall) => !stall.recovered,
            Incident::GaveUp(_) => true,
            _ => false,
        });
        match ending {
            Ending::Reset(side, mark) => {
                let text = format!("{} reset the connection in frame {}", self.name(side), mark.frame);
                Some(self.diagnosis(DiagnosisKind::Reset, Some(side), vec![mark.frame], text))
            }
            _ if stalled => {
                let last = self.watch.last().frame;
                let text = format!(
                    "neither FIN nor RST: the last segment is frame {last}, with the connection stalled"
                );
                Some(self.diagnosis(DiagnosisKind::OpenAtEnd, None, vec![last], text))
            }
            _ => self.survival(),
        }
    }

    fn survival(&self) -> Option<Diagnosis> {
        let mut back = None;
        for incident in &self.watch.incidents {
            match incident {
                Incident::Silence(silence) => back = Some(silence.until?),
                Incident::Receiver(rollback) => back = Some(rollback.recovered?),
                Incident::Sender(rollback) if rollback.differing.is_some() => return None,
                Incident::Sender(rollback) => back = Some(rollback.went_on?),
                Incident::Altered(..) | Incident::Stall(_) | Incident::GaveUp(_) => {}
            }
        }
        let back = back?;
        let after = self.watch.last().nanos_since(back);
        let text =
            format!("the connection survived: it goes on for {} after frame {}", span(after), back.frame);
        Some(self.diagnosis(DiagnosisKind::Survived, None, vec![back.frame], text))
    }

    /// True if the end that was silent came back rolled back: then the rollback tells the silence.
    fn ends_in_rollback(&self, silence: &Silence) -> bool {
        silence.until.is_some_and(|until| self.silence_before(silence.side, until).is_some())
            && self.watch.incidents.iter().any(|incident| match incident {
                Incident::Receiver(rollback) => {
                    rollback.side == silence.side && Some(rollback.first) == silence.until
                }
                Incident::Sender(rollback) => {
                    rollback.side == silence.side && Some(rollback.first) == silence.until
                }
                _ => false,
            })
    }

    fn silence_before(&self, side: Side, mark: Mark) -> Option<&Silence> {
        self.watch.incidents.iter().find_map(|incident| match incident {
            Incident::Silence(silence) if silence.side == side && silence.until == Some(mark) => {
                Some(silence)
            }
            _ => None,
        })
    }

    fn how_it_shows(&self, side: Side, first: Mark, clock: ClockSign) -> String {
        let clock = match clock {
            ClockSign::Nothing => None,
            ClockSign::Back(ticks) => Some(format!("its timestamp clock is {ticks} ticks back")),
            ClockSign::Slow(ticks, due) => {
                Some(format!("its timestamp clock made {ticks} ticks where {due} were due"))
            }
        };
        let silence = self.silence_before(side, first).map(|silence| {
            let lasted = span(first.nanos_since(silence.since));
            format!("it had been silent for {lasted}")
        });
        match (clock, silence) {
            (Some(clock), Some(silence)) => format!("; {clock}, {silence}"),
            (Some(one), None) | (None, Some(one)) => format!("; {one}"),
            (None, None) => String::new(),
        }
    }

    fn name(&self, side: Side) -> String {
        let letter = letter(side);
        format!("{letter} ({})", self.flow.endpoints[side.index()])
    }

    fn diagnosis(
        &self,
        kind: DiagnosisKind,
        side: Option<Side>,
        frames: Vec<u64>,
        text: String,
    ) -> Diagnosis {
        let connection = self.flow.number;
        Diagnosis { kind, connection, side: side.map(letter), frames, octets: None, duration_ns: None, text }
    }
}

impl Diagnosis {
    fn octets(self, octets: u64) -> Self {
        Self { octets: Some(octets), ..self }
    }

    fn lasting(self, nanos: i64) -> Self {
        Self { duration_ns: u64::try_from(nanos).ok(), ..self }
    }
}

fn count_of(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn letter(side: Side) -> char {
    match side {
        Side::A => 'A',
        Side::B => 'B',
    }
}

fn frames(mut numbers: [u64; 3]) -> Vec<u64> {
    numbers.sort_unstable();
    let mut frames = numbers.to_vec();
    frames.dedup();
    frames
}
