//! What a transfer is told on its standard input, a word a line.

use std::io::{BufRead, stdin};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use mio::Waker;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// `suspend`: the peer is told that this end goes away.
    Suspend,
    /// `stop`: deaf and mute from now on.
    Stop,
    /// `resume`: back, with the same memory.
    Resume,
    /// `snapshot`: an epoch is TAKEN now.
    Snapshot,
    /// `durable NUMBER`: somebody has saved this memory as it was then.
    Durable(u32),
    /// `restored INCARNATION CEILING`: this memory was saved, and came back.
    Restored {
        /// Higher than every one before.
        incarnation: u32,
        /// No timestamp before was above it.
        tsval_ceiling: u32,
    },
    /// Standard input was closed.
    End,
}

/// The words that have come.
#[derive(Debug)]
pub(crate) struct Control {
    words: Receiver<Word>,
}

impl Control {
    /// Reads standard input from now on; `waker` ends a wait when something has come.
    pub(crate) fn start(waker: Arc<Waker>) -> Self {
        let (sent, words) = channel();
        thread::spawn(move || read(&sent, &waker));
        Self { words }
    }

    /// The next, if one has come.
    pub(crate) fn next(&self) -> Option<Word> {
        self.words.try_recv().ok()
    }
}

fn read(sent: &Sender<Word>, waker: &Waker) {
    let tell = |word| {
        let told = sent.send(word).is_ok();
        // A loop that is gone needs no waking.
        waker.wake().ok();
        told
    };
    for line in stdin().lock().lines().map_while(Result::ok) {
        match word(&line) {
            Some(word) => {
                if !tell(word) {
                    return;
                }
            }

            None => eprintln!("hiatus-live transfer: not a word of mine: {line:?}"),
        }
    }
    tell(Word::End);
}

fn word(line: &str) -> Option<Word> {
    let mut parts = line.split_whitespace();
    let word = parts.next()?;
    let mut number = || parts.next()?.parse().ok();
    match word {
        "suspend" => Some(Word::Suspend),
        "stop" => Some(Word::Stop),
        "resume" => Some(Word::Resume),
        "snapshot" => Some(Word::Snapshot),
        "durable" => number().map(Word::Durable),
        "restored" => Some(Word::Restored { incarnation: number()?, tsval_ceiling: number()? }),
        _ => None,
    }
}
