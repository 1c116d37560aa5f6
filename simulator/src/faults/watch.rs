//! One fault of a run: where its rules watch for its moment, and its state.

use indoubt_driver::gate::{Action, Edge, Selector, Verb};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    observation::Phase,
};
use indoubt_scenario::{
    points,
    protocol::{Protocol, entry::PhaseSign},
    recording::FaultRecord,
    scenario::{Counted, Fault, Scenario, Trigger, Which},
};
use std::collections::BTreeSet;

/// The state of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WatchState {
    /// Its time has not come.
    Waiting,
    /// Its rules watch for its moment: nodes halt and ask.
    Watching,
    /// It acts on messages, and nodes carry that out at once without asking. It was watched until the first such message,
    /// so that the time at which it fired is known.
    Touching,
    /// It has no rules any more.
    Over,
}

/// What a fault counts at the moments for which its rules watch.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counting {
    /// Nothing, because it acts at a time.
    Nothing,
    /// Messages on which the fault may act.
    Messages(Which),
    /// Transactions that reach a phase or a point. It acts at the n-th.
    Transactions(u64),
    /// Moments, even of the same transaction. It acts at the n-th.
    Effects(u64),
}

/// A rule at one node.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub(super) node: NodeId,
    pub(super) selector: Selector,
    pub(super) watches: Watches,
}

/// For what a rule watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watches {
    /// The moment of the fault.
    Moment,
    /// That a message was taken. It only reports that.
    Taken,
    /// The next message that tells somebody, while nobody was told ([`Watch::untold`]).
    Told,
}

/// A fault with its state and its counts.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) fault: Fault,
    pub(super) stage: WatchState,
    pub(super) posts: Vec<Post>,
    pub(super) counting: Counting,
    /// What it does to messages.
    pub(super) touch: Action,
    /// Whether its rule waits until messages were taken or lost ([`super::Nemesis::awaits_sends`]).
    pub(super) awaits: bool,
    /// Whether its moment comes only when somebody was told: when a message is taken.
    pub(super) told: bool,
    /// The transaction that reached the phase at which it strikes, while nobody was told because the message is lost. It strikes
    /// when the next message of this kind is taken.
    pub(super) untold: Option<TxnId>,
    /// The number of moments that counted.
    pub(super) count: u64,
    /// The transactions that counted.
    pub(super) seen: BTreeSet<TxnId>,
    pub(super) record: FaultRecord,
}

impl Watch {
    /// Starts to watch for a fault, whose index in its scenario is `index`.
    pub(super) fn new(index: usize, fault: &Fault, scenario: &Scenario, protocol: Protocol) -> Self {
        let (awaits, told) = match &fault.trigger {
            Trigger::Phase { phase, .. } => match sign(protocol, *phase) {
                PhaseSign::Sent { must_arrive, .. } => (true, must_arrive),
                PhaseSign::Reached | PhaseSign::Participant(_) => (false, false),
            },
            Trigger::Moment { selector, .. } => {
                let after_send = selector.verb == Verb::Send && selector.edge == Edge::After;
                (after_send, after_send)
            }
            Trigger::At(_) | Trigger::Messages { .. } => (false, false),
        };
        let stage = match fault.trigger {
            Trigger::At(_) => WatchState::Waiting,
            Trigger::Messages { from_time, .. } if from_time.0 > 0 => WatchState::Waiting,
            Trigger::Phase { .. } | Trigger::Moment { .. } | Trigger::Messages { .. } => WatchState::Watching,
        };
        let counting = match fault.trigger {
            Trigger::At(_) => Counting::Nothing,
            Trigger::Messages { which, .. } => Counting::Messages(which),
            Trigger::Moment { counted: Counted::Effects, nth, .. } => Counting::Effects(nth),
            Trigger::Moment { counted: Counted::Transactions, nth, .. } | Trigger::Phase { nth, .. } => {
                Counting::Transactions(nth)
            }
        };
        Watch {
            stage,
            counting,
            touch: fault.action.touches().unwrap_or(Action::Report),
            posts: posts(fault, scenario, protocol),
            awaits,
            told,
            untold: None,
            count: 0,
            seen: BTreeSet::new(),
            record: FaultRecord { fault: index, text: fault.text.clone(), at: vec![], until: vec![], sites: vec![] },
            fault: fault.clone(),
        }
    }
}

fn ask(node: NodeId, selector: Selector) -> Post {
    Post { node, selector, watches: Watches::Moment }
}

/// The rules of a fault, by node.
fn posts(fault: &Fault, scenario: &Scenario, protocol: Protocol) -> Vec<Post> {
    match &fault.trigger {
        Trigger::At(_) => Vec::new(),
        Trigger::Phase { home, phase, .. } => phase_posts(*home, *phase, scenario, protocol),
        Trigger::Moment { nodes, selector, .. } => {
            let mut posts: Vec<Post> = nodes.iter().map(|node| ask(*node, selector.clone())).collect();
            if selector.verb == Verb::Send && selector.edge == Edge::After {
                // The node may have sent other messages for this transaction in the same step.
                for node in nodes {
                    let taken = Selector { peer: Some(*node), home: selector.home, ..taken(None) };
                    let others = scenario.cluster.nodes().filter(|other| other != node);
                    let watches = Watches::Taken;
                    posts.extend(others.map(|other| Post { node: other, selector: taken.clone(), watches }));
                }
            }
            posts
        }
        Trigger::Messages { from, to, message, .. } => {
            let refuse = fault.action.touches() == Some(Action::Refuse);
            message_posts(*from, *to, message.as_deref(), refuse, scenario, protocol)
        }
    }
}

/// Selects the moment after a message was taken as input.
fn taken(word: Option<&str>) -> Selector {
    Selector { word: word.map(Into::into), edge: Edge::After, ..Selector::any(Verb::Deliver) }
}

/// How this phase is recognised. The parser rejects faults that wait for a phase which their protocols do not have.
fn sign(protocol: Protocol, phase: Phase) -> PhaseSign {
    protocol.family().phase(phase).map_or(PhaseSign::Reached, |entry| entry.sign)
}

fn phase_posts(home: NodeId, phase: Phase, scenario: &Scenario, protocol: Protocol) -> Vec<Post> {
    let sign = sign(protocol, phase);
    if let PhaseSign::Participant(word) = sign {
        let selector = Selector { word: Some(word.into()), home: Some(home), ..Selector::any(Verb::Observe) };
        return scenario.cluster.participants().map(|node| ask(node, selector.clone())).collect();
    }
    let reached = Selector {
        word: Some("reached".into()),
        qualifier: Some(phase.word().into()),
        home: Some(home),
        ..Selector::any(Verb::Observe)
    };
    let mut posts = vec![ask(home, reached)];
    if let PhaseSign::Sent { message, must_arrive } = sign {
        let sent = message(scenario.options.work).word();
        let selector = Selector { peer: Some(home), home: Some(home), ..taken(Some(sent)) };
        let participants = scenario.cluster.participants();
        posts.extend(participants.map(|node| Post { node, selector: selector.clone(), watches: Watches::Taken }));
        if must_arrive {
            let selector = Selector { peer: None, verb: Verb::Send, ..selector };
            posts.push(Post { node: home, selector, watches: Watches::Told });
        }
    }
    posts
}

/// Faults act on messages where they are sent, but refuse them where they would be taken. They act on links of clients only
/// if they name a client, or a kind of message that clients send or receive.
fn message_posts(
    from: Option<NodeId>,
    to: Option<NodeId>,
    message: Option<&str>,
    refuse: bool,
    scenario: &Scenario,
    protocol: Protocol,
) -> Vec<Post> {
    let client = |node: Option<NodeId>| node.is_some_and(NodeId::is_client);
    let kinds: Vec<_> = points::messages(protocol, scenario.options.work)
        .filter(|info| match message {
            Some(word) => info.kind.word() == word,
            None => info.is_internal() || client(from) || client(to),
        })
        .collect();
    let (verb, here, there) = if refuse { (Verb::Deliver, to, from) } else { (Verb::Send, from, to) };
    let everybody = scenario.cluster.nodes().chain(scenario.clients());
    let nodes = everybody.filter(|node| here.is_none_or(|here| here == *node));
    nodes
        .flat_map(|node| {
            let here = kinds.iter().filter(move |i| if refuse { i.is_taken_by(node) } else { i.is_sent_by(node) });
            here.map(move |info| {
                let word = Some(info.kind.word().into());
                ask(node, Selector { word, peer: there, ..Selector::any(verb) })
            })
        })
        .collect()
}
