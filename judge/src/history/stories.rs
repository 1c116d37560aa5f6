//! Where the fold keeps its stories: every transaction has a place, a small number under which each fold beside this one
//! keeps its own state of it. A transaction that is forgotten leaves its place, with all its buffers, to a later one.

use super::Story;
use indoubt_proto::ids::TxnId;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// All stories, by place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stories {
    /// Only looked up, never iterated.
    places: FxHashMap<TxnId, usize>,
    stories: Vec<(Option<TxnId>, Story)>,
    free: Vec<usize>,
    /// The last one asked for: the observations of one step mostly concern one transaction.
    last: Option<(TxnId, usize)>,
}

impl Stories {
    /// The place of a transaction, if it has one.
    pub(crate) fn find(&mut self, txn: TxnId) -> Option<usize> {
        if let Some((last, place)) = self.last
            && last == txn
        {
            return Some(place);
        }
        let place = *self.places.get(&txn)?;
        self.last = Some((txn, place));
        Some(place)
    }

    /// Gives a transaction that has none a place.
    pub(crate) fn place(&mut self, txn: TxnId) -> usize {
        let place = self.free.pop().unwrap_or_else(|| {
            self.stories.push(Default::default());
            self.stories.len() - 1
        });
        self.stories[place].0 = Some(txn);
        self.places.insert(txn, place);
        self.last = Some((txn, place));
        place
    }

    /// Whose place it is.
    pub(crate) fn name(&self, place: usize) -> TxnId {
        self.stories[place].0.expect("only places of transactions are asked for")
    }

    pub(crate) fn at(&self, place: usize) -> &Story {
        &self.stories[place].1
    }

    pub(super) fn at_mut(&mut self, place: usize) -> &mut Story {
        &mut self.stories[place].1
    }

    /// All places of transactions.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, TxnId, &Story)> + '_ {
        self.stories.iter().enumerate().filter_map(|(place, (txn, story))| Some((place, (*txn)?, story)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (TxnId, &mut Story)> + '_ {
        self.stories.iter_mut().filter_map(|(txn, story)| Some(((*txn)?, story)))
    }

    /// Forgets a transaction; its place is free.
    pub(super) fn forget(&mut self, place: usize) {
        let (txn, story) = &mut self.stories[place];
        if let Some(txn) = txn.take() {
            self.places.remove(&txn);
            self.last = None;
            story.clear();
            self.free.push(place);
        }
    }

    /// Takes a story out, to look at it alone; [`Stories::put_back`] or [`Stories::forget`] comes next.
    pub(super) fn take(&mut self, place: usize) -> Story {
        std::mem::take(&mut self.stories[place].1)
    }

    pub(super) fn put_back(&mut self, place: usize, story: Story) {
        self.stories[place].1 = story;
    }

    /// All of them, in the order of their names.
    pub(super) fn into_map(self) -> BTreeMap<TxnId, Story> {
        self.stories.into_iter().filter_map(|(txn, story)| Some((txn?, story))).collect()
    }
}
