//! The progress bar of long work.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// A progress bar on standard error. It is hidden if that is not a terminal, and with `quiet`.
pub(crate) fn progress(total: u64, quiet: bool) -> ProgressBar {
    let bar = ProgressBar::new(total);
    if quiet {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{spinner} {bar:30} {pos}/{len} {elapsed} (left {eta}) {msg}")
        .expect("the template is sound");
    bar.set_style(style);
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
