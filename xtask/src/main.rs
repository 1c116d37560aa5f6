//! `cargo xtask`: the commands that people need in this repository.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};
use xtask::{Problems, architecture, compare::compare, dependencies, rooms::Plan};

const HELP: &str = "\
The commands of this repository:

  cargo xtask check                     before a commit: format, architecture, dependencies, lints
  cargo xtask gate [PART...]            before a merge: all of .ci/run, or these parts (--list names them)
  cargo xtask golden                    write the golden conversations and tables again; then read the difference
  cargo xtask compare OLD NEW [SEEDS]   compare the histories of two executables (seeds 1..10)
  cargo xtask docs                      build the reference (rustdoc), and the book if mdbook is installed

Parts of the gate:

  cargo xtask architecture              rooms, floors, purity and circles, against CONTRIBUTING.md
  cargo xtask dependencies              licences and duplicate versions, against deny.toml
  cargo xtask pure-rooms                the names of the pure rooms, one per line
";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the repository");
    let done = match words[..] {
        ["check"] => check(root),
        ["gate", ref parts @ ..] => run(root, Command::new(".ci/run").args(parts)),
        ["golden"] => golden(root),
        ["compare", old, new] => histories(root, old, new, "1..10"),
        ["compare", old, new, seeds] => histories(root, old, new, seeds),
        ["docs"] => docs(root),
        ["architecture"] => report(architecture(root), "the architecture is as CONTRIBUTING.md says"),
        ["dependencies"] => report(dependencies(root), "licences and versions are as deny.toml says"),
        ["pure-rooms"] => pure_rooms(root),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        _ => Err(format!("`{}` is not a command\n\n{HELP}", words.join(" "))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn check(root: &Path) -> Result<(), String> {
    run(root, &mut cargo(&["fmt", "--all", "--check"]))?;
    report(architecture(root), "the architecture is as CONTRIBUTING.md says")?;
    report(dependencies(root), "licences and versions are as deny.toml says")?;
    run(root, &mut cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))
}

fn golden(root: &Path) -> Result<(), String> {
    let tests = ["--test", "golden", "--test", "crash_points", "--test", "mutants"];
    let words = [&["test", "--locked", "--package", "indoubt-tests"][..], &tests].concat();
    run(root, cargo(&words).env("INDOUBT_GOLDEN", "write"))?;
    run(root, Command::new("git").args(["status", "--short", "--", "*/golden/*", "docs"]))
}

fn histories(root: &Path, old: &str, new: &str, seeds: &str) -> Result<(), String> {
    let path = |word: &str| PathBuf::from(word).canonicalize().map_err(|error| format!("{word}: {error}"));
    let found = compare(&path(old)?, &path(new)?, &root.join("scenarios"), seeds).map_err(|error| error.to_string())?;
    if found.same + found.differences.len() == 0 {
        return Err("nothing was compared".into());
    }
    report(found.differences, &format!("{} traces and summaries are the same", found.same))
}

fn docs(root: &Path) -> Result<(), String> {
    let words = ["doc", "--locked", "--workspace", "--no-deps"];
    run(root, cargo(&words).env("RUSTDOCFLAGS", "-D warnings"))?;
    if Command::new("mdbook").arg("--version").output().is_err() {
        println!("mdbook is not installed: the book was not built");
        return Ok(());
    }
    run(root, Command::new("mdbook").arg("build"))
}

fn pure_rooms(root: &Path) -> Result<(), String> {
    Plan::read(root)?.pure().for_each(|room| println!("{}", room.name));
    Ok(())
}

fn cargo(words: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(words);
    command
}

fn run(root: &Path, command: &mut Command) -> Result<(), String> {
    let status = command.current_dir(root).status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("failed: {command:?}")) }
}

fn report(problems: Problems, otherwise: &str) -> Result<(), String> {
    if problems.is_empty() {
        println!("{otherwise}");
        return Ok(());
    }
    Err(problems.join("\n"))
}
