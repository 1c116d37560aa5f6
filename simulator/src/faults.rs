//! The nemesis: decides which fault acts, and when. It is pure, and both worlds use it.
//!
//! A world asks for the [`FaultPlan`] of each node at its boot and after each change. It asks the nemesis when a node's
//! gate halts the node ([`Nemesis::asked`]), when the time of a fault has come ([`Nemesis::due`]), and once at the end of
//! the load ([`Nemesis::end_of_load`]). It carries out the [`FaultCommand`]s that are returned, in order, before anything
//! else happens. Faults count over the whole run, across restarts of nodes.

mod in_force;
mod watch;

use in_force::{Commands, FaultsInForce, Occurrence};
use indoubt_driver::{
    clock::ClockJump,
    gate::{Action, Disposition, FaultPlan, Rule, RuleId},
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::Decision,
    observation::Observation,
    time::Micros,
};
use indoubt_scenario::{
    faults::act::OlderCopy,
    protocol::Protocol,
    recording::{FaultRecord, FaultSite},
    scenario::{Scenario, Trigger, Which},
};
use std::collections::{BTreeMap, BTreeSet};
use watch::{Counting, Watch, WatchState, Watches};

/// A command that a world carries out.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultCommand {
    /// Write this observation of the lab: a fault fired, a link was cut or healed.
    Observe(Observation),
    /// Kill this node, which is up. The world writes `crashed`. This many records of its unforced tail survive, or all if
    /// there are fewer; `None`: the seed draws the number.
    Kill(NodeId, Option<u64>),
    /// Remove the journal of this node, which is down.
    LoseLog(NodeId),
    /// Lose the whole disk of this node, which is down: it starts as new.
    LoseDisk(NodeId),
    /// Keep a copy of what is durable in the journal of this node, whether it is up or not. It has the name of this time.
    CopyLog(NodeId, Micros),
    /// Replace the journal of this node, which is down, by this older copy, and say so. If the copy is not made yet, do nothing.
    RestoreLog(NodeId, OlderCopy),
    /// Boot this node, which is down.
    Restart(NodeId),
    /// Freeze this node.
    Pause(NodeId),
    /// Resume this node, which is frozen.
    Resume(NodeId),
    /// Make the clock of this node jump, if it is up. A node that is down has no armed timers.
    JumpClock(NodeId, ClockJump),
    /// Let an operator end all branches in doubt at this node with this decision, if it is up and not frozen.
    Resolve(NodeId, Decision),
    /// Give this node its new fault plan ([`Nemesis::orders`]).
    Orders(NodeId),
}

/// Which messages of a halted node are lost: those that it sent in the present step for one transaction to nodes of the
/// cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// At least one of them is lost.
    pub any: bool,
    /// The one after which it halted is lost.
    pub last: bool,
}

/// The answer to a node that halted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// The commands to carry out before the node continues. They may kill it.
    pub commands: Vec<FaultCommand>,
    /// What happens to the message at which it halted.
    pub fate: Disposition,
}

/// An event at a time.
#[derive(Clone, Copy, Debug)]
enum Timed {
    /// The fault acts.
    Strike(usize),
    /// The journal that the fault will put back is copied.
    Copy(usize),
    /// From now on, the fault acts on messages.
    Open(usize),
    /// From now on, the fault no longer acts on messages.
    Close(usize),
    /// The lasting effect of this occurrence is undone.
    Undo(Occurrence),
}

/// All faults of one run of one protocol.
#[derive(Clone, Debug)]
pub struct Nemesis {
    /// The faults that apply to the protocol, in the order of the file. The index here is the number of the fault's rules.
    watches: Vec<Watch>,
    timed: BTreeMap<(Micros, u64), Timed>,
    sequence: u64,
    in_force: FaultsInForce,
    orders: BTreeMap<NodeId, FaultPlan>,
    /// The nodes whose rules may have changed since the plans were last renewed; at first all.
    stale: BTreeSet<NodeId>,
    version: u64,
}

impl Nemesis {
    /// The faults of `scenario` that apply to `protocol`. Of all random values, only the clock rates are drawn here. Gates
    /// draw the shares.
    pub fn new(scenario: &Scenario, protocol: Protocol, seed: u64) -> Self {
        let applying = scenario.faults.iter().enumerate().filter(|(_, fault)| fault.applies(protocol));
        let watches = applying.map(|(index, fault)| Watch::new(index, fault, scenario, protocol)).collect();
        let mut nemesis = Nemesis {
            watches,
            timed: BTreeMap::new(),
            sequence: 0,
            in_force: FaultsInForce::new(scenario, seed),
            orders: BTreeMap::new(),
            stale: BTreeSet::new(),
            version: 0,
        };
        nemesis.stale.extend(nemesis.in_force.nodes());
        for at in 0..nemesis.watches.len() {
            if let Some((_, time)) = nemesis.watches[at].fault.action.copies() {
                nemesis.schedule(time, Timed::Copy(at));
            }
            match nemesis.watches[at].fault.trigger {
                Trigger::At(time) => nemesis.schedule(time, Timed::Strike(at)),
                Trigger::Messages { from_time, .. } => {
                    if from_time > Micros::ZERO {
                        nemesis.schedule(from_time, Timed::Open(at));
                    }
                    if let Some(lasts) = nemesis.watches[at].fault.action.lasts() {
                        nemesis.schedule(from_time + lasts, Timed::Close(at));
                    }
                }
                Trigger::Phase { .. } | Trigger::Moment { .. } => {}
            }
        }
        nemesis.renew(&mut Commands::default());
        nemesis
    }

    /// The present fault plan of this node or client.
    pub fn orders(&self, node: NodeId) -> FaultPlan {
        self.orders.get(&node).cloned().unwrap_or_default()
    }

    /// The number of changes of fault plans so far.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The time of the next event; `None` if there is none.
    pub fn next_due(&self) -> Option<Micros> {
        self.timed.first_key_value().map(|((time, _), _)| *time)
    }

    /// Whether the moment of this rule, at a node that halted for `txn`, comes only after the receivers have taken, or the
    /// network has lost, all messages that the halted node sent in its present step for this transaction. Messages to
    /// clients do not count. The world then waits before it calls [`Nemesis::asked`]. `Report` rules at the receivers tell
    /// it when a message was taken. Moments before the n-th are only counted: waiting there would make the node slower than
    /// without the fault.
    pub fn awaits_sends(&self, rule: RuleId, txn: Option<TxnId>) -> bool {
        self.watches.get(rule.0 as usize).is_some_and(|watch| match watch.untold {
            None => watch.awaits && watch.may_strike(),
            untold => untold == txn,
        })
    }

    /// Handles the halt of a node for these rules, at a moment of `txn`. `lost` says which of the messages of
    /// [`Nemesis::awaits_sends`] are lost, so that their receivers did not learn of the phase.
    pub fn asked(&mut self, now: Micros, node: NodeId, rules: &[RuleId], txn: Option<TxnId>, lost: Lost) -> Reply {
        let mut commands = Commands::default();
        let mut fate = Disposition::default();
        for rule in rules {
            let at = rule.0 as usize;
            // Fault plans take time to arrive, so a node may ask for a rule that is no longer in force.
            let Some(watch) = self.watches.get_mut(at).filter(|watch| watch.posts.iter().any(|p| p.node == node))
            else {
                continue;
            };
            match (watch.stage, watch.counting) {
                (WatchState::Touching, _) => fate.add(watch.touch),
                (WatchState::Watching, Counting::Messages(which)) => {
                    watch.count += 1;
                    let (acting, next) = match which {
                        Which::Nth(nth) => (watch.count == nth, watch.until_counted(nth)),
                        Which::First(count) => (true, watch.until_counted(count)),
                        Which::Share(_) | Which::All => (true, WatchState::Touching),
                    };
                    let touch = watch.touch;
                    self.enter(at, next);
                    if acting {
                        fate.add(touch);
                        let occurrence = self.fires(at, now, Some(FaultSite { node, txn }), &mut commands);
                        if next != WatchState::Touching {
                            self.close(occurrence, now);
                        }
                    }
                }
                (WatchState::Watching, Counting::Transactions(nth) | Counting::Effects(nth)) => {
                    if watch.counts(txn, lost) == Some(nth) {
                        self.strike(at, now, Some(FaultSite { node, txn }), &mut commands);
                    } else if watch.untold.is_some() {
                        // From now on its rule watches for the next message that tells somebody.
                        self.stale.insert(node);
                    }
                }
                (WatchState::Waiting | WatchState::Over, _) | (WatchState::Watching, Counting::Nothing) => {}
            }
        }
        self.renew(&mut commands);
        Reply { commands: commands.in_order(), fate }
    }

    /// Carries out everything that is due at `now`.
    pub fn due(&mut self, now: Micros) -> Vec<FaultCommand> {
        let mut commands = Commands::default();
        while let Some(entry) = self.timed.first_entry().filter(|entry| entry.key().0 <= now) {
            match entry.remove() {
                Timed::Strike(at) if self.watches[at].stage != WatchState::Over => {
                    self.strike(at, now, None, &mut commands);
                }
                Timed::Copy(at) => {
                    let copied = self.watches[at].fault.action.copies();
                    commands.list.extend(copied.map(|(node, time)| FaultCommand::CopyLog(node, time)));
                }
                Timed::Open(at) if self.watches[at].stage == WatchState::Waiting => {
                    self.enter(at, WatchState::Watching);
                }
                Timed::Close(at) => self.stop_touching(at, now),
                Timed::Undo(occurrence) => self.undo(occurrence, now, &mut commands),
                Timed::Strike(_) | Timed::Open(_) => {}
            }
        }
        self.renew(&mut commands);
        commands.in_order()
    }

    /// Handles the end of the load. Faults without an end of their own end now, and so do loss and duplication of the
    /// network. Kills do not end, nor do faults with `for` or `restart_after`.
    pub fn end_of_load(&mut self, now: Micros) -> Vec<FaultCommand> {
        let mut commands = Commands::default();
        self.in_force.calm();
        for at in 0..self.watches.len() {
            let action = &self.watches[at].fault.action;
            if action.ends_with_load() {
                self.stop_touching(at, now);
            }
        }
        for occurrence in self.in_force.of_faults(|at| self.watches[at].fault.action.ends_with_load()) {
            self.undo(occurrence, now, &mut commands);
        }
        self.renew(&mut commands);
        commands.in_order()
    }

    /// The record of each fault so far.
    pub fn fired(&self) -> Vec<FaultRecord> {
        self.watches.iter().map(|watch| watch.record.clone()).collect()
    }

    /// The faults that have not fired. Each of them fails the run.
    pub fn unfired(&self) -> Vec<&str> {
        self.watches.iter().filter(|watch| watch.record.at.is_empty()).map(|watch| watch.fault.text.as_str()).collect()
    }

    fn schedule(&mut self, time: Micros, what: Timed) {
        self.sequence += 1;
        self.timed.insert((time, self.sequence), what);
    }

    /// Records that a fault fires.
    fn fires(&mut self, at: usize, now: Micros, site: Option<FaultSite>, commands: &mut Commands) -> Occurrence {
        let watch = &mut self.watches[at];
        watch.record.at.push(now);
        watch.record.until.push(None);
        watch.record.sites.push(site);
        commands.list.push(FaultCommand::Observe(Observation::Fault { text: watch.fault.text.clone() }));
        (at, watch.record.at.len() - 1)
    }

    /// Records that an occurrence of a fault has ended.
    fn close(&mut self, (at, time): Occurrence, now: Micros) {
        self.watches[at].record.until[time].get_or_insert(now);
    }

    /// Lets a fault act that does not act on messages.
    fn strike(&mut self, at: usize, now: Micros, site: Option<FaultSite>, commands: &mut Commands) {
        self.enter(at, WatchState::Over);
        let occurrence = self.fires(at, now, site, commands);
        let action = &self.watches[at].fault.action;
        let end = action.lasts().map(|lasts| now + lasts);
        let begun = self.in_force.begin(occurrence, action.acts(), commands);
        for occurrence in begun.ended {
            self.close(occurrence, now);
        }
        match end {
            Some(end) if begun.lasts => self.schedule(end, Timed::Undo(occurrence)),
            None if begun.lasts => {}
            _ => self.close(occurrence, now),
        }
    }

    fn undo(&mut self, occurrence: Occurrence, now: Micros, commands: &mut Commands) {
        if self.in_force.end(occurrence, commands) {
            self.close(occurrence, now);
        }
    }

    /// A fault on messages ends, even if it has not acted yet.
    fn stop_touching(&mut self, at: usize, now: Micros) {
        if self.enter(at, WatchState::Over) == WatchState::Touching {
            self.close((at, 0), now);
        }
    }

    /// Moves a fault to another state, which may change the rules of its nodes. Returns the previous state.
    fn enter(&mut self, at: usize, stage: WatchState) -> WatchState {
        let Watch { posts, stage: present, .. } = &mut self.watches[at];
        if *present != stage {
            self.stale.extend(posts.iter().map(|post| post.node));
        }
        std::mem::replace(present, stage)
    }

    /// Renews the fault plan of every node whose plan may have changed, and adds a command for each that has changed.
    fn renew(&mut self, commands: &mut Commands) {
        let mut stale = std::mem::take(&mut self.stale);
        stale.append(&mut self.in_force.take_stale());
        for node in self.in_force.nodes() {
            if !stale.contains(node) {
                debug_assert_eq!(self.orders.get(node), Some(&self.standing(*node)), "whose orders change is stale");
                continue;
            }
            let orders = self.standing(*node);
            if self.orders.get(node) != Some(&orders) {
                self.orders.insert(*node, orders);
                self.version += 1;
                commands.orders.push(*node);
            }
        }
    }

    /// The fault plan of a node that follows from the present state.
    fn standing(&self, node: NodeId) -> FaultPlan {
        let mut orders = self.in_force.orders(node);
        for (watch, number) in self.watches.iter().zip(0..) {
            orders.rules.extend(watch.rules(RuleId(number), node));
        }
        orders
    }
}

impl Watch {
    /// The present rules of this fault at a node.
    fn rules(&self, id: RuleId, node: NodeId) -> impl Iterator<Item = Rule> {
        let share = match self.counting {
            Counting::Messages(Which::Share(share)) => Some(share),
            _ => None,
        };
        let posts = self.posts.iter().filter(move |post| post.node == node);
        posts.filter_map(move |post| {
            let action = match (self.stage, post.watches) {
                (WatchState::Watching, Watches::Taken) => Action::Report,
                (WatchState::Watching, Watches::Moment) if self.untold.is_none() => Action::Ask,
                (WatchState::Watching, Watches::Told) if self.untold.is_some() => Action::Ask,
                (WatchState::Touching, _) => self.touch,
                (WatchState::Watching | WatchState::Waiting | WatchState::Over, _) => return None,
            };
            Some(Rule { id, selector: post.selector.clone(), share, action })
        })
    }

    /// Whether the fault acts when the count next grows.
    fn may_strike(&self) -> bool {
        match self.counting {
            Counting::Transactions(nth) | Counting::Effects(nth) => self.count + 1 >= nth,
            Counting::Nothing | Counting::Messages(_) => false,
        }
    }

    /// Counts a phase, point or effect that was reached. Returns the new count; `None` if this one does not count.
    fn counts(&mut self, txn: Option<TxnId>, lost: Lost) -> Option<u64> {
        if self.untold.is_some() {
            return (self.untold == txn && !lost.last).then_some(self.count);
        }
        // For a moment after a send, only its own message matters. For a phase, the loss of any message matters.
        let after_send = matches!(self.fault.trigger, Trigger::Moment { .. });
        let lost = self.told && if after_send { lost.last } else { lost.any };
        if lost && after_send && self.may_strike() {
            return None;
        }
        let once = matches!(self.counting, Counting::Transactions(_));
        if once && txn.is_some_and(|txn| !self.seen.insert(txn)) {
            return None;
        }
        if lost && self.may_strike() {
            self.untold = txn;
        }
        self.count += 1;
        self.untold.is_none().then_some(self.count)
    }

    fn until_counted(&self, last: u64) -> WatchState {
        if self.count >= last { WatchState::Over } else { WatchState::Watching }
    }
}
