//! When a fault strikes: phases, points and effects.

use super::*;

#[test]
fn a_phase_must_exist_under_every_protocol_of_the_fault() {
    bad_fault(
        "on = { phase = \"wrok-done\", nth = 1 }\ndo = \"kill\"\nnode = \"p1\"",
        1,
        &["`wrok-done`", "`work-done`"],
    );
    let half_told = "on = { phase = \"half-told\" }\ndo = \"kill\"\nnode = \"p1\"\n";
    bad_fault(half_told, 1, &["`none` has no phase `half-told`", "`protocols`"]);
    fault(&format!("{half_told}protocols = [\"2pc\", \"saga\"]"));
    bad_fault("on = { phase = \"begun\", node = \"p1\" }\ndo = \"kill\"\nnode = \"p1\"", 1, &["coordinating node"]);
    bad_fault("on = { phase = \"begun\", nth = 0 }\ndo = \"kill\"\nnode = \"p1\"", 1, &["at least 1"]);
}

#[test]
fn a_point_must_exist_under_every_protocol_of_the_fault() {
    let voted = "on = { node = \"p2\", point = \"voted\", nth = 3 }\ndo = \"kill\"\nnode = \"p2\"\n";
    bad_fault(voted, 1, &["`saga` has no point `voted`"]);
    let s = fault(&format!("{voted}protocols = [\"2pc\"]"));
    let Trigger::Moment { subject, nodes, selector, counted, nth, .. } = &s.faults[0].trigger else { panic!() };
    // A YES that its coordinator took as input: the gates of the coordinating nodes decide, about p2's message.
    assert_eq!((*subject, *nth, *counted), (NodeId::participant(2), 3, Counted::Transactions));
    assert_eq!(*nodes, [NodeId::coordinating(1), NodeId::coordinating(2)]);
    assert_eq!((selector.verb, selector.edge, selector.peer), (Verb::Deliver, Edge::After, Some(*subject)));
    bad_fault(&voted.replace("voted", "vtoed"), 1, &["unknown point `vtoed`", "`voted`"]);
    let only = "protocols = [\"2pc\"]\n";
    bad_fault(&format!("{}{only}", voted.replace("\"p2\", point", "\"c1\", point")), 1, &["a point of a participant"]);
    bad_fault(&format!("{}{only}", voted.replace("voted", "voted:2")), 1, &["takes no step number"]);
    bad_fault("on = { point = \"voted\" }\ndo = \"heal\"\nprotocols = [\"2pc\"]", 1, &["needs `node`"]);
    bad_fault(
        "on = { node = \"c1\", point = \"initiation-durable\" }\ndo = \"heal\"\nprotocols = [\"2pc\"]",
        1,
        &["`2pc` has no point `initiation-durable`"],
    );
    fault("on = { node = \"c1\", point = \"initiation-durable\" }\ndo = \"heal\"\nprotocols = [\"2pc-prc\"]");
    let s = fault("on = { node = \"p1\", point = \"compensating:2\" }\ndo = \"heal\"\nprotocols = [\"saga\"]");
    assert!(matches!(&s.faults[0].trigger, Trigger::Moment { selector, .. } if selector.step == Some(2)));
    bad_fault(
        "on = { node = \"p1\", point = \"compensating:0\" }\ndo = \"heal\"\nprotocols = [\"saga\"]",
        1,
        &["from 1"],
    );
}

#[test]
fn an_effect_is_checked_word_by_word() {
    let effect = |effect: &str, more: &str| {
        format!("on = {{ node = \"c1\", effect = \"{effect}\"{more} }}\ndo = \"heal\"\nprotocols = [\"2pc\"]")
    };
    for fine in
        ["append:committed", "send:decision:commit", "deliver:vote:yes", "observe:decided:commit", "send:prepare"]
    {
        fault(&effect(fine, ", edge = \"after\", nth = 2"));
    }
    bad_fault(&effect("apend:committed", ""), 1, &["`apend`", "`append`"]);
    bad_fault(&effect("append", ""), 1, &["needs a word"]);
    bad_fault(&effect("append:comitted", ""), 1, &["`comitted`", "`committed`"]);
    bad_fault(&effect("append:prepared", ""), 1, &["c1", "`prepared`"]);
    bad_fault(&effect("append:initiation", ""), 1, &["`initiation`"]);
    bad_fault(&effect("send:vote", ""), 1, &["`vote`"]);
    bad_fault(&effect("deliver:vote:maybe", ""), 1, &["`maybe`", "yes"]);
    bad_fault(&effect("deliver:vote:2", ""), 1, &["`2`"]);
    bad_fault(&effect("observe:durable", ""), 1, &["`durable`"]);
    bad_fault(&effect("send:prepare", ", edge = \"during\""), 1, &["`during`", "before, after"]);
    bad_fault(
        &effect("append:committed", "").replace("[\"2pc\"]", "[\"2pc\", \"saga\"]"),
        1,
        &["`saga` has no record"],
    );
    let s = fault("on = { node = \"p1\", effect = \"deliver:compensate:2\" }\ndo = \"heal\"\nprotocols = [\"saga\"]");
    assert!(matches!(&s.faults[0].trigger, Trigger::Moment { selector, .. } if selector.step == Some(2)));
    // Before and after an observation are the same.
    let s = fault(&effect("observe:decided", ", edge = \"after\""));
    assert!(matches!(&s.faults[0].trigger, Trigger::Moment { selector, .. } if selector.edge == Edge::Before));
}

#[test]
fn on_names_one_kind_of_moment() {
    bad_fault("on = { phase = \"begun\", point = \"voted\" }\ndo = \"heal\"", 1, &["one of"]);
    bad_fault("on = { nth = 3 }\ndo = \"heal\"", 1, &["one of"]);
    bad_fault("on = { phase = \"begun\", edge = \"after\" }\ndo = \"heal\"", 1, &["`edge`"]);
    bad_fault("on = { phase = \"begun\" }\nat = \"1s\"\ndo = \"heal\"", 1, &["not both"]);
    bad_fault("do = \"heal\"", 0, &["`at`", "`on`"]);
    bad_fault("at = \"1s\"", 0, &["needs `do`"]);
    bad_fault("at = \"1s\"\ndo = \"kil\"", 2, &["`kil`", "`kill`"]);
}
