//! Without an operating system: the C side gives memory, and is told of a panic.

use core::alloc::{GlobalAlloc, Layout};
use core::fmt::Write;
use core::panic::PanicInfo;

/// Octets of the longest text of a panic.
const TEXT_OCTETS: usize = 256;

unsafe extern "C" {
    /// Gives `size_octets` octets, aligned to `align_octets`, a power of two; NULL if there are none.
    fn hiatus_port_alloc(size_octets: usize, align_octets: usize) -> *mut u8;
    /// Takes back what `hiatus_port_alloc` gave for the same two numbers.
    fn hiatus_port_free(memory: *mut u8, size_octets: usize, align_octets: usize);
    /// The library has panicked, which is a defect of it, or there is no memory. `text` is not ended by 0. Never returns.
    fn hiatus_port_panic(text: *const u8, len_octets: usize) -> !;
}

struct Port;

// SAFETY: the C side promises what the two functions say, and that is what `GlobalAlloc` asks.
unsafe impl GlobalAlloc for Port {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: a call into the C side, with a size that is not 0.
        unsafe { hiatus_port_alloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: it came from `alloc` with this layout.
        unsafe { hiatus_port_free(memory, layout.size(), layout.align()) }
    }
}

#[global_allocator]
static PORT: Port = Port;

/// A text of bounded length: no memory is asked for in a panic.
struct Text {
    octets: [u8; TEXT_OCTETS],
    len_octets: usize,
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = &mut self.octets[self.len_octets..];
        let fits = text.len().min(room.len());
        room[..fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.len_octets += fits;
        Ok(())
    }
}

#[panic_handler]
fn panicked(info: &PanicInfo<'_>) -> ! {
    let mut text = Text { octets: [0; TEXT_OCTETS], len_octets: 0 };
    // What does not fit is cut.
    write!(text, "{info}").ok();
    // SAFETY: a call into the C side, with memory that stays until it returns, which it does not.
    unsafe { hiatus_port_panic(text.octets.as_ptr(), text.len_octets) }
}
