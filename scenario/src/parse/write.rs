//! Writes a scenario as TOML with all defaults filled in. The folder of a run contains this file, and it repeats the run.

use super::toml_writer::{Writer, quoted};
use crate::scenario::{Arrivals, Claim, Counted, Expect, Fault, Scenario, Seeds, Trigger, Which};
use indoubt_driver::gate::{Edge, Verb};
use indoubt_proto::{
    ids::NodeId,
    settings::{AbortWhen, AnswerWhen, CompensateFrom, WorkRound},
};

impl Scenario {
    /// The scenario as TOML. Parsing it gives an equal scenario.
    pub fn to_toml(&self) -> String {
        let mut file = Writer::default();
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
        file.plain("compact_every", self.compact_every);
        file.head("[clocks]");
        file.number("drift", self.clocks.drift);
        for (node, rate) in &self.clocks.nodes {
            file.head("[[clocks.node]]");
            file.text("node", node);
            file.number("rate", rate.get());
        }
        self.write_timeouts_and_options(&mut file);
        self.faults.iter().for_each(|it| fault(&mut file, it));
        self.expects.iter().for_each(|it| expect(&mut file, it));
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
        if let Some(opening) = workload.opening {
            file.plain("opening", opening);
        }
        let patience = &workload.patience;
        if let Some(timeout) = patience.timeout {
            file.text("timeout", timeout);
            file.plain("retries", patience.retries);
        }
        file.number("die", patience.die);
        if let Some(ask_after) = patience.ask_after {
            file.text("ask_after", ask_after);
        }
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

fn fault(file: &mut Writer, fault: &Fault) {
    file.head("[[fault]]");
    trigger(file, &fault.trigger);
    let kind = fault.action.kind();
    file.text("do", kind.word());
    kind.write(file);
    if let Some(protocols) = &fault.protocols {
        file.texts("protocols", protocols.iter());
    }
}

fn trigger(file: &mut Writer, trigger: &Trigger) {
    match trigger {
        Trigger::At(time) => file.text("at", time),
        Trigger::Phase { home, phase, nth } => {
            file.plain("on", format!("{{ phase = \"{}\", node = \"{home}\", nth = {nth} }}", phase.word()));
        }
        Trigger::Moment { subject, selector, counted, nth, name, .. } => {
            let what = match (counted, selector.edge) {
                (Counted::Transactions, _) => format!("point = \"{name}\""),
                (Counted::Effects, _) if selector.verb == Verb::Observe => format!("effect = \"{name}\""),
                (Counted::Effects, Edge::Before) => format!("effect = \"{name}\", edge = \"before\""),
                (Counted::Effects, Edge::After) => format!("effect = \"{name}\", edge = \"after\""),
            };
            file.plain("on", format!("{{ node = \"{subject}\", {what}, nth = {nth} }}"));
        }
        Trigger::Messages { from_time, from, to, message, which } => {
            file.text("at", from_time);
            let mut end = |field: &str, node: &Option<NodeId>| {
                if let Some(node) = node {
                    file.text(field, node);
                }
            };
            end("from", from);
            end("to", to);
            if let Some(message) = message {
                file.text("message", message);
            }
            match which {
                Which::Nth(nth) => file.plain("nth", nth),
                Which::First(count) => file.plain("count", count),
                Which::Share(share) => file.number("share", *share),
                Which::All => {}
            }
        }
    }
}

fn expect(file: &mut Writer, expect: &Expect) {
    file.head("[[expect]]");
    file.text("protocol", expect.protocol);
    match &expect.claim {
        Claim::Metric { path, min, max, equals } => {
            file.text("metric", path);
            for (field, bound) in [("min", min), ("max", max), ("equals", equals)] {
                if let Some(bound) = bound {
                    file.number(field, *bound);
                }
            }
        }
        Claim::Compare { path, order, other } => {
            file.text("metric", path);
            file.text(order.word(), other);
        }
        Claim::Check { name, holds } => {
            file.text("check", name);
            file.plain("holds", holds);
        }
    }
    match expect.seeds {
        Seeds::Each => {}
        Seeds::AtLeast(share) => file.text("seeds", format!(">= {share}%")),
        Seeds::AtMost(share) => file.text("seeds", format!("<= {share}%")),
        Seeds::Median => file.text("seeds", "median"),
    }
}

/// A scalar as TOML: whole numbers and booleans as they are, everything else in quotes.
fn scalar(text: &str) -> String {
    let whole = text.parse::<u64>().is_ok_and(|number| number.to_string() == text);
    if whole || matches!(text, "true" | "false") { text.into() } else { quoted(text) }
}
