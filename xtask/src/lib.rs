//! The commands of this repository, and the checks of its architecture. `cargo xtask` lists the commands.
//!
//! ```text
//!   main.rs          the commands
//!   compare.rs       compares the histories of two executables
//!   rooms.rs         the tables of CONTRIBUTING.md: rooms, floors, accepted exceptions
//!   architecture.rs  all rules about the rooms
//!     arrows.rs        manifests: dependencies between rooms only go down
//!     purity.rs        dependencies of the pure rooms: no runtime, no wire, no JavaScript
//!     circles.rs       no circle of three files or more
//!       modules.rs       which file uses which
//!       paths.rs         the paths that a file names
//!       source.rs        its tokens
//!   dependencies.rs  licences and duplicate versions, against deny.toml
//! ```
//!
//! A check is a function from the root of a source tree to its problems, so that tests can give it trees with mistakes.

mod architecture;
mod arrows;
mod circles;
pub mod compare;
mod dependencies;
mod modules;
mod paths;
mod purity;
pub mod rooms;
mod source;

pub use architecture::architecture;
pub use dependencies::dependencies;

/// The problems that a check found. An empty list means that the check passed.
pub type Problems = Vec<String>;

/// Runs `cargo tree` with these words in `root`.
///
/// # Errors
/// If cargo cannot run, or fails. The error is then its output.
fn cargo_tree(root: &std::path::Path, words: &[&str]) -> Result<String, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = std::process::Command::new(cargo).arg("tree").args(words).current_dir(root).output();
    let output = output.map_err(|error| format!("cannot run cargo: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("cargo tree {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr)))
    }
}
