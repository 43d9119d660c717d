//! Who waits for an answer and got a signal meanwhile.
//!
//! The kernel asks to give up a request (FUSE_INTERRUPT), but fuser 0.18 does not pass that on, and then the kernel waits for
//! the answer even if the process is to die. So the threads that wait are looked at instead.

use std::fs;
use std::time::Duration;

/// How often.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Whether the thread `pid` has a signal that it would handle now.
pub(super) fn has_signal(pid: u32) -> bool {
    // One in another PID namespace is 0 here, and cannot be looked at.
    pid != 0 && fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|status| pending(&status))
}

fn pending(status: &str) -> bool {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
    };
    (field("SigPnd") | field("ShdPnd")) & !field("SigBlk") & !field("SigIgn") != 0
}

#[cfg(test)]
mod tests {
    use super::pending;

    #[test]
    fn a_signal_counts_if_it_would_be_handled() {
        let status = |pending: &str, shared: &str, blocked: &str, ignored: &str| {
            format!(
                "Name:\tcat\nSigPnd:\t{pending}\nShdPnd:\t{shared}\nSigBlk:\t{blocked}\nSigIgn:\t{ignored}\n"
            )
        };
        let none = "0000000000000000";
        // SIGINT is 2: bit 1 (signal(7), proc_pid_status(5)).
        let interrupt = "0000000000000002";
        assert!(!super::pending(&status(none, none, none, none)));
        assert!(pending(&status(interrupt, none, none, none)));
        assert!(pending(&status(none, interrupt, none, none)));
        assert!(!pending(&status(none, interrupt, interrupt, none)));
        assert!(!pending(&status(none, interrupt, none, interrupt)));
    }
}
