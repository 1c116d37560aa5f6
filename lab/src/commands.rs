//! The command line. Each command has a file with its arguments, its help and what it does.

pub mod bench;
pub mod calibrate;
pub mod compare;
mod completions;
pub mod costs;
pub mod crash_points;
pub mod explain;
mod finish;
pub mod list;
pub mod node;
pub mod operator;
pub mod parity;
pub mod replay;
pub mod run;
pub mod status;
pub mod submit;
pub mod swarm;
pub mod sweep;

use crate::{options::Common, status::Status};
use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};

/// Two-phase commit and sagas, compared by breaking them.
#[derive(Debug, Parser)]
#[command(name = "indoubt", version, after_help = EXAMPLES, max_term_width = 110)]
pub struct Cli {
    /// What to do. Without a subcommand, the whole comparison runs.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of the comparison, which runs without a subcommand.
    #[command(flatten)]
    pub compare: compare::CompareArgs,
    /// Options that every subcommand understands.
    #[command(flatten)]
    pub common: Common,
}

const EXAMPLES: &str = "\
Examples:
  indoubt
      the comparison: real processes, charts, a report, a verdict table
  indoubt list
      the bundled scenarios
  indoubt run coordinator-dies-after-votes
      one scenario in the virtual world
  indoubt run my.toml --world real --trace
      your own scenario on real processes, with its trace
  indoubt sweep coordinator-downtime
      what a coordinator that is down costs, by how long it is down
  indoubt explain coordinator-dies-after-votes
      what happens, as a conversation
  indoubt replay slow-lossy-network --seed 17
      repeat one history, with its whole trace and every check

Exit status: 0 if all expectations and promised checks hold, 1 if one does not, 2 if the command could not run, 128 plus the \
signal's number if a signal ended it: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP, 131 for SIGQUIT.";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run scenarios: files, or names of bundled ones
    Run(run::RunArgs),
    /// Repeat one run of one protocol in the virtual world, and keep its whole trace
    Replay(replay::ReplayArgs),
    /// Count what one transaction costs, beside the formulas of the literature
    Costs(costs::CostsArgs),
    /// Crash every node at every crash point of one transaction, and show the outcomes and the blocked times
    CrashPoints(crash_points::CrashPointsArgs),
    /// Run random clusters, loads and faults, and shrink each failure
    Swarm(swarm::SwarmArgs),
    /// Run a scenario over a grid of parameters, with charts and one row per run
    Sweep(sweep::SweepArgs),
    /// Merge the shards of a sweep
    Merge(sweep::MergeArgs),
    /// Compare the virtual world with real processes, scenario by scenario
    Parity(parity::ParityArgs),
    /// Measure this machine's latencies of messages and forced writes, as a profile for the virtual world
    Calibrate(calibrate::CalibrateArgs),
    /// List bundled scenarios and sweeps, or the points and phases at which faults can strike
    List(list::ListArgs),
    /// Show what happens in a scenario, message by message, as a readable conversation
    Explain(explain::ExplainArgs),
    /// Operator action: end branches in doubt at a live participant
    Resolve(operator::ResolveArgs),
    /// Operator action: let a stuck saga try again
    Resume(operator::ResumeArgs),
    /// Forget a branch that an operator ended, or stop waiting for acknowledgements.
    Forget(operator::ForgetArgs),
    /// Show the state of a live node: its locks, its branches in doubt, and for how long they have been in doubt
    State(operator::StateArgs),
    /// Submit one transaction to a live coordinating node
    Submit(submit::SubmitArgs),
    /// Ask a live coordinating node what became of a transaction
    Status(status::StatusArgs),
    /// Measure throughput and latency of real processes, and compare them with the floor: the same messages without a protocol
    Bench(bench::BenchArgs),
    /// Start one coordinator (two-phase commit)
    Coordinator(node::CoordinatorArgs),
    /// Start one participant
    Participant(node::ParticipantArgs),
    /// Start one orchestrator (sagas, and the unprotected baselines)
    Orchestrator(node::OrchestratorArgs),
    /// Print a completion script for a shell
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// Runs the command that the command line names.
pub fn dispatch(cli: Cli) -> Result<Status> {
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
        Some(Command::Forget(args)) => operator::forget(&args),
        Some(Command::State(args)) => operator::state(&args, &common),
        Some(Command::Submit(args)) => submit::submit(&args, &common),
        Some(Command::Status(args)) => status::status(&args, &common),
        Some(Command::Bench(args)) => with_clean_up(|| bench::run(&args, &common)),
        Some(Command::Coordinator(args)) => node::coordinator(&args),
        Some(Command::Participant(args)) => node::participant(&args),
        Some(Command::Orchestrator(args)) => node::orchestrator(&args),
        Some(Command::Completions { shell }) => completions::print(shell, Cli::command()),
    }
}

/// Runs a command that takes time or starts processes. After a signal that asks it to end, it prints that it was interrupted, and leaves
/// neither processes nor empty folders behind.
fn with_clean_up<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    indoubt_cluster::end_all_on_signals(indoubt_report::forget_empty_folders)?;
    work()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
