//! The walk over all options of a header (draft, {#opt-parsing}).
//!
//! What stands before the first structural error is reported, then that error, then nothing: no resynchronisation.
//! tshark, scapy, dpkt and etherparse disagree beyond that point, so nothing there can be relied upon.

use crate::error::OptionError;
use crate::field;
use crate::message::HiatusOption;
use crate::option::{ExperimentId, OptionKind, RawOption, TcpOption, length};
use crate::standard::{SackBlocks, Timestamps};

/// Walks the option area of a TCP header: what lies between octet 20 and Data Offset.
///
/// Every option comes as one item, No-Operation and End of Option List among them. A known kind with a wrong Length
/// is an [`OptionError::BadLength`] item and the walk goes on; any other error is the last item.
#[must_use]
pub fn options(area: &[u8]) -> Options<'_> {
    Options { rest: area, area_len_octets: area.len(), list_ended: false }
}

/// Iterator over the options of a header; see [`options`].
#[derive(Debug, Clone)]
pub struct Options<'a> {
    rest: &'a [u8],
    area_len_octets: usize,
    /// End of Option List was met: what is left is padding.
    list_ended: bool,
}

impl<'a> Options<'a> {
    /// Where the octets that are left begin.
    fn offset_octets(&self) -> u8 {
        narrow(self.area_len_octets - self.rest.len())
    }

    /// Takes the next option with a Length off the area, or ends the walk with a structural error.
    #[inline(always)]
    fn with_length(&mut self, kind: OptionKind, after_kind: &'a [u8]) -> Result<RawOption<'a>, OptionError> {
        let offset_octets = self.offset_octets();
        if let Ok((after_length, len)) = field::u8(after_kind)
            && let Some(body_len) = len.checked_sub(length::KIND_AND_LENGTH)
            && let Some((body, rest)) = after_length.split_at_checked(usize::from(body_len))
        {
            self.rest = rest;
            Ok(RawOption { kind, body, offset_octets })
        } else {
            self.rest = &[];
            Err(structural_error(kind, offset_octets, after_kind))
        }
    }
}

/// Why the option at `offset_octets` has no end. By value, so that the walk's own state can stay in registers.
#[cold]
fn structural_error(kind: OptionKind, offset_octets: u8, after_kind: &[u8]) -> OptionError {
    match after_kind.first() {
        None => OptionError::MissingLength { kind, offset_octets },
        Some(&found_octets) if found_octets < length::KIND_AND_LENGTH => {
            OptionError::LengthBelowTwo { kind, offset_octets, found_octets }
        }
        Some(&expected_octets) => {
            let found_octets = narrow(after_kind.len().saturating_add(1));
            OptionError::Truncated { kind, offset_octets, found_octets, expected_octets }
        }
    }
}

/// The first octet of `padding` that is not zero, if any; `padding` begins at `offset_octets`.
#[cold]
fn padding_error(padding: &[u8], offset_octets: u8) -> Option<OptionError> {
    let zeros = padding.iter().position(|octet| *octet != 0)?;
    Some(OptionError::Padding { offset_octets: narrow(usize::from(offset_octets) + zeros) })
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<TcpOption<'a>, OptionError>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.list_ended {
            let error = padding_error(self.rest, self.offset_octets());
            self.rest = &[];
            return error.map(Err);
        }
        let (after_kind, kind) = field::u8(self.rest).ok()?;
        Some(match OptionKind(kind) {
            single @ (OptionKind::END_OF_LIST | OptionKind::NO_OPERATION) => {
                self.rest = after_kind;
                self.list_ended = single == OptionKind::END_OF_LIST;
                Ok(if self.list_ended { TcpOption::EndOfList } else { TcpOption::NoOperation })
            }
            kind => self.with_length(kind, after_kind).and_then(typed),
        })
    }
}

/// The typed view of a well-formed option, or [`OptionError::BadLength`].
#[inline(always)]
fn typed(raw: RawOption<'_>) -> Result<TcpOption<'_>, OptionError> {
    match raw.kind {
        OptionKind::MAXIMUM_SEGMENT_SIZE => {
            exactly(raw, length::MAXIMUM_SEGMENT_SIZE, field::u16).map(TcpOption::MaximumSegmentSize)
        }
        OptionKind::WINDOW_SCALE => exactly(raw, length::WINDOW_SCALE, field::u8).map(TcpOption::WindowScale),
        OptionKind::SACK_PERMITTED => {
            exactly(raw, length::SACK_PERMITTED, |input| Ok((input, ()))).map(|()| TcpOption::SackPermitted)
        }
        OptionKind::SACK => SackBlocks::from_octets(raw.body)
            .map(TcpOption::Sack)
            .ok_or_else(|| bad_length(raw, length::SACK_ONE_BLOCK)),
        OptionKind::TIMESTAMPS => {
            exactly(raw, length::TIMESTAMPS, Timestamps::parse).map(TcpOption::Timestamps)
        }
        OptionKind::EXPERIMENT_253 | OptionKind::EXPERIMENT_254 => experiment(raw),
        _ => Ok(TcpOption::Unknown(raw)),
    }
}

#[inline(always)]
fn experiment(raw: RawOption<'_>) -> Result<TcpOption<'_>, OptionError> {
    let (body, id) = field::u16(raw.body).map_err(|_| bad_length(raw, length::EXPERIMENT_MIN))?;
    let experiment = ExperimentId(id);
    if raw.kind == OptionKind::HIATUS && experiment == ExperimentId::HIATUS {
        let option = HiatusOption::new(body).map_err(|expected_octets| bad_length(raw, expected_octets))?;
        Ok(TcpOption::Hiatus(option))
    } else {
        Ok(TcpOption::Experiment { kind: raw.kind, experiment, body })
    }
}

/// Reads the body of an option that has one Length only.
#[inline(always)]
fn exactly<'a, T>(
    raw: RawOption<'a>,
    expected_octets: u8,
    parse: impl Fn(&'a [u8]) -> field::Parsed<'a, T>,
) -> Result<T, OptionError> {
    match parse(raw.body) {
        Ok(([], value)) => Ok(value),
        _ => Err(bad_length(raw, expected_octets)),
    }
}

#[cold]
fn bad_length(raw: RawOption<'_>, expected_octets: u8) -> OptionError {
    OptionError::BadLength {
        kind: raw.kind,
        offset_octets: raw.offset_octets,
        found_octets: raw.len_octets(),
        expected_octets,
    }
}

/// An area is at most 40 octets where it comes from a header; a caller's longer slice saturates here.
#[inline(always)]
fn narrow(octets: usize) -> u8 {
    u8::try_from(octets).unwrap_or(u8::MAX)
}
