//! One file a subcommand.

pub mod bench;
pub mod calibrate;
mod compare;
mod completions;
pub mod costs;
pub mod crash_points;
mod execute;
mod explain;
mod list;
mod node;
mod operator;
pub mod parity;
pub mod replay;
mod run;
mod submit;
pub mod swarm;
pub mod sweep;

use crate::{
    cli::{Cli, Command},
    real,
};
use anyhow::Result;
use std::process::ExitCode;

/// Whether everything that was claimed and promised holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Status 0.
    Holds,
    /// Status 1.
    DoesNotHold,
}

impl From<bool> for Verdict {
    fn from(holds: bool) -> Self {
        if holds { Verdict::Holds } else { Verdict::DoesNotHold }
    }
}

/// Does what the command line says and answers with a status: 0 all holds, 1 something does not, 2 could not run. (A signal:
/// 128 and its number.)
pub fn main(cli: Cli) -> ExitCode {
    match dispatch(cli) {
        Ok(Verdict::Holds) => ExitCode::SUCCESS,
        Ok(Verdict::DoesNotHold) => ExitCode::from(1),
        Err(error) => {
            anstream::eprintln!(
                "{}error{:#}: {error:#}",
                anstyle::AnsiColor::Red.on_default().bold(),
                anstyle::Style::new()
            );
            ExitCode::from(2)
        }
    }
}

fn dispatch(cli: Cli) -> Result<Verdict> {
    let common = cli.common;
    match cli.command {
        None => with_clean_up(|| compare::compare(&cli.compare, &common)),
        Some(Command::Run(args)) => with_clean_up(|| run::run(&args, &common)),
        Some(Command::Replay(args)) => with_clean_up(|| replay::replay(&args, &common)),
        Some(Command::CrashPoints(args)) => with_clean_up(|| crash_points::crash_points(&args, &common)),
        Some(Command::Costs(args)) => with_clean_up(|| costs::costs(&args, &common)),
        Some(Command::Swarm(args)) => with_clean_up(|| swarm::swarm(&args, &common)),
        Some(Command::Sweep(args)) => with_clean_up(|| sweep::sweep(&args, &common)),
        Some(Command::Merge(args)) => sweep::merge(&args, &common),
        Some(Command::Parity(args)) => with_clean_up(|| parity::parity(&args, &common)),
        Some(Command::Calibrate(args)) => with_clean_up(|| calibrate::calibrate(&args, &common)),
        Some(Command::List(args)) => list::list(&args, &common),
        Some(Command::Explain(args)) => explain::explain(&args, &common),
        Some(Command::Resolve(args)) => operator::resolve(&args),
        Some(Command::Resume(args)) => operator::resume(&args),
        Some(Command::State(args)) => operator::state(&args, &common),
        Some(Command::Submit(args)) => submit::submit(&args, &common),
        Some(Command::Bench(args)) => with_clean_up(|| bench::run(&args, &common)),
        Some(Command::Coordinator(args)) => node::coordinator(&args),
        Some(Command::Participant(args)) => node::participant(&args),
        Some(Command::Orchestrator(args)) => node::orchestrator(&args),
        Some(Command::Completions { shell }) => completions::print(shell),
    }
}

/// Runs something that takes time or starts processes: Ctrl-C and SIGTERM say so and leave neither processes nor empty folders.
fn with_clean_up<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    real::processes::end_all_on_signals()?;
    work()
}
