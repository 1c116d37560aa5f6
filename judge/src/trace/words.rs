//! The words in traces for small enums that have no other table of words.

use indoubt_proto::{inspect::LockMode, observation::Abandoned};

pub(super) fn mode_word(mode: LockMode) -> &'static str {
    match mode {
        LockMode::Shared => "shared",
        LockMode::Exclusive => "exclusive",
    }
}

pub(super) fn why_word(why: Abandoned) -> &'static str {
    match why {
        Abandoned::Timeout => "timeout",
        Abandoned::Abort => "abort",
    }
}
