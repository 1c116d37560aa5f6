//! A model checker explores every history of one transaction within a budget of crashes, losses and timeouts, with the real machines.
//! The promises must hold in every state, and every state that must be possible must be reached.
//!
//! `cargo test -p indoubt-tests --release --test explore -- --ignored --nocapture` explores with larger budgets.

#[path = "explore/cluster.rs"]
mod cluster;
#[path = "explore/history.rs"]
mod history;
#[path = "explore/node.rs"]
mod node;
#[path = "explore/state.rs"]
mod state;

use cluster::{Cluster, Disks};
use indoubt_coordinator::{Coordinator, Presumption};
use indoubt_proto::{
    message::{Decision, Message, OutcomeWord},
    planted::{Mutant, Planted},
    settings::{Settings, WorkRound},
};
use indoubt_saga::{Orchestrator, ParallelOrchestrator};
use indoubt_scenario::protocol::entry::StepOrder;
use node::Explorable;
use state::{Budget, HOME, Stand, State};
use stateright::{Checker, HasDiscoveries, Model, Property};
use std::sync::Mutex;

const fn budget(crashes: u8, losses: u8, timeouts: u8) -> Budget {
    Budget { crashes, losses, timeouts }
}

/// Rules 1 and 2: all decisions are the same, including what the client is told.
fn agreement<C: Explorable>(_: &Cluster<C>, state: &State<C>) -> bool {
    let history = &state.history;
    let commit = history.has_decided(Decision::Commit) || history.told.contains(&OutcomeWord::Succeeded);
    let abort = history.has_decided(Decision::Abort) || history.told.contains(&OutcomeWord::Aborted);
    !(commit && abort)
}

/// Rule 3: commit only if all voted YES, and nothing applied without a commit.
fn validity<C: Explorable>(_: &Cluster<C>, state: &State<C>) -> bool {
    let history = &state.history;
    let commit = history.has_decided(Decision::Commit);
    (!commit || history.yes.len() == state.participants.len()) && (commit || history.applied.is_empty())
}

/// No participant applies its branch twice.
fn once<C: Explorable>(_: &Cluster<C>, state: &State<C>) -> bool {
    let applied = &state.history.applied;
    state.participants.iter().all(|p| applied.iter().filter(|(node, _)| *node == p.id).count() <= 1)
}

/// Rule 5: after all repairs, every node decides, no lock is held, and all other promises still hold. If a client was told of a
/// commit, the commit is applied everywhere.
fn termination(cluster: &Cluster<Coordinator>, state: &State<Coordinator>) -> bool {
    let Some(end) = cluster.repaired(state) else { return true };
    let everywhere = end.history.applied.len() == end.participants.len();
    let committed = end.history.has_decided(Decision::Commit);
    end.is_resolved()
        && agreement(cluster, &end)
        && validity(cluster, &end)
        && once(cluster, &end)
        && everywhere == committed
}

fn all_commit<C: Explorable>(_: &Cluster<C>, state: &State<C>) -> bool {
    state.is_resolved() && state.history.applied.len() == state.participants.len()
}

fn all_abort<C: Explorable>(_: &Cluster<C>, state: &State<C>) -> bool {
    state.is_resolved() && state.history.has_decided(Decision::Abort)
}

/// The coordinator is down, no decision is on its way, and every node that could be asked is in doubt too.
fn blocked(_: &Cluster<Coordinator>, state: &State<Coordinator>) -> bool {
    let in_doubt = |node: &node::Node<_>| node.inspect().open.iter().any(|open| open.in_doubt);
    let mut up = state.participants.iter().filter(|p| p.is_up()).peekable();
    !state.home.is_up()
        && up.peek().is_some()
        && up.all(|p| in_doubt(p))
        && !state.net.iter().any(|(_, packet)| matches!(packet.message, Message::Decision { .. }))
}

/// TCommit, the abstract problem that atomic commit solves: no participant has committed while another is working or aborted. Also
/// records the state.
fn refines_tcommit<C: Explorable>(cluster: &Cluster<C>, state: &State<C>) -> bool {
    let stands = state.stands();
    let sound = !stands.contains(&Stand::Committed)
        || stands.iter().all(|stand| matches!(stand, Stand::Committed | Stand::Prepared));
    cluster.seen.lock().expect("no holder panics").insert(stands);
    sound
}

fn atomic() -> Vec<Property<Cluster<Coordinator>>> {
    vec![
        Property::always("agreement", agreement),
        Property::always("validity", validity),
        Property::always("applied once", once),
        Property::always("refines TCommit", refines_tcommit),
        Property::always("termination after repair", termination),
        Property::sometimes("all commit", all_commit),
        Property::sometimes("all abort", all_abort),
        Property::sometimes("blocked in doubt", blocked),
    ]
}

fn two_phase(
    presumption: Presumption,
    cooperative: bool,
    participants: u16,
    budget: Budget,
    settings: Settings,
) -> Cluster<Coordinator> {
    let home = Coordinator::new(HOME, settings, presumption, cooperative);
    let (sites, order) = ((1..=participants).collect(), StepOrder::OneByOne);
    let (disks, seen) = (Disks::Honest, Mutex::default());
    Cluster { home, settings, participants, sites, order, budget, disks, seen, promises: atomic }
}

fn with_prepare() -> Settings {
    let mut settings = Settings::default();
    settings.options.work = WorkRound::WithPrepare;
    settings
}

/// Rules 24 and 26 as far as they hold at every instant: a step is applied after those that it waits for and undone before them,
/// each at most once; what the client is told is so.
fn saga_order<C: Explorable>(cluster: &Cluster<C>, state: &State<C>) -> bool {
    let history = &state.history;
    let steps = 1..=cluster.sites.len() as u32;
    let standing = history.standing();
    let waited = |later: &u32| (1..*later).all(|step| !cluster.waits(*later, step) || standing.contains(&step));
    let once = steps.clone().all(|s| history.times(s, false) <= 1 && history.times(s, true) <= history.times(s, false));
    let told = history.told.iter().all(|word| match word {
        OutcomeWord::Succeeded => standing.len() == cluster.sites.len(),
        OutcomeWord::Aborted => history.steps.is_empty(),
        OutcomeWord::Compensated => standing.is_empty() && !history.steps.is_empty(),
        _ => true,
    });
    let back = history.undone_before.iter().all(|(step, later)| !cluster.waits(*later, *step));
    standing.iter().all(waited) && once && told && back
}

/// Completeness: after all repairs, the saga is complete, or none of its effects is left.
fn completeness<C: Explorable>(cluster: &Cluster<C>, state: &State<C>) -> bool {
    let Some(end) = cluster.repaired(state) else { return true };
    let standing = end.history.standing().len();
    end.is_resolved() && saga_order(cluster, &end) && (standing == 0 || standing == cluster.sites.len())
}

fn completed<C: Explorable>(_: &Cluster<C>, state: &State<C>) -> bool {
    state.is_resolved() && state.history.told == [OutcomeWord::Succeeded]
}

fn compensated<C: Explorable>(_: &Cluster<C>, state: &State<C>) -> bool {
    state.is_resolved() && state.history.told == [OutcomeWord::Compensated]
}

fn sagas<C: Explorable>() -> Vec<Property<Cluster<C>>> {
    vec![
        Property::always("order", saga_order),
        Property::always("completeness after repair", completeness),
        Property::sometimes("completed", completed),
        Property::sometimes("compensated", compensated),
    ]
}

fn saga(participants: u16, budget: Budget, settings: Settings) -> Cluster<Orchestrator> {
    Cluster {
        home: Orchestrator::new(HOME, settings),
        settings,
        participants,
        sites: (1..=participants).collect(),
        order: StepOrder::OneByOne,
        budget,
        disks: Disks::Honest,
        seen: Mutex::default(),
        promises: sagas,
    }
}

/// Steps at these participants, at the same time where they do not depend on each other.
fn parallel(sites: &[u16], budget: Budget, settings: Settings) -> Cluster<ParallelOrchestrator> {
    Cluster {
        home: ParallelOrchestrator::new(HOME, settings),
        settings,
        participants: sites.iter().copied().max().unwrap_or_default(),
        sites: sites.to_vec(),
        order: StepOrder::AtEachParticipant,
        budget,
        disks: Disks::Honest,
        seen: Mutex::default(),
        promises: sagas,
    }
}

/// Explores all states and prints their number.
fn explore<C: Explorable + Send + Sync + 'static>(name: &str, cluster: Cluster<C>) -> impl Checker<Cluster<C>>
where
    C::Record: Send + Sync,
    C::Timer: Send + Sync,
{
    let (participants, Budget { crashes, losses, timeouts }) = (cluster.participants, cluster.budget);
    let checker = cluster.checker().threads(2).spawn_dfs().join();
    assert!(checker.is_done());
    println!(
        "{name}, {participants} participants, {crashes} crashes, {losses} losses, {timeouts} timeouts: {} states, depth {}",
        checker.unique_state_count(),
        checker.max_depth()
    );
    checker
}

/// Tests every promise of a protocol of the two-phase family over all its histories, and that it reaches every state of the abstract
/// problem.
fn holds(name: &str, cluster: Cluster<Coordinator>) {
    let participants = u32::from(cluster.participants);
    let checker = explore(name, cluster);
    checker.assert_properties();
    // Everybody works, is prepared or has aborted; or all are prepared or committed, at least one of them committed. With
    // three resource managers the literature's TCommit has 34 states too.
    let abstract_states = 3usize.pow(participants) + 2usize.pow(participants) - 1;
    let seen = checker.model().seen.lock().expect("no holder panics").len();
    assert_eq!(seen, abstract_states, "{name}");
}

const PRN: Presumption = Presumption::Nothing;
const PRA: Presumption = Presumption::Abort;
const PRC: Presumption = Presumption::Commit;

#[test]
fn two_participants_presumed_abort() {
    holds("presumed abort", two_phase(PRA, false, 2, budget(1, 1, 1), Settings::default()));
    holds("presumed abort", two_phase(PRA, false, 2, budget(2, 0, 0), Settings::default()));
}

#[test]
fn two_participants_presumed_nothing() {
    holds("presumed nothing", two_phase(PRN, false, 2, budget(1, 0, 1), Settings::default()));
    holds("presumed nothing", two_phase(PRN, false, 2, budget(2, 1, 0), Settings::default()));
}

#[test]
fn two_participants_presumed_commit() {
    holds("presumed commit", two_phase(PRC, false, 2, budget(1, 0, 1), Settings::default()));
    holds("presumed commit", two_phase(PRC, false, 2, budget(2, 0, 0), Settings::default()));
}

#[test]
fn two_participants_cooperative() {
    holds("cooperative", two_phase(PRA, true, 2, budget(2, 0, 0), Settings::default()));
    holds("cooperative", two_phase(PRA, true, 2, budget(1, 1, 0), Settings::default()));
}

#[test]
fn three_participants() {
    holds("presumed abort", two_phase(PRA, false, 3, budget(1, 1, 0), Settings::default()));
    holds("presumed nothing", two_phase(PRN, false, 3, budget(1, 0, 0), Settings::default()));
    holds("presumed commit, work with PREPARE", two_phase(PRC, false, 3, budget(1, 0, 0), with_prepare()));
    holds("cooperative, work with PREPARE", two_phase(PRA, true, 3, budget(1, 0, 0), with_prepare()));
}

#[test]
fn sagas_of_two_and_three_steps() {
    let mut forward = Settings::default();
    forward.options.forward_recovery = true;
    for (steps, budget) in [(2, budget(2, 1, 1)), (3, budget(1, 1, 1))] {
        explore("saga", saga(steps, budget, Settings::default())).assert_properties();
        explore("saga, forward recovery", saga(steps, budget, forward)).assert_properties();
    }
}

#[test]
fn parallel_sagas_of_two_and_three_steps() {
    let mut forward = Settings::default();
    forward.options.forward_recovery = true;
    for (sites, budget) in [(&[1, 2][..], budget(1, 0, 1)), (&[1, 2, 1], budget(1, 0, 0))] {
        explore("parallel saga", parallel(sites, budget, Settings::default())).assert_properties();
        explore("parallel saga, forward recovery", parallel(sites, budget, forward)).assert_properties();
    }
}

/// If disks reported records as durable too early, promises would break. The checker must find that, otherwise its other results
/// would prove nothing.
#[test]
fn a_disk_that_lies_is_found_out() {
    for presumption in Presumption::ALL {
        let mut cluster = two_phase(presumption, false, 2, budget(1, 0, 1), Settings::default());
        cluster.disks = Disks::Lie;
        finds(cluster, &["agreement", "termination after repair"]);
    }
    let mut cluster = saga(2, budget(1, 0, 0), Settings::default());
    cluster.disks = Disks::Lie;
    finds(cluster, &["completeness after repair"]);
}

/// What a coordinating node remembers for its clients is not part of any protocol.
#[test]
fn nothing_is_lost_where_nothing_is_remembered_for_clients() {
    let mut settings = Settings::default();
    settings.options.remembered = 0;
    for presumption in Presumption::ALL {
        holds("nothing remembered", two_phase(presumption, false, 2, budget(1, 1, 0), settings));
    }
    holds("nothing remembered, cooperative", two_phase(PRA, true, 2, budget(1, 0, 0), settings));
}

/// Planted bugs, which real systems have made. One transaction with one crash and one timeout is enough to find them.
#[test]
fn planted_bugs_are_found_out() {
    let with = |mutant| {
        let mut settings = Settings { planted: Planted::bug(mutant), ..Settings::default() };
        settings.options.remembered = 0;
        settings
    };
    finds(two_phase(PRA, false, 2, budget(1, 0, 1), with(Mutant::AbortInDoubt)), &["agreement"]);
    finds(two_phase(PRA, false, 2, budget(1, 0, 1), with(Mutant::DecideBeforeDurable)), &["agreement"]);
    finds(two_phase(PRA, false, 2, budget(1, 0, 0), with(Mutant::AckBeforeForce)), &["termination after repair"]);
    finds(two_phase(PRN, false, 2, budget(1, 0, 0), with(Mutant::ForgetPrepared)), &["termination after repair"]);
    finds(two_phase(PRC, false, 2, budget(1, 0, 1), with(Mutant::NoInitiation)), &["validity"]);
    let mut forward = with(Mutant::DuplicateRuns);
    forward.options.forward_recovery = true;
    finds(saga(2, budget(1, 0, 0), forward), &["order"]);
    finds(parallel(&[1, 2, 1], budget(0, 0, 0), with(Mutant::StepTooEarly)), &["order"]);
    finds(parallel(&[1, 1, 2], budget(0, 0, 0), with(Mutant::UndoTooEarly)), &["order"]);
}

/// Explores until all of these promises were broken in some state.
fn finds<C: Explorable + Send + Sync + 'static>(cluster: Cluster<C>, broken: &[&'static str])
where
    C::Record: Send + Sync,
    C::Timer: Send + Sync,
{
    let all = HasDiscoveries::AllOf(broken.iter().copied().collect());
    let checker = cluster.checker().threads(2).finish_when(all).spawn_dfs().join();
    for name in broken {
        let path = checker.discovery(name).unwrap_or_else(|| panic!("{name} is not seen broken"));
        assert!(!path.into_actions().is_empty(), "{name}: something must have happened");
    }
}

/// Takes about a minute in a release build.
#[test]
#[ignore = "long: run it in release"]
fn larger_budgets() {
    holds("presumed abort", two_phase(PRA, false, 2, budget(2, 1, 2), Settings::default()));
    holds("presumed nothing", two_phase(PRN, false, 2, budget(1, 1, 2), Settings::default()));
    holds("presumed commit", two_phase(PRC, false, 2, budget(2, 1, 1), Settings::default()));
    holds("cooperative", two_phase(PRA, true, 2, budget(1, 1, 2), Settings::default()));
    holds("presumed abort", two_phase(PRA, false, 3, budget(1, 0, 1), Settings::default()));
    holds("presumed nothing", two_phase(PRN, false, 3, budget(1, 1, 0), Settings::default()));
    holds("presumed commit", two_phase(PRC, false, 3, budget(1, 1, 0), Settings::default()));
    holds("cooperative", two_phase(PRA, true, 3, budget(1, 0, 0), Settings::default()));
    holds("cooperative, work with PREPARE", two_phase(PRA, true, 2, budget(1, 1, 1), with_prepare()));
    explore("saga", saga(2, budget(3, 2, 2), Settings::default())).assert_properties();
    explore("saga", saga(3, budget(2, 1, 1), Settings::default())).assert_properties();
    explore("parallel saga", parallel(&[1, 2], budget(2, 1, 1), Settings::default())).assert_properties();
    explore("parallel saga", parallel(&[1, 2, 1], budget(1, 1, 1), Settings::default())).assert_properties();
    explore("parallel saga", parallel(&[1, 2, 3], budget(1, 0, 0), Settings::default())).assert_properties();
}
