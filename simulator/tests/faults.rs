//! The nemesis: counting over the whole run, all faults of one event together, and what ends when load does.

use indoubt_driver::gate::{Action, Disposition, Edge, FaultPlan, RuleId, Verb};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::Decision,
    observation::Observation,
    time::Micros,
};
use indoubt_scenario::{faults::act::OlderCopy, protocol::Protocol, scenario::Scenario};
use indoubt_simulator::faults::{FaultCommand, Lost, Nemesis, Reply};

const AFTER_SEND: &str =
    "[[fault]]\non = { node = \"c1\", effect = \"send:decision\", edge = \"after\" }\ndo = \"kill\"\nnode = \"c1\"";
const LOST: Lost = Lost { any: true, last: true };

const C1: NodeId = NodeId::coordinating(1);
const C2: NodeId = NodeId::coordinating(2);
const P1: NodeId = NodeId::participant(1);
const P2: NodeId = NodeId::participant(2);
const P3: NodeId = NodeId::participant(3);
const K1: NodeId = NodeId::client(1);

fn scenario(rest: &str) -> Scenario {
    let text = format!("name = \"test\"\nprotocols = [\"2pc\"]\n[workload]\nkind = \"transfer\"\nrate = 10.0\n{rest}");
    Scenario::parse(&text, "test.toml").unwrap_or_else(|error| panic!("{error}"))
}

fn nemesis(rest: &str) -> Nemesis {
    Nemesis::new(&scenario(rest), Protocol::TwoPhase, 1)
}

fn under(rest: &str, protocol: Protocol) -> Nemesis {
    Nemesis::new(&scenario(rest).with_protocols(&[protocol]).unwrap(), protocol, 1)
}

fn txn(number: u64) -> Option<TxnId> {
    Some(TxnId { home: C1, client: K1, number })
}

fn ms(ms: u64) -> Micros {
    Micros::from_millis(ms)
}

/// The rules of a node for which it must halt.
fn asking(nemesis: &Nemesis, node: NodeId) -> Vec<RuleId> {
    rules(nemesis, node, Action::Ask)
}

fn rules(nemesis: &Nemesis, node: NodeId, action: Action) -> Vec<RuleId> {
    nemesis.orders(node).rules.iter().filter(|rule| rule.action == action).map(|rule| rule.id).collect()
}

/// A node halts for all the rules for which it can.
fn halt(nemesis: &mut Nemesis, at: u64, node: NodeId, number: u64) -> Reply {
    let rules = asking(nemesis, node);
    assert!(!rules.is_empty(), "{node} watches for nothing");
    nemesis.asked(ms(at), node, &rules, txn(number), Lost::default())
}

/// The commands that touch nodes.
fn struck(commands: &[FaultCommand]) -> Vec<&FaultCommand> {
    commands.iter().filter(|command| !matches!(command, FaultCommand::Observe(_) | FaultCommand::Orders(_))).collect()
}

fn cuts(commands: &[FaultCommand]) -> Vec<(NodeId, NodeId)> {
    let cut = |command: &FaultCommand| match command {
        FaultCommand::Observe(Observation::LinkCut { from, to }) => Some((*from, *to)),
        _ => None,
    };
    commands.iter().filter_map(cut).collect()
}

fn heals(commands: &[FaultCommand]) -> Vec<(NodeId, NodeId)> {
    let healed = |command: &FaultCommand| match command {
        FaultCommand::Observe(Observation::LinkHealed { from, to }) => Some((*from, *to)),
        _ => None,
    };
    commands.iter().filter_map(healed).collect()
}

fn fired(commands: &[FaultCommand]) -> usize {
    commands.iter().filter(|command| matches!(command, FaultCommand::Observe(Observation::Fault { .. }))).count()
}

const KILL: &str = "[[fault]]\non = { phase = \"work-done\", nth = 2 }\ndo = \"kill\"\nnode = \"coordinator\"\nrestart_after = \"3s\"\n";

#[test]
fn a_transaction_counts_once_per_phase_through_restarts() {
    let mut d = nemesis(KILL);
    assert_eq!(asking(&d, C1), [RuleId(0)]);
    assert!(asking(&d, C2).is_empty(), "c2's transactions are the bystanders");
    assert_eq!(halt(&mut d, 10, C1, 1), Reply::default());
    assert_eq!(halt(&mut d, 20, C1, 1), Reply::default());
    let reply = halt(&mut d, 30, C1, 2);
    assert_eq!(struck(&reply.commands), [&FaultCommand::Kill(C1, None)]);
    assert!(
        matches!(&reply.commands[0], FaultCommand::Observe(Observation::Fault { .. })),
        "the trace says why before it happens"
    );
    // Its rule is gone, and a node that still asks is let go.
    assert!(reply.commands.contains(&FaultCommand::Orders(C1)) && asking(&d, C1).is_empty());
    assert_eq!(d.asked(ms(31), C1, &[RuleId(0)], txn(3), Lost::default()), Reply::default());
    assert_eq!(d.next_due(), Some(ms(3_030)));
    assert_eq!(d.due(ms(3_030)), [FaultCommand::Restart(C1)]);
    assert_eq!(d.next_due(), None);
    let record = &d.fired()[0];
    assert_eq!((&record.at, &record.until), (&vec![ms(30)], &vec![Some(ms(3_030))]));
    assert!(d.unfired().is_empty());
}

#[test]
fn a_kill_hands_on_how_much_of_the_tail_survives() {
    let mut d = nemesis(&KILL.replace("nth = 2", "nth = 1").replace("restart_after", "keep = 2\nrestart_after"));
    assert_eq!(struck(&halt(&mut d, 10, C1, 1).commands), [&FaultCommand::Kill(C1, Some(2))]);
}

#[test]
fn all_faults_of_one_event_act_together() {
    let mut d = nemesis(&format!("{KILL}{}", KILL.replace("coordinator", "p1")));
    halt(&mut d, 10, C1, 1);
    let reply = halt(&mut d, 20, C1, 2);
    assert_eq!(struck(&reply.commands), [&FaultCommand::Kill(C1, None), &FaultCommand::Kill(P1, None)]);
}

#[test]
fn a_fault_that_never_fired_is_known() {
    let d = nemesis(KILL);
    assert_eq!(d.unfired().len(), 1);
    assert!(d.unfired()[0].starts_with("kill c1"));
    // One that does not apply to the protocol is not expected to.
    assert!(under(&format!("{KILL}protocols = [\"2pc\"]"), Protocol::Saga).fired().is_empty());
}

#[test]
fn a_kill_of_a_node_that_is_down_has_fired_and_does_nothing_more() {
    let mut d = nemesis(
        "[[fault]]\nat = \"1s\"\ndo = \"kill\"\nnode = \"p1\"\nrestart_after = \"5s\"\n\
         [[fault]]\nat = \"2s\"\ndo = \"kill\"\nnode = \"p1\"\nrestart_after = \"1s\"\n",
    );
    assert_eq!(struck(&d.due(ms(1_000))), [&FaultCommand::Kill(P1, None)]);
    let second = d.due(ms(2_000));
    assert_eq!((struck(&second).len(), fired(&second)), (0, 1));
    // Not even its restart: the node comes back when the first one says.
    assert_eq!(d.next_due(), Some(ms(6_000)));
    assert_eq!(d.due(ms(6_000)), [FaultCommand::Restart(P1)]);
}

#[test]
fn a_restart_of_a_running_node_does_nothing_and_an_early_one_replaces_the_planned_one() {
    let mut d = nemesis(
        "[[fault]]\nat = \"1s\"\ndo = \"restart\"\nnode = \"p1\"\n\
         [[fault]]\nat = \"2s\"\ndo = \"kill\"\nnode = \"p1\"\nrestart_after = \"4s\"\n\
         [[fault]]\nat = \"3s\"\ndo = \"restart\"\nnode = \"p1\"\n\
         [[fault]]\nat = \"5s\"\ndo = \"kill\"\nnode = \"p1\"\nrestart_after = \"3s\"\n",
    );
    let first = d.due(ms(1_000));
    assert_eq!((struck(&first).len(), fired(&first)), (0, 1));
    d.due(ms(2_000));
    assert_eq!(struck(&d.due(ms(3_000))), [&FaultCommand::Restart(P1)]);
    assert_eq!(struck(&d.due(ms(5_000))), [&FaultCommand::Kill(P1, None)]);
    // The first kill's restart, at 6 s, was used up; the second one's comes at 8 s.
    assert_eq!(d.due(ms(6_000)), []);
    assert_eq!(struck(&d.due(ms(8_000))), [&FaultCommand::Restart(P1)]);
    assert_eq!(d.fired()[1].until, [Some(ms(3_000))]);
}

#[test]
fn a_lost_disk_is_lost_after_the_kill() {
    let mut d = nemesis("[[fault]]\nat = \"1s\"\ndo = \"lose-disk\"\nnode = \"c1\"\nrestart_after = \"5ms\"\n");
    assert_eq!(struck(&d.due(ms(1_000))), [&FaultCommand::Kill(C1, None), &FaultCommand::LoseDisk(C1)]);
    assert_eq!(d.due(ms(1_005)), [FaultCommand::Restart(C1)]);
}

#[test]
fn a_log_that_is_set_back_to_a_time_was_copied_then() {
    let fault =
        "[[fault]]\nat = \"1s\"\ndo = \"restore-log\"\nnode = \"c1\"\nas_of = \"300ms\"\nrestart_after = \"5ms\"\n";
    let mut d = nemesis(fault);
    assert_eq!(d.due(ms(300)), [FaultCommand::CopyLog(C1, ms(300))]);
    let restored = FaultCommand::RestoreLog(C1, OlderCopy::AsOf(ms(300)));
    assert_eq!(struck(&d.due(ms(1_000))), [&FaultCommand::Kill(C1, None), &restored]);
    let mut d = nemesis(&fault.replace("as_of = \"300ms\"", "records = 3"));
    assert_eq!(d.next_due(), Some(ms(1_000)), "nothing is copied");
    let restored = FaultCommand::RestoreLog(C1, OlderCopy::Records(3));
    assert_eq!(struck(&d.due(ms(1_000))), [&FaultCommand::Kill(C1, None), &restored]);
}

#[test]
fn a_lost_log_is_lost_after_the_kill_even_of_a_node_that_is_down() {
    let mut d = nemesis(
        "[[fault]]\nat = \"1s\"\ndo = \"lose-log\"\nnode = \"c1\"\n[[fault]]\nat = \"2s\"\ndo = \"lose-log\"\nnode = \"c1\"\n\
         [[fault]]\nat = \"3s\"\ndo = \"restart\"\nnode = \"c1\"\n",
    );
    assert_eq!(struck(&d.due(ms(1_000))), [&FaultCommand::Kill(C1, None), &FaultCommand::LoseLog(C1)]);
    assert_eq!(struck(&d.due(ms(2_000))), [&FaultCommand::LoseLog(C1)]);
}

#[test]
fn death_ends_a_freeze() {
    let mut d = nemesis(
        "[[fault]]\nat = \"1s\"\ndo = \"pause\"\nnode = \"p1\"\nfor = \"5s\"\n\
         [[fault]]\nat = \"2s\"\ndo = \"kill\"\nnode = \"p1\"\nrestart_after = \"1s\"\n",
    );
    assert_eq!(struck(&d.due(ms(1_000))), [&FaultCommand::Pause(P1)]);
    assert_eq!(struck(&d.due(ms(2_000))), [&FaultCommand::Kill(P1, None)]);
    assert_eq!(struck(&d.due(ms(3_000))), [&FaultCommand::Restart(P1)]);
    assert_eq!(d.due(ms(6_000)), [], "nobody is resumed who was not frozen");
    assert_eq!(d.fired()[0].until, [Some(ms(2_000))]);
}

#[test]
fn a_partition_drops_every_message_in_the_cut_directions_at_the_sender() {
    let mut d =
        nemesis("[[fault]]\nat = \"3s\"\ndo = \"partition\"\nbetween = [[\"coordinator\"], [\"p2\"]]\nfor = \"2s\"");
    let commands = d.due(ms(3_000));
    assert_eq!(cuts(&commands), [(C1, P2), (P2, C1)]);
    let orders = commands.iter().position(|command| *command == FaultCommand::Orders(P2)).expect("p2 learns of it");
    let cut = commands
        .iter()
        .position(|command| matches!(command, FaultCommand::Observe(Observation::LinkCut { .. })))
        .expect("cut");
    assert!(orders < cut, "a link counts as cut once the orders hold");
    let rule = &d.orders(C1).rules[0];
    assert_eq!((rule.action, rule.selector.verb, rule.selector.peer), (Action::Drop, Verb::Send, Some(P2)));
    assert_eq!((d.orders(P2).rules.len(), d.orders(P1).rules.len(), d.orders(C2).rules.len()), (1, 0, 0));
    assert_eq!(heals(&d.due(ms(5_000))), [(C1, P2), (P2, C1)]);
    assert!(d.orders(C1).rules.is_empty());
}

#[test]
fn a_link_is_healed_when_the_last_partition_over_it_is() {
    let cut = |at, sides, more| format!("[[fault]]\nat = \"{at}\"\ndo = \"partition\"\nbetween = {sides}\n{more}\n");
    let mut d = nemesis(&format!(
        "{}{}[[fault]]\nat = \"4s\"\ndo = \"heal\"\n",
        cut("1s", "[[\"c1\"], [\"p1\", \"p2\"]]", "one_way = true\nfor = \"2s\""),
        cut("2s", "[[\"c1\"], [\"p1\"]]", ""),
    ));
    assert_eq!(cuts(&d.due(ms(1_000))), [(C1, P1), (C1, P2)]);
    assert_eq!(cuts(&d.due(ms(2_000))), [(P1, C1)]);
    assert_eq!(heals(&d.due(ms(3_000))), [(C1, P2)]);
    assert_eq!(heals(&d.due(ms(4_000))), [(C1, P1), (P1, C1)]);
    assert_eq!(d.fired()[1].until, [Some(ms(4_000))]);
}

#[test]
fn messages_are_counted_each_time_they_are_sent_and_spare_clients() {
    let mut d = nemesis("[[fault]]\ndo = \"drop\"\nnth = 2");
    // Every node of the cluster counts into the same count; nothing stands on the links of clients.
    assert!(asking(&d, K1).is_empty());
    for node in [C1, C2, P1] {
        assert!(d.orders(node).rules.iter().all(|rule| rule.selector.word.as_deref() != Some("outcome")), "{node}");
    }
    assert_eq!(d.asked(ms(1), C1, &[RuleId(0)], txn(1), Lost::default()), Reply::default());
    let reply = d.asked(ms(2), P1, &[RuleId(0)], txn(1), Lost::default());
    assert_eq!(reply.fate, Disposition { drop: true, ..Disposition::default() });
    assert_eq!(fired(&reply.commands), 1);
    assert!(asking(&d, C1).is_empty() && reply.commands.contains(&FaultCommand::Orders(P3)));
    assert_eq!(d.asked(ms(3), C1, &[RuleId(0)], txn(1), Lost::default()), Reply::default());
}

#[test]
fn the_first_so_many_messages_are_touched() {
    let mut d = nemesis("[[fault]]\ndo = \"delay\"\nby = \"3s\"\nmessage = \"ack\"\ncount = 2");
    assert!(asking(&d, C1).is_empty(), "a coordinating node sends no ACK");
    for at in [1, 2] {
        assert_eq!(halt(&mut d, at, P1, 1).fate.delay, Micros::from_secs(3));
    }
    assert!(asking(&d, P1).is_empty());
    assert_eq!(d.fired()[0].at, [ms(1), ms(2)]);
}

#[test]
fn a_fault_for_all_messages_is_known_to_have_fired_and_then_needs_no_asking() {
    let mut d = nemesis("[[fault]]\nat = \"1s\"\ndo = \"duplicate\"\nmessage = \"vote\"\nshare = 0.5\nfor = \"2s\"");
    assert!(d.orders(P1).rules.is_empty());
    assert_eq!(d.due(ms(1_000)).len(), 3, "the participants' orders change");
    assert_eq!(d.orders(P1).rules[0].share, Some(0.5));
    assert!(halt(&mut d, 1_100, P2, 1).fate.duplicate);
    assert_eq!(rules(&d, P1, Action::Duplicate), [RuleId(0)]);
    assert_eq!(d.orders(P1).rules[0].share, Some(0.5));
    // A node whose orders are on their way still asks: the message is touched, the fault has fired once.
    assert!(d.asked(ms(1_101), P3, &[RuleId(0)], txn(1), Lost::default()).fate.duplicate);
    assert_eq!(d.next_due(), Some(ms(3_000)));
    d.due(ms(3_000));
    assert!(d.orders(P1).rules.is_empty());
    let record = &d.fired()[0];
    assert_eq!((&record.at, &record.until), (&vec![ms(1_100)], &vec![Some(ms(3_000))]));
}

#[test]
fn a_refusal_stands_where_the_request_is_taken() {
    let mut d = nemesis("[[fault]]\ndo = \"refuse\"\nmessage = \"prepare\"\nfrom = \"c2\"\ncount = 1");
    assert!(asking(&d, C2).is_empty());
    let rule = &d.orders(P3).rules[0];
    assert_eq!((rule.selector.verb, rule.selector.edge, rule.selector.peer), (Verb::Deliver, Edge::Before, Some(C2)));
    assert!(halt(&mut d, 1, P3, 1).fate.refuse);
}

#[test]
fn a_client_is_touched_only_by_name() {
    let mut d = nemesis(
        "[[fault]]\ndo = \"drop\"\nfrom = \"k1\"\nnth = 1\n[[fault]]\ndo = \"drop\"\nmessage = \"outcome\"\nto = \"k1\"",
    );
    assert_eq!(asking(&d, K1), [RuleId(0)]);
    assert_eq!(asking(&d, C1), [RuleId(1)]);
    assert!(halt(&mut d, 1, K1, 1).fate.drop);
}

#[test]
fn after_the_sends_the_fault_waits_until_they_were_taken() {
    let d = nemesis("[[fault]]\non = { phase = \"work-sent\" }\ndo = \"kill\"\nnode = \"c1\"");
    assert!(d.awaits_sends(RuleId(0), txn(1)));
    // The receivers report that they took WORK.
    let orders: Vec<FaultPlan> = [P1, P2, P3].map(|p| d.orders(p)).into();
    for report in orders.iter().map(|orders| &orders.rules[0]) {
        assert_eq!((report.action, report.selector.edge), (Action::Report, Edge::After));
        assert_eq!((report.selector.word.as_deref(), report.selector.peer), (Some("work"), Some(C1)));
    }
    assert!(nemesis(AFTER_SEND).awaits_sends(RuleId(0), txn(1)));
    assert!(!nemesis(&AFTER_SEND.replace("after", "before")).awaits_sends(RuleId(0), txn(1)));
    assert!(!nemesis(KILL).awaits_sends(RuleId(0), txn(1)));
    assert!(!d.awaits_sends(RuleId(7), txn(1)));
}

#[test]
fn work_that_is_lost_was_sent_but_a_decision_that_is_lost_told_nobody() {
    let mut d = nemesis("[[fault]]\non = { phase = \"work-sent\" }\ndo = \"kill\"\nnode = \"c1\"");
    assert_eq!(struck(&d.asked(ms(1), C1, &[RuleId(0)], txn(1), LOST).commands), [&FaultCommand::Kill(C1, None)]);
    let mut d = nemesis("[[fault]]\non = { phase = \"half-told\" }\ndo = \"kill\"\nnode = \"c1\"");
    let watching = |d: &Nemesis| -> Vec<Verb> {
        let asks = d.orders(C1).rules.into_iter().filter(|rule| rule.action == Action::Ask);
        asks.map(|rule| rule.selector.verb).collect()
    };
    assert_eq!(watching(&d), [Verb::Observe]);
    // The first participant could not be told: from now on it waits for the next decision of that transaction that is taken.
    let reply = d.asked(ms(1), C1, &[RuleId(0)], txn(1), LOST);
    assert_eq!(reply.commands, [FaultCommand::Orders(C1)]);
    assert_eq!(watching(&d), [Verb::Send]);
    assert_eq!((d.awaits_sends(RuleId(0), txn(1)), d.awaits_sends(RuleId(0), txn(2))), (true, false));
    assert_eq!(d.asked(ms(2), C1, &[RuleId(0)], txn(2), Lost::default()), Reply::default(), "another transaction");
    assert_eq!(d.asked(ms(3), C1, &[RuleId(0)], txn(1), LOST), Reply::default(), "lost as well");
    let told = Lost { any: true, last: false };
    assert_eq!(struck(&d.asked(ms(4), C1, &[RuleId(0)], txn(1), told).commands), [&FaultCommand::Kill(C1, None)]);
    // After a send, what was lost beside it does not matter.
    let mut d = nemesis(AFTER_SEND);
    assert_eq!(d.asked(ms(1), C1, &[RuleId(0)], txn(1), LOST), Reply::default());
    let beside = Lost { any: true, last: false };
    assert_eq!(struck(&d.asked(ms(2), C1, &[RuleId(0)], txn(1), beside).commands), [&FaultCommand::Kill(C1, None)]);
}

#[test]
fn half_told_of_a_saga_is_its_first_compensation_wherever() {
    let mut d =
        under("[[fault]]\non = { phase = \"half-told\", nth = 2 }\ndo = \"kill\"\nnode = \"c1\"", Protocol::Saga);
    assert!(asking(&d, C1).is_empty() && !d.awaits_sends(RuleId(0), txn(1)));
    for p in [P1, P2, P3] {
        let rule = &d.orders(p).rules[0];
        assert_eq!((rule.selector.word.as_deref(), rule.selector.home), (Some("compensated"), Some(C1)));
    }
    assert_eq!(halt(&mut d, 1, P2, 1), Reply::default());
    assert_eq!(halt(&mut d, 2, P1, 1), Reply::default(), "the same saga's second compensation");
    assert_eq!(struck(&halt(&mut d, 3, P1, 2).commands), [&FaultCommand::Kill(C1, None)]);
}

#[test]
fn a_point_counts_transactions_and_an_effect_counts_each_time() {
    let mut d =
        nemesis("[[fault]]\non = { node = \"p1\", point = \"prepared\", nth = 2 }\ndo = \"kill\"\nnode = \"p1\"");
    halt(&mut d, 1, P1, 1);
    assert_eq!(halt(&mut d, 2, P1, 1), Reply::default(), "observed again in recovery");
    assert_eq!(struck(&halt(&mut d, 3, P1, 2).commands), [&FaultCommand::Kill(P1, None)]);
    let mut d = nemesis(
        "[[fault]]\non = { node = \"p1\", effect = \"observe:in-doubt\", nth = 2 }\ndo = \"kill\"\nnode = \"p1\"",
    );
    halt(&mut d, 1, P1, 1);
    assert_eq!(struck(&halt(&mut d, 2, P1, 1).commands), [&FaultCommand::Kill(P1, None)]);
}

#[test]
fn voted_is_asked_where_the_vote_is_taken() {
    let mut d = nemesis("[[fault]]\non = { node = \"p2\", point = \"voted\" }\ndo = \"kill\"\nnode = \"p2\"");
    assert!(asking(&d, P2).is_empty());
    assert_eq!((asking(&d, C1).len(), asking(&d, C2).len()), (1, 1));
    assert_eq!(struck(&halt(&mut d, 1, C2, 1).commands), [&FaultCommand::Kill(P2, None)]);
}

#[test]
fn a_rule_is_obeyed_only_from_where_it_stands() {
    let mut d = nemesis(&KILL.replace("nth = 2", "nth = 1"));
    assert_eq!(d.asked(ms(1), P1, &[RuleId(0), RuleId(9)], txn(1), Lost::default()), Reply::default());
    assert_eq!(d.unfired().len(), 1);
}

#[test]
fn at_the_end_of_load_every_fault_without_an_end_of_its_own_ends() {
    let mut d = nemesis(
        "[network]\nloss = 0.1\nduplicate = 0.1\nlatency = \"3ms\"\n\
         [[network.link]]\nfrom = \"c1\"\nto = \"p3\"\nloss = 0.9\n\
         [[fault]]\nat = \"1s\"\ndo = \"partition\"\nbetween = [[\"c1\"], [\"p1\"]]\n\
         [[fault]]\nat = \"1s\"\ndo = \"pause\"\nnode = \"p2\"\n\
         [[fault]]\nat = \"1s\"\ndo = \"slow-disk\"\nnode = \"p3\"\nforce = \"80ms\"\n\
         [[fault]]\ndo = \"drop\"\nmessage = \"ack\"\ncount = 100\n\
         [[fault]]\ndo = \"delay\"\nby = \"1s\"\nmessage = \"vote\"\n\
         [[fault]]\nat = \"1s\"\ndo = \"kill\"\nnode = \"c2\"\n\
         [[fault]]\nat = \"9s\"\ndo = \"partition\"\nbetween = [[\"c2\"], [\"p1\"]]\nfor = \"4s\"\n\
         [[fault]]\non = { phase = \"ended\" }\ndo = \"pause\"\nnode = \"p1\"\n\
         [[fault]]\non = { phase = \"ended\" }\ndo = \"kill\"\nnode = \"p1\"\n",
    );
    d.due(ms(1_000));
    d.asked(ms(1_500), P1, &[RuleId(4)], txn(1), Lost::default());
    d.due(ms(9_000));
    assert_eq!(d.orders(P3).min_force, ms(80));
    let lossy = |d: &Nemesis| d.orders(C1).links.iter().filter(|(_, c)| c.loss + c.duplicate > 0.0).count();
    assert_eq!(lossy(&d), 3, "the links between clients and coordinating nodes are spared");
    let before = d.version();

    let commands = d.end_of_load(ms(10_000));
    assert_eq!(struck(&commands), [&FaultCommand::Resume(P2)], "kills last");
    assert_eq!(heals(&commands), [(C1, P1), (P1, C1)]);
    assert_eq!((d.orders(P3).min_force, lossy(&d)), (ms(0), 0));
    assert!(d.version() > before);
    assert!(rules(&d, P2, Action::Ask).is_empty() && rules(&d, P2, Action::Delay(Micros::from_secs(1))).is_empty());
    // The partition with a `for` runs on, and of what has not happened only the kill still may.
    assert_eq!(rules(&d, C2, Action::Drop).len(), 1);
    assert_eq!(asking(&d, C1), [RuleId(8)]);
    assert_eq!(d.next_due(), Some(ms(13_000)));
    assert_eq!(heals(&d.due(ms(13_000))), [(C2, P1), (P1, C2)]);
    let until: Vec<_> = d.fired().into_iter().map(|record| record.until).collect();
    let end = vec![Some(ms(10_000))];
    assert_eq!(
        until,
        [end.clone(), end.clone(), end.clone(), vec![], end, vec![None], vec![Some(ms(13_000))], vec![], vec![]]
    );
}

#[test]
fn an_operator_resolves_at_every_participant_named() {
    let mut d = nemesis("[[fault]]\nat = \"1s\"\ndo = \"resolve\"\ndecision = \"abort\"");
    let commands = d.due(ms(1_000));
    assert_eq!(
        struck(&commands),
        [P1, P2, P3].map(|p| FaultCommand::Resolve(p, Decision::Abort)).iter().collect::<Vec<_>>()
    );
}

#[test]
fn orders_hold_the_least_force_and_the_conditions_of_every_link() {
    use indoubt_driver::conditions::Latency::Constant;
    let d = nemesis("[disk]\nforce = \"2ms\"\n[[network.link]]\nfrom = \"c1\"\nto = \"p2\"\nlatency = \"50ms\"");
    let orders = d.orders(C1);
    assert_eq!((orders.force, orders.min_force), (Constant(ms(2)), ms(0)));
    let peers: Vec<NodeId> = orders.links.iter().map(|(peer, _)| *peer).collect();
    assert_eq!(peers, [P1, P2, P3, K1, NodeId::client(2)]);
    let latency = |d: &Nemesis, from, to| {
        d.orders(from).links.into_iter().find(|(peer, _)| *peer == to).map(|(_, conditions)| conditions.latency)
    };
    assert_eq!(latency(&d, C1, P2), Some(Constant(ms(50))));
    assert_eq!(latency(&d, P2, C1), Some(Constant(ms(1))));
    assert_eq!(latency(&d, P1, P2), Some(Constant(ms(1))));
    assert_eq!(latency(&d, K1, C1), Some(Constant(ms(1))));
    assert_eq!(latency(&d, K1, P1), None);
}
