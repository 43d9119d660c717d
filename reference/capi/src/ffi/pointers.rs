//! Pointers of the caller, as references: refused if they cannot be ones.

use core::mem::MaybeUninit;

use crate::refusal::Refusal;
use crate::status::Status;

/// Room of the caller for one value, which may hold anything yet.
pub(super) struct Out<'c, T>(&'c mut MaybeUninit<T>);

impl<T> Out<'_, T> {
    /// Writes the value.
    pub(super) fn give(self, value: T) -> Status {
        self.0.write(value);
        Status::HIATUS_OK
    }
}

fn check<T>(pointer: *const T, argument: &'static str) -> Result<(), Refusal> {
    if pointer.is_null() {
        Err(Refusal::Null { argument })
    } else if !pointer.is_aligned() {
        Err(Refusal::Unaligned { argument })
    } else {
        Ok(())
    }
}

/// # Safety
///
/// `pointer` is NULL, unaligned, or points to a `T` that nobody writes to for `'c`.
pub(super) unsafe fn shared<'c, T>(pointer: *const T, argument: &'static str) -> Result<&'c T, Refusal> {
    check(pointer, argument)?;
    // SAFETY: it is neither NULL nor unaligned; the rest the caller vouches for.
    Ok(unsafe { &*pointer })
}

/// The same where NULL is allowed.
///
/// # Safety
///
/// As of [`shared`].
pub(super) unsafe fn optional<'c, T>(
    pointer: *const T,
    argument: &'static str,
) -> Result<Option<&'c T>, Refusal> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller vouches for it.
    unsafe { shared(pointer, argument) }.map(Some)
}

/// # Safety
///
/// `pointer` is NULL, unaligned, or points to room for a `T` that nobody else uses for `'c`.
pub(super) unsafe fn out<'c, T>(pointer: *mut T, argument: &'static str) -> Result<Out<'c, T>, Refusal> {
    check(pointer, argument)?;
    // SAFETY: it is neither NULL nor unaligned, and what it holds need be no T yet; the rest the caller vouches for.
    Ok(Out(unsafe { &mut *pointer.cast::<MaybeUninit<T>>() }))
}

/// As many values as `count` says; NULL is allowed where that is 0.
///
/// # Safety
///
/// `pointer` is NULL, unaligned, or points to `count` values that nobody writes to for `'c`.
pub(super) unsafe fn values<'c, T>(
    pointer: *const T,
    count: usize,
    argument: &'static str,
) -> Result<&'c [T], Refusal> {
    check_count::<T>(count, argument)?;
    if count == 0 {
        return Ok(&[]);
    }
    check(pointer, argument)?;
    // SAFETY: it is neither NULL nor unaligned, and the slice is no longer than any can be; the rest the caller vouches for.
    Ok(unsafe { core::slice::from_raw_parts(pointer, count) })
}

/// No memory is larger than `isize::MAX` octets.
fn check_count<T>(count: usize, argument: &'static str) -> Result<(), Refusal> {
    let size = size_of::<T>().max(1);
    let most = usize::MAX / 2 / size;
    let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    Refusal::unless_within(argument, wide(count), (0, wide(most)))
}

/// # Safety
///
/// As of [`values`].
pub(super) unsafe fn octets<'c>(
    pointer: *const u8,
    len_octets: usize,
    argument: &'static str,
) -> Result<&'c [u8], Refusal> {
    // SAFETY: the caller vouches for it.
    unsafe { values(pointer, len_octets, argument) }
}

/// # Safety
///
/// `pointer` is NULL, or points to `capacity_octets` octets that nobody else uses for `'c`. They hold some value each, as
/// memory of a C program does.
pub(super) unsafe fn octets_mut<'c>(
    pointer: *mut u8,
    capacity_octets: usize,
    argument: &'static str,
) -> Result<&'c mut [u8], Refusal> {
    check_count::<u8>(capacity_octets, argument)?;
    if capacity_octets == 0 {
        return Ok(&mut []);
    }
    check(pointer, argument)?;
    // SAFETY: it is not NULL, and the slice is no longer than any can be; the rest the caller vouches for.
    Ok(unsafe { core::slice::from_raw_parts_mut(pointer, capacity_octets) })
}
