//! Writes a scenario as TOML with all defaults filled in. The folder of a run contains this file, and it repeats the run.

use crate::scenario::{Arrivals, Claim, Counted, Expect, Fault, FaultAction, MessageDeed, Scenario, Trigger, Which};
use indoubt_driver::{
    conditions::{Conditions, Latency},
    gate::{Edge, Verb},
};
use indoubt_proto::{
    ids::NodeId,
    settings::{AbortWhen, AnswerWhen, CompensateFrom, WorkRound},
    time::Micros,
};
use std::fmt::Display;
use toml_edit::Value;

impl Scenario {
    /// The scenario as TOML. Parsing it gives an equal scenario.
    pub fn to_toml(&self) -> String {
        let mut file = Writer(String::new());
        file.text("name", &self.name);
        file.text("about", &self.about);
        file.texts("protocols", self.protocols.iter());
        file.plain("seed", self.seed);
        file.text("duration", self.duration);
        file.text("settle", self.settle);
        file.head("[cluster]");
        file.plain("participants", self.cluster.participants);
        file.plain("coordinators", self.cluster.coordinators);
        self.write_workload(&mut file);
        file.head("[network]");
        file.conditions(&self.network.base);
        for link in &self.network.links {
            file.head("[[network.link]]");
            file.text("from", link.from);
            file.text("to", link.to);
            file.conditions(&link.conditions);
        }
        file.head("[disk]");
        file.latency("force", &self.force);
        file.head("[clocks]");
        file.number("drift", self.clocks.drift);
        for (node, rate) in &self.clocks.nodes {
            file.head("[[clocks.node]]");
            file.text("node", node);
            file.number("rate", rate.get());
        }
        self.write_timeouts_and_options(&mut file);
        self.faults.iter().for_each(|fault| file.fault(fault));
        self.expects.iter().for_each(|expect| file.expect(expect));
        if !self.sweep.is_empty() {
            file.head("[sweep]");
            for (path, values) in &self.sweep {
                let values: Vec<String> = values.iter().map(|value| scalar(value)).collect();
                file.plain(&quoted(path), format!("[{}]", values.join(", ")));
            }
        }
        file.0
    }

    fn write_workload(&self, file: &mut Writer) {
        let workload = &self.workload;
        file.head("[workload]");
        file.text("kind", workload.kind.word());
        match workload.arrivals {
            Arrivals::Rate(rate) => file.number("rate", rate),
            Arrivals::Clients(clients) => file.plain("clients", clients),
        }
        if let Some(transactions) = workload.transactions {
            file.plain("transactions", transactions);
        }
        file.plain("keys", workload.keys);
        file.number("skew", workload.skew);
        file.plain("touch", workload.touch);
        file.number("refuse", workload.refuse);
        file.number("audit", workload.audit);
        file.number("lookup", workload.lookup);
    }

    fn write_timeouts_and_options(&self, file: &mut Writer) {
        file.head("[timeouts]");
        file.text("vote", self.timeouts.vote);
        file.text("decision", self.timeouts.decision);
        file.text("lock", self.timeouts.lock);
        file.text("retry", self.timeouts.retry);
        let options = &self.options;
        file.head("[options]");
        let work = match options.work {
            WorkRound::Separate => "separate",
            WorkRound::WithPrepare => "with-prepare",
        };
        file.text("work", work);
        file.plain("read_only", options.read_only);
        let abort = match options.abort {
            AbortWhen::AtOnce => "at-once",
            AbortWhen::AfterAllVotes => "after-all-votes",
        };
        file.text("abort", abort);
        let answer = match options.answer {
            AnswerWhen::Decided => "decided",
            AnswerWhen::Acknowledged => "acknowledged",
        };
        file.text("answer", answer);
        file.plain("forward_recovery", options.forward_recovery);
        let from = match options.compensate_from {
            CompensateFrom::Previous => "previous",
            CompensateFrom::Failed => "failed",
        };
        file.text("compensate_from", from);
        file.plain("compensation_attempts", options.compensation_attempts);
        file.plain("step_attempts", options.step_attempts);
        file.plain("retries", options.retries);
        file.plain("remembered", options.remembered);
    }
}

struct Writer(String);

impl Writer {
    fn plain(&mut self, field: &str, value: impl Display) {
        self.0 += &format!("{field} = {value}\n");
    }

    fn text(&mut self, field: &str, value: impl Display) {
        self.plain(field, quoted(&value.to_string()));
    }

    fn number(&mut self, field: &str, value: f64) {
        self.plain(field, Value::from(value));
    }

    fn texts(&mut self, field: &str, values: impl Iterator<Item = impl Display>) {
        self.plain(field, list(values));
    }

    fn lasts(&mut self, lasts: &Option<Micros>) {
        if let Some(lasts) = lasts {
            self.text("for", lasts);
        }
    }

    fn head(&mut self, head: &str) {
        self.0 += &format!("\n{head}\n");
    }

    fn conditions(&mut self, conditions: &Conditions) {
        self.latency("latency", &conditions.latency);
        self.number("loss", conditions.loss);
        self.number("duplicate", conditions.duplicate);
    }

    fn latency(&mut self, field: &str, latency: &Latency) {
        match latency {
            Latency::Constant(latency) => self.text(field, latency),
            Latency::Uniform { min, max } => self.plain(field, format!("{{ min = \"{min}\", max = \"{max}\" }}")),
            Latency::LogNormal { median, p99 } => {
                self.plain(field, format!("{{ median = \"{median}\", p99 = \"{p99}\" }}"));
            }
        }
    }

    fn fault(&mut self, fault: &Fault) {
        self.head("[[fault]]");
        self.trigger(&fault.trigger);
        match &fault.action {
            FaultAction::Kill { node, restart_after, lose_log, keep } => {
                self.text("do", if *lose_log { "lose-log" } else { "kill" });
                self.text("node", node);
                if let Some(after) = restart_after {
                    self.text("restart_after", after);
                }
                if let Some(keep) = keep {
                    self.plain("keep", keep);
                }
            }
            FaultAction::Restart { node } => {
                self.text("do", "restart");
                self.text("node", node);
            }
            FaultAction::Pause { node, lasts } => {
                self.text("do", "pause");
                self.text("node", node);
                self.lasts(lasts);
            }
            FaultAction::Resume { node } => {
                self.text("do", "resume");
                self.text("node", node);
            }
            FaultAction::Partition { left, right, one_way, lasts } => {
                self.text("do", "partition");
                self.plain("between", format!("[{}, {}]", list(left.iter()), list(right.iter())));
                self.plain("one_way", one_way);
                self.lasts(lasts);
            }
            FaultAction::Heal => self.text("do", "heal"),
            FaultAction::Message { deed, lasts } => {
                match deed {
                    MessageDeed::Drop => self.text("do", "drop"),
                    MessageDeed::Duplicate => self.text("do", "duplicate"),
                    MessageDeed::Refuse => self.text("do", "refuse"),
                    MessageDeed::Delay(by) => {
                        self.text("do", "delay");
                        self.text("by", by);
                    }
                }
                self.lasts(lasts);
            }
            FaultAction::SlowDisk { node, force, lasts } => {
                self.text("do", "slow-disk");
                self.text("node", node);
                self.text("force", force);
                self.lasts(lasts);
            }
            FaultAction::Resolve { nodes, decision } => {
                self.text("do", "resolve");
                self.text("decision", decision.word());
                // Without `node`, the action concerns all participants.
                if let [node] = nodes.as_slice() {
                    self.text("node", node);
                }
            }
        }
        if let Some(protocols) = &fault.protocols {
            self.texts("protocols", protocols.iter());
        }
    }

    fn trigger(&mut self, trigger: &Trigger) {
        match trigger {
            Trigger::At(time) => self.text("at", time),
            Trigger::Phase { home, phase, nth } => {
                self.plain("on", format!("{{ phase = \"{}\", node = \"{home}\", nth = {nth} }}", phase.word()));
            }
            Trigger::Moment { subject, selector, counted, nth, name, .. } => {
                let what = match (counted, selector.edge) {
                    (Counted::Transactions, _) => format!("point = \"{name}\""),
                    (Counted::Effects, _) if selector.verb == Verb::Observe => format!("effect = \"{name}\""),
                    (Counted::Effects, Edge::Before) => format!("effect = \"{name}\", edge = \"before\""),
                    (Counted::Effects, Edge::After) => format!("effect = \"{name}\", edge = \"after\""),
                };
                self.plain("on", format!("{{ node = \"{subject}\", {what}, nth = {nth} }}"));
            }
            Trigger::Messages { from_time, from, to, message, which } => {
                self.text("at", from_time);
                let mut end = |field: &str, node: &Option<NodeId>| {
                    if let Some(node) = node {
                        self.text(field, node);
                    }
                };
                end("from", from);
                end("to", to);
                if let Some(message) = message {
                    self.text("message", message);
                }
                match which {
                    Which::Nth(nth) => self.plain("nth", nth),
                    Which::First(count) => self.plain("count", count),
                    Which::Share(share) => self.number("share", *share),
                    Which::All => {}
                }
            }
        }
    }

    fn expect(&mut self, expect: &Expect) {
        self.head("[[expect]]");
        self.text("protocol", expect.protocol);
        match &expect.claim {
            Claim::Metric { path, min, max, equals } => {
                self.text("metric", path);
                for (field, bound) in [("min", min), ("max", max), ("equals", equals)] {
                    if let Some(bound) = bound {
                        self.number(field, *bound);
                    }
                }
            }
            Claim::Check { name, holds } => {
                self.text("check", name);
                self.plain("holds", holds);
            }
        }
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn list(values: impl Iterator<Item = impl Display>) -> String {
    let values: Vec<String> = values.map(|value| quoted(&value.to_string())).collect();
    format!("[{}]", values.join(", "))
}

/// A scalar as TOML: whole numbers and booleans as they are, everything else in quotes.
fn scalar(text: &str) -> String {
    let whole = text.parse::<u64>().is_ok_and(|number| number.to_string() == text);
    if whole || matches!(text, "true" | "false") { text.into() } else { quoted(text) }
}
