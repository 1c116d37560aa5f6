//! The one palette: the Okabe-Ito colours with fixed meanings (design.md section 8). Each state also has a mark or a hatch
//! of its own in the charts, so that it reads without colour.

use plotters::style::RGBColor;

/// Committed, and locks that are free of doubt.
pub const COMMITTED: RGBColor = RGBColor(0x00, 0x72, 0xB2);
/// In doubt.
pub const IN_DOUBT: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
/// Waiting.
pub const WAITING: RGBColor = RGBColor(0xF0, 0xE4, 0x42);
/// Aborted.
pub const ABORTED: RGBColor = RGBColor(0x99, 0x99, 0x99);
/// Compensated.
pub const COMPENSATED: RGBColor = RGBColor(0xCC, 0x79, 0xA7);
/// A completed saga.
pub const COMPLETED: RGBColor = RGBColor(0x00, 0x9E, 0x73);
/// Pending: flagged by a saga that is not over.
pub const PENDING: RGBColor = RGBColor(0x56, 0xB4, 0xE9);
/// Fault windows.
pub const FAULT: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);
/// Partial: some effects there, others not, for good.
pub const PARTIAL: RGBColor = RGBColor(0x00, 0x00, 0x00);
/// Text and axes.
pub const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
/// Grid lines.
pub const GRID: RGBColor = RGBColor(0xEE, 0xEE, 0xEE);

/// `#rrggbb`, for style sheets.
pub fn css(colour: RGBColor) -> String {
    format!("#{:02x}{:02x}{:02x}", colour.0, colour.1, colour.2)
}
