//! The palette of all charts: the Okabe-Ito colours, which colour-blind readers can tell apart. In charts of states, a colour
//! stands for a state or for a few that are alike; the legend of each chart says which. Hatches and marks tell apart what colour
//! alone does not. In charts that compare protocols, the same colours stand for protocols ([`of`]).

use indoubt_scenario::protocol::{
    Protocol,
    entry::{Colour, Waiting},
};
use plotters::style::RGBColor;

/// Transactions that committed, and locks that are not in doubt.
pub(crate) const COMMITTED: RGBColor = RGBColor(0x00, 0x72, 0xB2);
/// Branches in doubt and their locks. Also what else is not known: transactions that are unresolved, and outcomes that clients were
/// not told.
pub(crate) const IN_DOUBT: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
/// Requests that wait for a lock, and sagas that wait for an operator.
pub(crate) const WAITING: RGBColor = RGBColor(0xF0, 0xE4, 0x42);
/// Transactions that aborted.
pub(crate) const ABORTED: RGBColor = RGBColor(0x99, 0x99, 0x99);
/// Sagas that were compensated.
pub(crate) const COMPENSATED: RGBColor = RGBColor(0xCC, 0x79, 0xA7);
/// Sagas that completed.
pub(crate) const COMPLETED: RGBColor = RGBColor(0x00, 0x9E, 0x73);
/// Records that unfinished sagas have flagged as pending.
pub(crate) const PENDING: RGBColor = RGBColor(0x56, 0xB4, 0xE9);
/// The times during which a fault lasts.
pub(crate) const FAULT: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);
/// Transactions of which some effects stand and others do not, for good.
pub(crate) const PARTIAL: RGBColor = RGBColor(0x00, 0x00, 0x00);
/// Text and axes.
pub(crate) const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
/// Grid lines.
pub(crate) const GRID: RGBColor = RGBColor(0xEE, 0xEE, 0xEE);

/// The colour of a protocol in charts that compare protocols.
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

/// The colour of transactions that succeeded. Sagas have their own, because other transactions could read them half-done.
pub(crate) fn success(protocol: Protocol) -> RGBColor {
    match protocol.family().entry().waiting {
        Waiting::Pending => COMPLETED,
        Waiting::Doubt | Waiting::Nothing => COMMITTED,
    }
}
