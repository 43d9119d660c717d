//! A real process on a real file, killed in the middle of commits.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use hiatus_store::{EpochId, Origin, Outside, RecordId, Store};

const FOLDER: &str = "HIATUS_STORE_KILL_FOLDER";
const ROUNDS: u32 = 12;
/// Records of each epoch; all carry its number.
const RECORDS: u64 = 300;

/// What the child does: restores, begins a life, then commits for ever and says each epoch that is durable.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let (mut store, image) = Store::restore(folder.join("store")).unwrap();
    let mut outside = Outside::open(folder.join("outside")).unwrap();
    let origin = image.map_or(Origin::Nothing, |image| Origin::Restored(image.epoch()));
    let life = outside.begin_life(origin).unwrap();
    println!("life {}", life.incarnation);
    let mut taker = store.taker();
    for number in 1.. {
        let id = EpochId { incarnation: life.incarnation, number };
        let mut epoch = taker.begin(id).unwrap();
        let content = [life.incarnation.to_le_bytes(), number.to_le_bytes()].concat().repeat(40);
        for record in 0..RECORDS {
            epoch.put(RecordId(record), &content).unwrap();
        }
        epoch.put_application("counter", &content).unwrap();
        store.commit(&epoch).unwrap();
        println!("durable {number}");
    }
}

fn start(folder: &std::path::Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "kill::child", "--nocapture"]).env(FOLDER, folder);
    command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap()
}

/// The number behind `word`, if the line says it; the harness may have printed before it on the same line.
fn said(line: &str, word: &str) -> Option<u32> {
    line.split_once(word).and_then(|(_, number)| number.trim().parse().ok())
}

#[test]
fn a_process_killed_in_the_middle_of_commits_comes_back_whole() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("kill-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    drop(Store::create(folder.join("store")).unwrap());
    drop(Outside::create(folder.join("outside")).unwrap());
    let mut incarnation = 0;
    for round in 0..ROUNDS {
        let mut child = start(&folder);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut durable = EpochId { incarnation: 0, number: 0 };
        // A few commits, a different number in each round, and then somewhere within one.
        while durable.number < 1 + round * 3 {
            let line = lines.next().expect("the child talks").unwrap();
            if let Some(life) = said(&line, "life ") {
                assert!(life > incarnation, "incarnation {life} again");
                (incarnation, durable.incarnation) = (life, life);
            }
            durable.number = said(&line, "durable ").unwrap_or(durable.number);
        }
        for _ in 0..u64::from(round) * 40_000 {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            durable.number = said(&line, "durable ").unwrap_or(durable.number);
        }
        let (store, image) = Store::restore(folder.join("store")).unwrap();
        let image = image.expect("an epoch was durable");
        let found = image.epoch();
        let next = EpochId { number: durable.number + 1, ..durable };
        assert!(found == durable || found == next, "said {durable}, found {found}");
        let content = [found.incarnation.to_le_bytes(), found.number.to_le_bytes()].concat().repeat(40);
        assert_eq!(image.record_count(), RECORDS);
        assert!(image.records().all(|(_, octets)| octets == content));
        assert_eq!(image.application("counter"), Some(content.as_slice()));
        drop(store);
        assert_eq!(Outside::open(folder.join("outside")).unwrap().incarnation(), incarnation);
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn one_process_has_a_file_alone_and_a_name_is_made_once() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("alone-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("store");
    // What a crash left of a file that was being made.
    fs::write(folder.join("store.new"), [7; 5000]).unwrap();
    let store = Store::create(&path).unwrap();
    assert_eq!(
        Store::restore(&path).unwrap_err().to_string(),
        "file: expected to have it alone, found it open elsewhere"
    );
    drop(store);
    assert!(Store::restore(&path).is_ok());
    assert!(Store::create(&path).is_err());
    assert!(Store::restore(folder.join("none")).is_err());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    fs::remove_dir_all(&folder).unwrap();
}
