//! A store that has no room, is killed as it writes, or is damaged.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::bed::disk::Disk;
use crate::bed::{Bed, End, Middle};
use crate::scenario::Context;
use crate::scenario::ends::{Ends, note_recoveries};
use crate::side::{Side, TransferPlan, copy_store};
use crate::transfer::Line;
use crate::trouble::Trouble;

/// How long anything of a transfer may take.
const PATIENCE: Duration = Duration::from_secs(40);
/// Size of a small disk.
const DISK_OCTETS: u64 = 24 << 20;
/// Octets that are written at once to fill it.
const FILL_OCTETS: usize = 4096;
/// The file of the store.
const EPOCHS: &str = "epochs.redb";
/// Octets before the first page of the store: its header, which is there before all others.
const PAGE_OCTETS: u64 = 4096;
/// How long a host goes on with a full disk.
const FULL: Duration = Duration::from_millis(800);

/// Both ends, the store of host a on a small disk.
fn on_small_disk(bed: &Bed, plan: &TransferPlan) -> Result<(Ends, Disk), Trouble> {
    let mut ends = Ends::new(bed, "transfer", plan);
    let at = bed.folder().join("disk");
    fs::create_dir_all(&at).map_err(Trouble::system(format!("folder {}", at.display())))?;
    let disk = Disk::mount(bed.host(End::A), bed.folder(), &at, DISK_OCTETS)?;
    ends.a.put_store_on(disk.clone(), at.join("store"));
    ends.b.start(bed)?;
    ends.a.start(bed)?;
    ends.b.wait_ready()?;
    ends.a.wait_ready()?;
    Ok((ends, disk))
}

/// Writes a file until there is no room.
fn fill(path: &Path) -> Result<(), Trouble> {
    let what = || Trouble::system(format!("file {}", path.display()));
    let mut file = fs::File::create(path).map_err(what())?;
    loop {
        match file.write_all(&[0; FILL_OCTETS]) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return Ok(()),
            Err(error) => return Err(what()(error)),
        }
    }
}

/// `store/full-disk`.
pub(crate) fn full_disk(context: &mut Context) -> Result<(), Trouble> {
    // Large packets, so that a capture of more octets than the store has room for is small.
    let bed = context.bed(Middle { mtu_octets: 9000, ..Middle::default() })?;
    let capture = context.capture(&bed)?;
    let mut plan = context.plan(4 << 20);
    plan.octets = plan.octets.max(400 << 10);
    plan.rate = Some(plan.octets);
    let (mut ends, disk) = on_small_disk(&bed, &plan)?;
    // Before its file has grown to what it will need.
    let ballast = disk.path().join("ballast");
    let remove = || fs::remove_file(&ballast).map_err(Trouble::system("removal of the ballast"));
    fill(&ballast)?;
    ends.a
        .wait_for("that the store fails", PATIENCE, |line| matches!(line, Line::StoreFails).then_some(()))?;
    // What is in no durable epoch is not sent. So it may be killed now, and is not started before there is room.
    ends.a.go_on(FULL)?;
    ends.a.kill()?;
    remove()?;
    ends.a.start(&bed)?;
    ends.a.wait_ready()?;
    ends.a.wait_received(plan.octets / 4, PATIENCE)?;
    // And once more, started with no room at all: it goes on, or says why not.
    fill(&ballast)?;
    ends.a.kill()?;
    ends.a.start(&bed)?;
    match ends.a.wait_ready() {
        Ok(()) => context.note("it starts on a full disk"),
        Err(_) => {
            let (_, said) = ends.a.wait_end(PATIENCE)?;
            context.note(format!("on a full disk: {said}"));
        }
    }
    remove()?;
    if !ends.a.is_running() {
        ends.a.start(&bed)?;
        ends.a.wait_ready()?;
    }
    ends.wait_done(PATIENCE)?;
    note_recoveries(context, ends.recoveries());
    context.judge(capture)
}

/// `store/killed-in-commits`: one commit follows the other, so that nearly every kill meets one.
pub(crate) fn killed_in_commits(context: &mut Context) -> Result<(), Trouble> {
    let bed = context.bed(Middle::default())?;
    let capture = context.capture(&bed)?;
    let mut plan = context.plan(4 << 20);
    plan.interval = context.scaled(Duration::ZERO, Duration::from_millis(60));
    let (mut ends, _disk) = on_small_disk(&bed, &plan)?;
    let kills = context.scaled(25, 2);
    for _ in 0..kills {
        thread::sleep(context.pause(Duration::from_millis(100)));
        ends.a.kill()?;
        ends.a.start(&bed)?;
        ends.a.wait_ready()?;
    }
    ends.wait_done(PATIENCE)?;
    context.note(format!("{kills} kills"));
    note_recoveries(context, ends.recoveries());
    context.judge(capture)
}

/// `store/damaged`: a store that is not what was written is refused by name, and nothing is sent.
pub(crate) fn damaged(context: &mut Context) -> Result<(), Trouble> {
    let bed = context.bed(Middle::default())?;
    let capture = context.capture(&bed)?;
    let plan = context.plan(4 << 20);
    let mut ends = Ends::start(&bed, "transfer", &plan)?;
    ends.a.wait_received(plan.octets / 8, PATIENCE)?;
    ends.a.kill()?;
    let (intact, store) = (bed.folder().join("intact"), ends.a.store().to_path_buf());
    copy_store(&store, &intact)?;
    let file = store.join(EPOCHS);
    let what = || Trouble::system(format!("file {}", file.display()));
    let len = fs::metadata(&file).map_err(what())?.len();
    for damage in [Damage::Zeros(PAGE_OCTETS), Damage::Cut(len / 3), Damage::Zeros(0)] {
        damage.apply(&file).map_err(what())?;
        ends.a.start(&bed)?;
        let (went_well, said) = ends.a.wait_end(PATIENCE)?;
        if went_well || !said.contains(EPOCHS) {
            let expected = format!("a refusal that names {EPOCHS}");
            return Err(Trouble::unexpected(format!("a store with {damage:?}"), expected, said));
        }
        context.note(said.rsplit(EPOCHS).next().unwrap_or_default().trim_start_matches(": "));
        copy_store(&intact, &store)?;
    }
    ends.a.start(&bed)?;
    ends.a.wait_ready()?;
    ends.wait_done(PATIENCE)?;
    context.judge(capture)
}

/// What may happen to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    /// All of it is zeros from here on: writes that never came to the disk.
    Zeros(u64),
    /// It ends here.
    Cut(u64),
}

impl Damage {
    fn apply(self, path: &Path) -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        match self {
            Self::Zeros(from) => {
                let rest = file.metadata()?.len().saturating_sub(from);
                file.seek(SeekFrom::Start(from))?;
                file.write_all(&vec![0; usize::try_from(rest).unwrap_or_default()])
            }
            Self::Cut(at) => file.set_len(at),
        }
    }
}
