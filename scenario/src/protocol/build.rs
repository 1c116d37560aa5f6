//! Builds the machine of a node, for every world.

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

/// Code that runs machines of any kind: a world, or the process of a node.
pub trait UseMachine {
    /// The result of using a machine.
    type Output;

    /// Takes a new machine, which has had no input yet.
    fn use_machine<M>(self, machine: M) -> Self::Output
    where
        M: Machine<Record: Send + Sync, Timer: Send + Sync> + Clone + Send + Sync + 'static;
}

/// Builds the machine of `node` under this protocol, and gives it to `user`. A participant with an empty log starts from the
/// balances in `opening`.
///
/// # Panics
/// If `node` is a client or the lab, which have no machine.
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
