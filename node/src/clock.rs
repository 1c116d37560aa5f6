//! The clocks of the host in microseconds. The monotonic clock is the common time axis of all nodes of a host and of their trace
//! files. The wall clock dates the records of journals, because it goes on while the host is down.

use indoubt_proto::time::Micros;
use rustix::time::{ClockId, clock_gettime};

/// Microseconds since an arbitrary time of this host (CLOCK_MONOTONIC). All processes of the host share it.
pub fn now() -> Micros {
    // The monotonic clock starts at 0 when the host boots, so its time is never negative.
    read(ClockId::Monotonic)
}

/// Microseconds since 1970 (CLOCK_REALTIME).
pub(crate) fn wall() -> Micros {
    read(ClockId::Realtime)
}

/// When something happened on the monotonic clock that happened at `wall` on the wall clock. If the wall clock was set back since,
/// it happened just now.
pub(crate) fn monotonic(wall_then: Micros) -> Micros {
    now().saturating_sub(wall().saturating_sub(wall_then))
}

fn read(clock: ClockId) -> Micros {
    let now = clock_gettime(clock);
    Micros(now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1_000)
}
