//! Values by number: a state of the search is a few numbers, and what they stand for lies here once.

use std::sync::Arc;

use hashbrown::HashMap;

/// Numbers values in the order in which they come.
#[derive(Debug)]
pub(crate) struct Table<T> {
    numbers: HashMap<Arc<[T]>, u32, foldhash::fast::RandomState>,
    values: Vec<Arc<[T]>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { numbers: HashMap::default(), values: Vec::new() }
    }
}

impl<T: core::hash::Hash + Eq + Clone> Table<T> {
    /// The number of `value`, and whether it is new.
    pub(crate) fn number(&mut self, value: &[T]) -> (u32, bool) {
        if let Some(number) = self.numbers.get(value) {
            return (*number, false);
        }
        let number = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        assert!(number < u32::MAX, "no more values than numbers");
        let value: Arc<[T]> = value.into();
        self.values.push(Arc::clone(&value));
        self.numbers.insert(value, number);
        (number, true)
    }

    /// The value with that number.
    pub(crate) fn value(&self, number: u32) -> Arc<[T]> {
        Arc::clone(self.at(number))
    }

    /// The same, borrowed.
    pub(crate) fn at(&self, number: u32) -> &Arc<[T]> {
        &self.values[usize::try_from(number).unwrap_or(usize::MAX)]
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
}
