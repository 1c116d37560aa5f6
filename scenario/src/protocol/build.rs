//! The machine of a node, built in one place for every world.

use super::{Protocol, entry::CoordinatingMachine};
use indoubt_coordinator::Coordinator;
use indoubt_participant::Participant;
use indoubt_proto::{
    ids::{NodeId, Role},
    machine::Machine,
    operation::Key,
    settings::Settings,
};
use indoubt_saga::{Orchestrator, ParallelOrchestrator, Unprotected};
use std::collections::BTreeMap;

/// Whoever runs machines, of whatever kind: a world, or the process of a node.
pub trait UseMachine {
    /// What comes of it.
    type Output;

    /// Takes a machine that has had no input yet.
    fn use_machine<M>(self, machine: M) -> Self::Output
    where
        M: Machine<Record: Send + Sync, Timer: Send + Sync> + Clone + Send + Sync + 'static;
}

/// Builds the machine of `node` under this protocol, and hands it over. A participant starts from the balances in `opening`.
///
/// # Panics
/// If `node` is no node of a cluster: a client, or the lab.
pub fn build<U: UseMachine>(
    protocol: Protocol,
    node: NodeId,
    settings: Settings,
    opening: BTreeMap<Key, i64>,
    user: U,
) -> U::Output {
    match node.role {
        Role::Participant => user.use_machine(Participant::new(node, settings, opening)),
        Role::Coordinating => coordinating(protocol, node, settings, user),
        Role::Client | Role::Lab => panic!("{node} runs no machine"),
    }
}

fn coordinating<U: UseMachine>(protocol: Protocol, node: NodeId, settings: Settings, user: U) -> U::Output {
    match protocol.entry().machine {
        CoordinatingMachine::Coordinator(presumption) => {
            user.use_machine(Coordinator::new(node, settings, presumption, protocol.entry().cooperates))
        }
        CoordinatingMachine::Orchestrator => user.use_machine(Orchestrator::new(node, settings)),
        CoordinatingMachine::ParallelOrchestrator => user.use_machine(ParallelOrchestrator::new(node, settings)),
        CoordinatingMachine::Unprotected { retries } => {
            user.use_machine(Unprotected::new(node, settings, retries.then_some(settings.options.retries)))
        }
    }
}
