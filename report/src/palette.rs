//! The one palette: the Okabe-Ito colours with fixed meanings for every chart. Each state also has a mark or a hatch
//! of its own in the charts, so that it reads without colour.

use indoubt_scenario::protocol::Protocol;
use plotters::style::RGBColor;

/// Committed, and locks that are free of doubt.
pub(crate) const COMMITTED: RGBColor = RGBColor(0x00, 0x72, 0xB2);
/// In doubt.
pub(crate) const IN_DOUBT: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
/// Waiting.
pub(crate) const WAITING: RGBColor = RGBColor(0xF0, 0xE4, 0x42);
/// Aborted.
pub(crate) const ABORTED: RGBColor = RGBColor(0x99, 0x99, 0x99);
/// Compensated.
pub(crate) const COMPENSATED: RGBColor = RGBColor(0xCC, 0x79, 0xA7);
/// A completed saga.
pub(crate) const COMPLETED: RGBColor = RGBColor(0x00, 0x9E, 0x73);
/// Pending: flagged by a saga that is not over.
pub(crate) const PENDING: RGBColor = RGBColor(0x56, 0xB4, 0xE9);
/// Fault windows.
pub(crate) const FAULT: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);
/// Partial: some effects there, others not, for good.
pub(crate) const PARTIAL: RGBColor = RGBColor(0x00, 0x00, 0x00);
/// Text and axes.
pub(crate) const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
/// Grid lines.
pub(crate) const GRID: RGBColor = RGBColor(0xEE, 0xEE, 0xEE);

/// The colour of a protocol where lines of several stand side by side.
pub(crate) fn of(protocol: Protocol) -> RGBColor {
    match protocol {
        Protocol::TwoPhase => COMMITTED,
        Protocol::PresumedNothing => IN_DOUBT,
        Protocol::PresumedCommit => COMPENSATED,
        Protocol::Cooperative => PENDING,
        Protocol::Saga => COMPLETED,
        Protocol::None => PARTIAL,
        Protocol::NoneRetry => ABORTED,
    }
}
