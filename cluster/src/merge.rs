//! Merges the traces of all nodes and of the lab into one trace.

use indoubt_proto::observation::{Observation, Stamped};
use std::collections::{BTreeSet, VecDeque};

/// Merges traces that are each in order, by time. If a message is sent and received in the same microsecond, it is sent first.
/// Times count from `start_us`, sequence numbers from 0.
pub(crate) fn merge(files: Vec<Vec<Stamped>>, start_us: i64) -> Vec<Stamped> {
    let mut files: Vec<VecDeque<Stamped>> = files.into_iter().map(VecDeque::from).collect();
    let mut merged = Vec::with_capacity(files.iter().map(VecDeque::len).sum());
    let mut under_way = BTreeSet::new();
    loop {
        let earliest = files.iter().filter_map(|file| Some(file.front()?.t_us)).min();
        let Some(earliest) = earliest else { break };
        let due = |file: &VecDeque<Stamped>| file.front().is_some_and(|line| line.t_us == earliest);
        let possible = |file: &VecDeque<Stamped>| match file.front().map(|line| &line.what) {
            Some(Observation::Received { id, copy, .. }) => under_way.contains(&(*id, *copy)),
            _ => true,
        };
        let next = files.iter().position(|f| due(f) && possible(f)).or_else(|| files.iter().position(due));
        let Some(mut line) = next.and_then(|i| files[i].pop_front()) else { break };
        if let Observation::Sent { id, copy, .. } = line.what {
            under_way.insert((id, copy));
        }
        line.t_us -= start_us;
        line.seq = merged.len() as u64;
        merged.push(line);
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use indoubt_proto::{
        ids::{MessageId, NodeId},
        message::MessageKind,
    };

    #[test]
    fn at_one_microsecond_a_message_is_sent_before_it_is_received() {
        let (c1, p1) = (NodeId::coordinating(1), NodeId::participant(1));
        let id = MessageId { from: p1, start: 1, count: 1 };
        let message = MessageKind::Vote;
        let line = |t_us, node, what| Stamped { t_us, seq: 0, node, what };
        let sent = line(10, p1, Observation::Sent { id, from: p1, to: c1, message, txn: None, copy: false });
        let received = Observation::Received { id, from: p1, to: c1, message, txn: None, copy: false, ticket: None };
        let received = line(10, c1, received);
        let merged = merge(vec![vec![received.clone()], vec![sent.clone()], vec![line(3, c1, Observation::End)]], 3);
        let kinds: Vec<_> = merged.iter().map(|l| (l.t_us, l.seq, l.what.kind())).collect();
        assert_eq!(kinds, [(0, 0, "end"), (7, 1, "sent"), (7, 2, "received")]);
    }
}
