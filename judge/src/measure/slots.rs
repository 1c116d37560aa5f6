//! The state that a measure keeps for each transaction.

/// What a fold keeps for the transaction in `slot`.
pub(crate) fn at<T: Clone + Default>(list: &mut Vec<T>, slot: usize) -> &mut T {
    if list.len() <= slot {
        list.resize(slot + 1, T::default());
    }
    &mut list[slot]
}
