//! A whole cluster as a state space: one transaction, the real machines, and all possible next actions. Messages arrive in any order,
//! and a forced write may return at any time. Within a budget, timers fire, messages get lost and nodes crash.

use crate::{
    node::{Effects, Explorable, Node, log_of},
    state::{Action, Budget, HOME, Packet, Stand, State, place_of},
};
use indoubt_participant::Participant;
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::Message,
    operation::{Key, Operation},
    plan::{PlanStep, StepKind, Submission},
    settings::Settings,
};
use indoubt_scenario::protocol::entry::StepOrder;
use stateright::{Model, Property};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

/// Whether a forced write that returned has really made the records durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disks {
    Honest,
    Lie,
}

/// The state space of one transaction.
pub(crate) struct Cluster<C: Explorable> {
    /// The coordinating node's machine before its first input.
    pub(crate) home: C,
    /// The settings of every participant.
    pub(crate) settings: Settings,
    pub(crate) participants: u16,
    /// At which participant each step runs.
    pub(crate) sites: Vec<u16>,
    /// Which steps wait for each other.
    pub(crate) order: StepOrder,
    pub(crate) budget: Budget,
    pub(crate) disks: Disks,
    /// The positions of all participants, for every state that was visited.
    pub(crate) seen: Mutex<BTreeSet<Vec<Stand>>>,
    pub(crate) promises: fn() -> Vec<Property<Cluster<C>>>,
}

impl<C: Explorable> Cluster<C> {
    fn participant(&self, number: u16) -> Participant {
        Participant::new(NodeId::participant(number), self.settings, BTreeMap::new())
    }

    /// Whether a step waits for another one.
    pub(crate) fn waits(&self, later: u32, earlier: u32) -> bool {
        let site = |step: u32| NodeId::participant(self.sites[step as usize - 1]);
        earlier < later && self.order.waits(site(later), site(earlier))
    }

    /// The transaction: a step at each site; the last one must be refused if `refused`.
    fn submission(&self, refused: bool) -> Submission {
        let step = |(at, site): (usize, &u16)| {
            let key = Key::new(format!("p{site}/x"));
            let min = (refused && at + 1 == self.sites.len()).then_some(9);
            PlanStep {
                node: NodeId::participant(*site),
                ops: vec![Operation::Add { key: key.clone(), delta: 1, min }],
                undo: vec![Operation::Add { key, delta: -1, min: None }],
                kind: StepKind::Compensatable,
            }
        };
        let txn = TxnId { home: HOME, client: NodeId::client(1), number: 1 };
        let steps = self.sites.iter().enumerate().map(step).collect();
        Submission { txn, epoch: 1, log: log_of(HOME), audit: false, steps }
    }

    fn begin(&self, refused: bool) -> State<C> {
        let mut state = State {
            home: Arc::new(Node::new(HOME)),
            participants: (1..=self.participants).map(|n| Arc::new(Node::new(NodeId::participant(n)))).collect(),
            net: Vec::new(),
            budget: self.budget,
            history: Arc::default(),
        };
        for at in 0..=self.participants.into() {
            self.start(&mut state, at);
            // The record that a participant has booted is durable before anything begins.
            self.at(&mut state, at, |n| n.force(false), |n| n.force(false));
        }
        let submit = Message::Submit(self.submission(refused));
        self.at(&mut state, 0, |home| home.receive(NodeId::client(1), submit), |_| Effects::default());
        state
    }

    fn start(&self, state: &mut State<C>, at: usize) {
        self.at(
            state,
            at,
            |home| home.start(self.home.clone()),
            |participant| participant.start(self.participant(participant.id.number)),
        );
    }

    /// Lets one node act, and performs its effects.
    fn at(
        &self,
        state: &mut State<C>,
        at: usize,
        home: impl FnOnce(&mut Node<C>) -> Effects,
        participant: impl FnOnce(&mut Node<Participant>) -> Effects,
    ) {
        let (id, effects) = match at.checked_sub(1) {
            None => (HOME, home(Arc::make_mut(&mut state.home))),
            Some(place) => {
                let node = Arc::make_mut(&mut state.participants[place]);
                (node.id, participant(node))
            }
        };
        for what in effects.observed {
            let mut history = (*state.history).clone();
            history.observe(id, &what);
            if history != *state.history {
                state.history = Arc::new(history);
            }
        }
        for (to, message) in effects.sent {
            if let Message::Outcome { outcome, .. } = &message {
                Arc::make_mut(&mut state.history).tell(outcome);
            } else if state.is_up(place_of(to)) {
                state.send(Packet { from: id, to, message });
            }
        }
    }

    /// Performs an action. Every action is possible in the state that offered it.
    pub(crate) fn act(&self, state: &mut State<C>, action: &Action) {
        match action {
            Action::Deliver(packet) => {
                state.take(packet);
                let Packet { from, to, message } = (**packet).clone();
                let again = message.clone();
                self.at(state, place_of(to), |n| n.receive(from, message), |n| n.receive(from, again));
            }
            Action::Lose(packet) => {
                state.take(packet);
                state.budget.losses -= 1;
            }
            Action::Force(at) => {
                let lies = self.disks == Disks::Lie;
                self.at(state, *at, |n| n.force(lies), |n| n.force(lies));
            }
            Action::Fire(at, place) => {
                state.budget.timeouts = state.budget.timeouts.saturating_sub(1);
                self.at(state, *at, |n| fire(n, *place), |n| fire(n, *place));
            }
            Action::Crash(at, keep) => {
                state.budget.crashes -= 1;
                self.at(state, *at, |n| n.crash(*keep), |n| n.crash(*keep));
                // Messages to this incarnation are lost with it.
                state.net.retain(|(_, packet)| place_of(packet.to) != *at);
            }
            Action::Restart(at) => self.start(state, *at),
        }
    }

    /// The state after everything is repaired and nothing more goes wrong. Timers fire when there is nothing else left to do. `None` if
    /// something else is left to do: restarts, arriving messages and returning forced writes cost no budget, so the exploration
    /// visits those states anyway.
    pub(crate) fn repaired(&self, state: &State<C>) -> Option<State<C>> {
        if state.next_quiet().is_some() || (0..state.nodes()).any(|at| !state.is_up(at)) {
            return None;
        }
        let mut state = state.clone();
        // This is more rounds of timers than any history needs.
        for _ in 0..20 {
            while let Some(action) = state.next_quiet() {
                self.act(&mut state, &action);
            }
            if state.is_resolved() {
                break;
            }
            for at in 0..state.nodes() {
                if state.timers(at) > 0 {
                    self.act(&mut state, &Action::Fire(at, 0));
                }
            }
        }
        Some(state)
    }
}

fn fire<M: Explorable>(node: &mut Node<M>, place: usize) -> Effects {
    let timer = node.timers.iter().nth(place).expect("an action is done where it was offered").clone();
    node.fire(&timer)
}

impl<C: Explorable> Model for Cluster<C> {
    type State = State<C>;
    type Action = Action;

    /// The initial states: all participants agree, or the last one refuses.
    fn init_states(&self) -> Vec<State<C>> {
        vec![self.begin(false), self.begin(true)]
    }

    fn actions(&self, state: &State<C>, actions: &mut Vec<Action>) {
        let Budget { crashes, losses, timeouts } = state.budget;
        let mut last = None;
        for (hash, packet) in &state.net {
            // If several messages are equal, it does not matter which one arrives.
            if last.replace(hash) != Some(hash) {
                actions.push(Action::Deliver(packet.clone()));
                if losses > 0 {
                    actions.push(Action::Lose(packet.clone()));
                }
            }
        }
        for at in 0..state.nodes() {
            if !state.is_up(at) {
                actions.push(Action::Restart(at));
                continue;
            }
            if state.wants_force(at) {
                actions.push(Action::Force(at));
            }
            if timeouts > 0 {
                actions.extend((0..state.timers(at)).map(|timer| Action::Fire(at, timer)));
            }
            if crashes > 0 {
                actions.extend((0..=state.unforced(at)).map(|keep| Action::Crash(at, keep)));
            }
        }
    }

    fn next_state(&self, last: &State<C>, action: Action) -> Option<State<C>> {
        let mut state = last.clone();
        self.act(&mut state, &action);
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        (self.promises)()
    }
}
