//! Runs a scenario once in the virtual world and judges it. All studies are made of such trials.

use indoubt_judge::{judge::pass_judgement, measurer::Measurer, summary::Run};
use indoubt_proto::observation::Stamped;
use indoubt_scenario::{faults::act::Act, protocol::Protocol, scenario::Scenario};
use indoubt_simulator::world;

/// Runs one protocol of a scenario under one seed and judges it. The trace goes directly to the measures and is not kept. The result
/// equals that of [`indoubt_judge::judge::judge`] on the recording of [`world::run`].
///
/// If the scenario has no crashes and no operator actions, transactions that have ended are forgotten, so that a long run needs no
/// more memory. If a forgotten transaction turns out to be needed, the same history runs again without forgetting.
pub fn trial(scenario: &Scenario, protocol: Protocol, seed: u64) -> Run {
    let needs_the_past = |act: &Act| matches!(act, Act::Kill { .. } | Act::Resolve { .. });
    let faults = scenario.faults.iter().filter(|fault| fault.applies(protocol));
    if !faults.flat_map(|fault| fault.action.acts()).any(|act| needs_the_past(&act)) {
        let measurer = Measurer::forgetful(protocol, scenario.duration, scenario.timeouts);
        if let Some(run) = judged(scenario, protocol, seed, measurer) {
            return run;
        }
    }
    judged(scenario, protocol, seed, Measurer::new(protocol, scenario.duration)).expect("it forgets nothing")
}

/// Runs and judges once. `None` if the measurer has forgotten a transaction that it needs.
fn judged(scenario: &Scenario, protocol: Protocol, seed: u64, mut measurer: Measurer) -> Option<Run> {
    let faults = world::run_into(scenario, protocol, seed, &mut |seen: Stamped| measurer.take(&seen));
    (!measurer.is_spoiled()).then(|| pass_judgement(scenario, protocol, seed, &faults, measurer.finish()))
}
