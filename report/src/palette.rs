//! The one palette: the Okabe-Ito colours with fixed meanings for every chart. Each state also has a mark or a hatch
//! of its own in the charts, so that it reads without colour.

use indoubt_scenario::protocol::{
    Protocol,
    entry::{Colour, Waiting},
};
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
    match protocol.entry().line.colour {
        Colour::Black => RGBColor(0x00, 0x00, 0x00),
        Colour::Orange => RGBColor(0xE6, 0x9F, 0x00),
        Colour::SkyBlue => RGBColor(0x56, 0xB4, 0xE9),
        Colour::Green => RGBColor(0x00, 0x9E, 0x73),
        Colour::Yellow => RGBColor(0xF0, 0xE4, 0x42),
        Colour::Blue => RGBColor(0x00, 0x72, 0xB2),
        Colour::Vermillion => RGBColor(0xD5, 0x5E, 0x00),
        Colour::Purple => RGBColor(0xCC, 0x79, 0xA7),
        Colour::Grey => RGBColor(0x99, 0x99, 0x99),
    }
}

/// The colour of a transaction that succeeded: a saga's stands out, for others could read it half-done.
pub(crate) fn success(protocol: Protocol) -> RGBColor {
    match protocol.family().entry().waiting {
        Waiting::Pending => COMPLETED,
        Waiting::Doubt | Waiting::Nothing => COMMITTED,
    }
}
