//! The fuzz target `journal` as a property test.

#[path = "../../fuzz/bodies/journal.rs"]
mod body;

use proptest::{collection::vec, prelude::*};

#[test]
fn a_journal_without_damage_is_accepted() {
    assert!((0..16).all(|records| body::accepts(&[records, records / 2])));
}

proptest! {
    #[test]
    fn a_damaged_journal_is_refused_or_gives_what_was_durable(
        records in any::<u8>(),
        durable in 0u8..16,
        damage in vec((0u16..700, any::<u8>()), 0..4),
    ) {
        let damage = damage.into_iter().flat_map(|(place, mixed)| {
            let [low, high] = place.to_le_bytes();
            [low, high, mixed]
        });
        let bytes: Vec<u8> = [records, durable].into_iter().chain(damage).collect();
        body::accepts(&bytes);
    }
}
