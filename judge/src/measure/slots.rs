//! Lists of the states that a measure keeps for each transaction.

/// The state of the transaction in `slot`. Grows the list if needed.
pub(crate) fn at<T: Clone + Default>(list: &mut Vec<T>, slot: usize) -> &mut T {
    if list.len() <= slot {
        list.resize(slot + 1, T::default());
    }
    &mut list[slot]
}
