//! The yardstick: what a careful programmer writes without a library, with every bound checked.

use crate::seen::Seen;

/// The fixed header, then one loop over the options.
pub(crate) fn header_and_options(octets: &[u8]) -> Seen<'_> {
    let Some((mut seen, options)) = fixed(octets) else { return Seen::default() };
    options_loop(options, &mut seen);
    seen
}

/// The same with the shortcut that most stacks have for NOP, NOP, Timestamps (RFC 7323, appendix A).
pub(crate) fn header_and_options_with_shortcut(octets: &[u8]) -> Seen<'_> {
    let Some((mut seen, options)) = fixed(octets) else { return Seen::default() };
    if let &[1, 1, 8, 10, a, b, c, d, e, f, g, h] = options {
        seen.timestamps = Some((u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])));
    } else {
        options_loop(options, &mut seen);
    }
    seen
}

/// The group "walk" asks for the same as [`header_and_options`].
pub(crate) fn walk(octets: &[u8]) -> Seen<'_> {
    header_and_options(octets)
}

fn fixed(octets: &[u8]) -> Option<(Seen<'_>, &[u8])> {
    let fixed: &[u8; 20] = octets.first_chunk()?;
    let header_len = usize::from(fixed[12] >> 4) * 4;
    let options = octets.get(20..header_len)?;
    let seen = Seen {
        seq: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
        ack: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
        flags: fixed[13],
        window: u16::from_be_bytes([fixed[14], fixed[15]]),
        ..Seen::default()
    };
    Some((seen, options))
}

fn options_loop<'a>(mut rest: &'a [u8], seen: &mut Seen<'a>) {
    while let [kind, after_kind @ ..] = rest {
        match kind {
            0 => return,
            1 => {
                rest = after_kind;
                continue;
            }
            _ => {}
        }
        let Some(&len) = after_kind.first() else { return };
        let len = usize::from(len);
        if len < 2 || len > rest.len() {
            return;
        }
        let (option, next) = rest.split_at(len);
        match *option {
            [2, 4, a, b] => seen.mss = Some(u16::from_be_bytes([a, b])),
            [3, 3, shift] => seen.window_scale = Some(shift),
            [4, 2] => seen.sack_permitted = true,
            [5, _, ref blocks @ ..] if blocks.len() % 8 == 0 => {
                for (room, block) in seen.sack.iter_mut().zip(blocks.chunks_exact(8)) {
                    *room = Some((
                        u32::from_be_bytes([block[0], block[1], block[2], block[3]]),
                        u32::from_be_bytes([block[4], block[5], block[6], block[7]]),
                    ));
                }
            }
            [8, 10, a, b, c, d, e, f, g, h] => {
                seen.timestamps = Some((u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])));
            }
            [253, _, 0x48, 0x49, ref body @ ..] => seen.experiment = Some(body),
            _ => {}
        }
        rest = next;
    }
}
