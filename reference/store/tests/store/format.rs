//! The rows as `docs/store.md` has them. The octets below were made by another program (Python's struct and zlib.crc32).

use hiatus_store::{Damage, EpochId, OpenError, Origin, Outside, Place, RecordId, Store};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use crate::commit::id;
use crate::disk::Disk;

const FORMAT: TableDefinition<'_, u8, &[u8]> = TableDefinition::new("format");
const EPOCH: TableDefinition<'_, u8, &[u8]> = TableDefinition::new("epoch");
const SEGMENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("segments");
const LIVE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("live");
const APPLICATION: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("application");
const CEILING: TableDefinition<'_, u8, &[u8]> = TableDefinition::new("ceiling");
const LINE: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("line");

const FORMAT_ROW: &str = "4849415455532d530100000015956ef7";
const FORMAT_ROW_OF_VERSION_2: &str = "4849415455532d5302000000fb3adbe5";
const EPOCH_ROW: &str =
    "05000000090000000200000000000000010000000000000001000000000000000100000000000000f862fa9c";
const SEGMENT_ROW: &str = "070000000000000003000000616263080706050403020100000000020000003230d462";
const LIVE_ROW: &str = "03cf82b491";
const APPLICATION_ROW: &str = "68656c6c6fe401ade3";
const OUTSIDE_FORMAT_ROW: &str = "4849415455532d4f0100000096ef7e52";
const CEILING_ROW: &str = "01000000000060000200000010c97ff5";
const LINE_ROW_0: &str = "0000000000000000000000004dc039b7";
const LINE_ROW_1: &str = "010000000000000004000000332099c6";

fn octets(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
        .collect()
}

/// Epoch 5.9: record 7 is "abc", another is empty, the application "counter" says "hello".
fn store() -> Disk {
    let disk = Disk::default();
    let mut store = Store::create_on(disk.clone()).unwrap();
    let mut epoch = store.taker().begin(EpochId { incarnation: 5, number: 9 }).unwrap();
    epoch.put(RecordId(7), b"abc").unwrap();
    epoch.put(RecordId(0x0102_0304_0506_0708), b"").unwrap();
    epoch.put_application("counter", b"hello").unwrap();
    store.commit(&epoch).unwrap();
    drop(store);
    Disk::holding(disk.image())
}

fn database(disk: &Disk) -> Database {
    Database::builder().create_with_backend(disk.clone()).unwrap()
}

#[test]
fn rows_of_a_store_are_as_documented() {
    let database = database(&store());
    let read = database.begin_read().unwrap();
    for (table, row) in [(FORMAT, FORMAT_ROW), (EPOCH, EPOCH_ROW)] {
        let table = read.open_table(table).unwrap();
        assert_eq!(table.iter().unwrap().count(), 1);
        assert_eq!(table.get(0).unwrap().unwrap().value(), octets(row));
    }
    for (table, row) in [(SEGMENTS, SEGMENT_ROW), (LIVE, LIVE_ROW)] {
        let table = read.open_table(table).unwrap();
        assert_eq!(table.iter().unwrap().count(), 1);
        assert_eq!(table.get(0).unwrap().unwrap().value(), octets(row));
    }
    let table = read.open_table(APPLICATION).unwrap();
    assert_eq!(table.get("counter").unwrap().unwrap().value(), octets(APPLICATION_ROW));
}

#[test]
fn rows_of_an_outside_are_as_documented() {
    let disk = Disk::default();
    let mut outside = Outside::create_on(disk.clone()).unwrap();
    let life = outside.begin_life(Origin::Restored(id(0, 4))).unwrap();
    assert_eq!((life.incarnation, life.tsval_ceiling), (1, 1 << 20));
    drop(outside);
    let database = database(&Disk::holding(disk.image()));
    let read = database.begin_read().unwrap();
    for (table, row) in [(FORMAT, OUTSIDE_FORMAT_ROW), (CEILING, CEILING_ROW)] {
        assert_eq!(read.open_table(table).unwrap().get(0).unwrap().unwrap().value(), octets(row));
    }
    let table = read.open_table(LINE).unwrap();
    assert_eq!(table.get(0).unwrap().unwrap().value(), octets(LINE_ROW_0));
    assert_eq!(table.get(1).unwrap().unwrap().value(), octets(LINE_ROW_1));
}

/// Writes a row with redb alone, so that every page fits its checksum and only ours can tell; `None` removes it.
fn with_row(table: Table, row: Option<&[u8]>) -> OpenError {
    let disk = store();
    let database = database(&disk);
    let write = database.begin_write().unwrap();
    match table {
        Table::Only(table) => {
            let mut table = write.open_table(table).unwrap();
            table.remove(0).unwrap();
            if let Some(row) = row {
                table.insert(0, row).unwrap();
            }
        }
        Table::Numbered(table, number) => {
            let mut table = write.open_table(table).unwrap();
            table.remove(number).unwrap();
            if let Some(row) = row {
                table.insert(number, row).unwrap();
            }
        }
        Table::Named(name) => {
            let mut table = write.open_table(APPLICATION).unwrap();
            table.remove(name).unwrap();
            if let Some(row) = row {
                table.insert(name, row).unwrap();
            }
        }
    }
    write.commit().unwrap();
    drop(database);
    Store::restore_on(Disk::holding(disk.image())).unwrap_err()
}

#[derive(Clone, Copy)]
enum Table {
    Only(TableDefinition<'static, u8, &'static [u8]>),
    Numbered(TableDefinition<'static, u64, &'static [u8]>, u64),
    Named(&'static str),
}

#[test]
fn a_row_that_does_not_fit_says_what_where_expected_and_found() {
    let mut changed = octets(SEGMENT_ROW);
    changed[13] ^= 1;
    let error = with_row(Table::Numbered(SEGMENTS, 0), Some(&changed));
    // CRC-32 of the changed octets by the other program.
    assert_eq!(error.to_string(), "segment 0: CRC-32 expected 0x62d43032, found 0x8d8686d3");

    let error = with_row(Table::Only(EPOCH), Some(&octets(LIVE_ROW)));
    assert!(matches!(error, OpenError::Damaged(Damage::Checksum { place: Place::Epoch, .. })), "{error}");
    let error = with_row(Table::Only(EPOCH), None);
    assert_eq!(error.to_string(), "epoch row: expected a row, found none");
    let error = with_row(Table::Only(EPOCH), Some(&[1]));
    assert_eq!(error.to_string(), "epoch row: expected 4 octets, found 1");
    let error = with_row(Table::Numbered(LIVE, 0), None);
    assert_eq!(error.to_string(), "live row of segment 0: expected a row, found none");
    let error = with_row(Table::Numbered(SEGMENTS, 0), None);
    assert_eq!(error.to_string(), "epoch row: rows of live bits expected 0, found 1");
    // A segment in another's place has another's number in its checksum.
    let error = with_row(Table::Numbered(SEGMENTS, 1), Some(&octets(SEGMENT_ROW)));
    assert_eq!(error.to_string(), "live row of segment 1: expected a row, found none");
    let error = with_row(Table::Named("counter"), None);
    assert_eq!(error.to_string(), "epoch row: applications expected 1, found 0");
    let error = with_row(Table::Named("other"), Some(&octets(APPLICATION_ROW)));
    assert!(
        matches!(error, OpenError::Damaged(Damage::Checksum { place: Place::Application(1), .. })),
        "{error}"
    );
}

#[test]
fn other_versions_and_files_are_refused_by_name() {
    let error = with_row(Table::Only(FORMAT), Some(&octets(FORMAT_ROW_OF_VERSION_2)));
    assert_eq!(error.to_string(), "format row: expected version 1, found 2");
    let error = with_row(Table::Only(FORMAT), Some(&octets(OUTSIDE_FORMAT_ROW)));
    assert_eq!(error.to_string(), "file: expected a Hiatus store, found something else");
    let error = with_row(Table::Only(FORMAT), None);
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
}

#[test]
fn two_live_records_of_one_connection_are_refused() {
    // Segment 1 with record 7 again ("abc"), alive, and an epoch that counts two segments; by the other program.
    let disk = store();
    let database = database(&disk);
    let write = database.begin_write().unwrap();
    write.open_table(SEGMENTS).unwrap().insert(1, octets(TWICE_SEGMENT).as_slice()).unwrap();
    write.open_table(LIVE).unwrap().insert(1, octets(TWICE_LIVE).as_slice()).unwrap();
    write.commit().unwrap();
    drop(database);
    let error = Store::restore_on(Disk::holding(disk.image())).unwrap_err();
    assert_eq!(error.to_string(), "segment 1: expected one record 7, found a second");
}

const TWICE_SEGMENT: &str = "0700000000000000030000006162630100000020f89830";
const TWICE_LIVE: &str = "01a0f7c168";
