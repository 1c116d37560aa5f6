//! The monotonic clock of the host in microseconds. It is the common time axis of all nodes of a host and of their trace files.

use indoubt_proto::time::Micros;
use rustix::time::{ClockId, clock_gettime};

/// Microseconds since an arbitrary time of this host (CLOCK_MONOTONIC). All processes of the host share it.
pub fn now() -> Micros {
    let now = clock_gettime(ClockId::Monotonic);
    // The monotonic clock starts at 0 when the host boots, so neither part is ever negative.
    Micros(now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1_000)
}
