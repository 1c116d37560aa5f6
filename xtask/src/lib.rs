//! The repository's own commands, and the checks of its architecture. Run `cargo xtask` for a list of the commands.
//!
//! ```text
//!   main.rs          the commands
//!   compare.rs       the histories of two executables, compared
//!   rooms.rs         the tables of CONTRIBUTING.md: rooms, floors, accepted exceptions
//!   architecture.rs  all rules over the rooms
//!     arrows.rs        manifests: no arrow between rooms that does not go down
//!     purity.rs        dependencies of the pure rooms: no runtime, no wire, no JavaScript
//!     circles.rs       no circle of three files or more
//!       modules.rs       which file uses which
//!       paths.rs         the paths that a file names
//!       source.rs        its tokens
//!   dependencies.rs  licences and duplicate versions, against deny.toml
//! ```
//!
//! A check is a function from the root of a source tree to its problems, so that tests can give it trees with a mistake.

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

/// What is wrong with a tree, one problem per entry. An empty list means that the check passed.
pub type Problems = Vec<String>;

/// Runs `cargo tree` with these words in `root`.
///
/// # Errors
/// If cargo cannot be run, or refuses; the error is what it said.
fn cargo_tree(root: &std::path::Path, words: &[&str]) -> Result<String, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = std::process::Command::new(cargo).arg("tree").args(words).current_dir(root).output();
    let output = output.map_err(|error| format!("cargo cannot be run: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("cargo tree {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr)))
    }
}
