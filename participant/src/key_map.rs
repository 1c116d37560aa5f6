//! A map from records. It is looked up by hash, because every operation looks up its record several times, and read in the order
//! of the keys, so that nothing depends on the hash.

use indoubt_proto::operation::Key;
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::{
    collections::hash_map::Entry,
    hash::{BuildHasher, Hash, Hasher},
};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyMap<V>(FxHashMap<Key, V>);

impl<V> KeyMap<V> {
    pub(crate) fn get(&self, key: &Key) -> Option<&V> {
        self.0.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &Key) -> Option<&mut V> {
        self.0.get_mut(key)
    }

    pub(crate) fn entry(&mut self, key: Key) -> Entry<'_, Key, V> {
        self.0.entry(key)
    }

    pub(crate) fn insert(&mut self, key: Key, value: V) {
        self.0.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: &Key) {
        self.0.remove(key);
    }

    #[expect(clippy::disallowed_methods, reason = "its callers sort the entries, or add them up")]
    fn in_any_order(&self) -> impl Iterator<Item = (&Key, &V)> {
        self.0.iter()
    }

    /// All entries, in the order of the keys.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (&Key, &V)> {
        let mut entries: Vec<_> = self.in_any_order().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries.into_iter()
    }
}

impl<V> Default for KeyMap<V> {
    fn default() -> Self {
        KeyMap(FxHashMap::default())
    }
}

impl<V> FromIterator<(Key, V)> for KeyMap<V> {
    fn from_iter<I: IntoIterator<Item = (Key, V)>>(entries: I) -> Self {
        KeyMap(entries.into_iter().collect())
    }
}

impl<V> Extend<(Key, V)> for KeyMap<V> {
    fn extend<I: IntoIterator<Item = (Key, V)>>(&mut self, entries: I) {
        self.0.extend(entries);
    }
}

/// Equal maps hash equally, whatever the order of their tables: a sum has no order.
impl<V: Hash> Hash for KeyMap<V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let sum = self.in_any_order().fold(0u64, |sum, entry| sum.wrapping_add(FxBuildHasher.hash_one(entry)));
        (self.0.len(), sum).hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_filled_in_another_order_are_read_and_hashed_alike() {
        let entries = |keys: &[&str]| keys.iter().map(|key| (Key::new(key), key.len())).collect::<KeyMap<_>>();
        let (one, other) = (entries(&["b", "aa", "c"]), entries(&["c", "b", "aa"]));
        assert_eq!(one, other);
        assert_eq!(FxBuildHasher.hash_one(&one), FxBuildHasher.hash_one(&other));
        assert_eq!(one.in_order().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["aa", "b", "c"]);
        assert_ne!(FxBuildHasher.hash_one(&one), FxBuildHasher.hash_one(entries(&["aa", "b"])));
    }
}
