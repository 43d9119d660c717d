//! The same redb with a row for each record, and a single sync.

use std::path::Path;

use redb::{Database, TableDefinition};

const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");

pub(crate) fn create(path: &Path) -> Database {
    Database::create(path).expect("it can be created")
}

pub(crate) fn commit<const N: usize>(database: &Database, records: &[(u64, [u8; N])]) {
    let transaction = database.begin_write().expect("it is the only one");
    {
        let mut table = transaction.open_table(RECORDS).expect("it is there");
        for (id, octets) in records {
            table.insert(id, octets.as_slice()).expect("the disk takes it");
        }
    }
    transaction.commit().expect("the disk takes it");
}
