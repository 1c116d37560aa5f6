//! Decides which sessions a node accepts, and remembers other nodes. Each session begins with a hello in both directions.
//! Both sides check it here before they use the session.
//!
//! - The link of two nodes is opened by the one that [`dials`] names. So no process can pretend to be a node that this node
//!   dials itself.
//! - A node has one session at a time. Only a later incarnation with the same journal replaces it.
//! - A node whose journal is an older copy is refused ([`indoubt_driver::peer_journal`]).
//!
//! A node remembers others as long as its process lives.

use crate::config::dials;
use indoubt_driver::peer_journal::{Older, PeerJournal, Said};
use indoubt_proto::{
    ids::{LAST_INCARNATION, LogId, Lsn, NodeId, Role},
    message::Message,
    wire::{Envelope, Hello, Receiver},
};
use std::collections::BTreeMap;
use tonic::{Code, Status};

/// The side that opened a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    /// This node dialed.
    Here,
    /// The other node dialed.
    There,
}

/// What a node knows of the nodes and clients with which it has had sessions.
#[derive(Debug)]
pub(crate) struct Peers {
    me: NodeId,
    /// The nodes in its list of peers.
    listed: Vec<NodeId>,
    known: BTreeMap<NodeId, Known>,
    sessions: u64,
    /// The last refusal of each peer, so that a peer that tries again and again is reported once.
    reported: BTreeMap<NodeId, String>,
}

/// What is remembered of one other node.
#[derive(Debug)]
struct Known {
    journal: PeerJournal,
    /// The number of its session; `None` without a session.
    session: Option<u64>,
}

/// A session that was accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Admitted {
    /// The number of the session in this process.
    pub(crate) number: u64,
    /// A remark for the log, if there is one.
    pub(crate) notice: Option<String>,
}

/// The reason why a session is refused. Both sides log it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{found} answers where {expected} is expected: check the addresses of the peers")]
    WrongNode { expected: NodeId, found: NodeId },
    #[error("{peer} cannot open a session with {me}: {why}")]
    NotWelcome { peer: NodeId, me: NodeId, why: &'static str },
    #[error("{peer} says that it is incarnation {incarnation}: incarnations are 1 to {LAST_INCARNATION}")]
    Impossible { peer: NodeId, incarnation: u32 },
    #[error(
        "{peer} has a session already, in incarnation {incarnation} with log {log}: one node runs twice, or two have one name"
    )]
    Second { peer: NodeId, incarnation: u32, log: LogId },
    #[error("{peer} comes with {found} of log {log}, but it had {known} before: {RESTORED}")]
    Restored { peer: NodeId, log: LogId, found: String, known: String },
    #[error("{peer} comes with log {found} again, after it had log {known}: {RESTORED}")]
    FormerLog { peer: NodeId, found: LogId, known: LogId },
}

/// What an operator can do if a node knows less than it once reported.
const RESTORED: &str = "an older copy of its folder was put back, or its folder was copied. It may have forgotten what it promised, \
so sessions with it are refused. Stop it, and put its newest folder back; or remove its folder, so that it begins a new journal, \
and look for its transactions with `indoubt state` and `indoubt forget`";

impl Refusal {
    pub(crate) fn status(&self) -> Status {
        let code = match self {
            Refusal::WrongNode { .. } => Code::FailedPrecondition,
            Refusal::NotWelcome { .. } => Code::PermissionDenied,
            Refusal::Impossible { .. } => Code::InvalidArgument,
            Refusal::Second { .. } => Code::AlreadyExists,
            Refusal::Restored { .. } | Refusal::FormerLog { .. } => Code::DataLoss,
        };
        Status::new(code, self.to_string())
    }
}

impl Peers {
    /// Creates the memory of the node `me`, which knows no other node yet. `listed` are the nodes in its list of peers.
    pub(crate) fn new(me: NodeId, listed: Vec<NodeId>) -> Self {
        Peers { me, listed, known: BTreeMap::new(), sessions: 0, reported: BTreeMap::new() }
    }

    /// What this node remembers of `peer`, for a hello to it.
    pub(crate) fn remembered(&self, peer: NodeId) -> Receiver {
        let nothing = Said { log: LogId(0), incarnation: 0, end: Lsn(0) };
        let Said { log, incarnation, end } = self.known.get(&peer).map_or(nothing, |known| known.journal.last());
        Receiver { node: peer, log, incarnation, end }
    }

    /// Begins a session with the sender of `hello`, or returns the reason for refusing it. `me` is the hello of this node.
    pub(crate) fn admit(&mut self, hello: &Hello, me: &Hello, opened: Opened) -> Result<Admitted, Refusal> {
        if opened == Opened::There {
            self.check_welcome(hello.node)?;
        }
        check_receiver(hello, me)?;
        if !(1..=LAST_INCARNATION).contains(&hello.incarnation) {
            return Err(Refusal::Impossible { peer: hello.node, incarnation: hello.incarnation });
        }
        let notice = match self.known.get(&hello.node) {
            Some(known) => known.check(hello)?,
            None => None,
        };
        let number = self.sessions;
        self.sessions += 1;
        let Hello { node, .. } = *hello;
        match self.known.get_mut(&node) {
            Some(known) => {
                known.journal.meet(said(hello));
                known.session = Some(number);
            }
            None => {
                self.known.insert(node, Known { journal: PeerJournal::new(said(hello)), session: Some(number) });
            }
        }
        self.reported.remove(&node);
        Ok(Admitted { number, notice })
    }

    /// Checks whether `peer` may open a session with this node.
    fn check_welcome(&self, peer: NodeId) -> Result<(), Refusal> {
        let listed = || self.listed.iter().any(|listed| listed.role == Role::Coordinating);
        let why = if peer == NodeId::client(0) {
            "k0 stands for callers without a name"
        } else if dials(self.me, peer) {
            "this link is opened from the other side"
        } else if !dials(peer, self.me) {
            "there is no link between these nodes"
        } else if peer.role == Role::Coordinating && listed() && !self.listed.contains(&peer) {
            "it is not in the list of peers"
        } else {
            return Ok(());
        };
        Err(Refusal::NotWelcome { peer, me: self.me, why })
    }

    /// Notes that a session has ended.
    pub(crate) fn over(&mut self, peer: NodeId, number: u64) {
        if let Some(known) = self.known.get_mut(&peer) {
            known.session.take_if(|session| *session == number);
        }
    }

    /// Learns from a message of `peer` how far its journal is durable: the prepared record of a vote is.
    pub(crate) fn learn(&mut self, peer: &Hello, envelopes: &[Envelope]) {
        let Some(known) = self.known.get_mut(&peer.node) else { return };
        for envelope in envelopes {
            if let Message::Vote { log, place, .. } = envelope.message {
                known.journal.learn(log, place);
            }
        }
    }

    /// Whether this differs from the last report about `peer`.
    pub(crate) fn is_news(&mut self, peer: NodeId, report: &str) -> bool {
        self.reported.insert(peer, report.to_owned()).is_none_or(|last| last != report)
    }
}

/// Checks that the sender of `hello` reached the node that it expects, and that this node has not lost what it reported to
/// the sender.
fn check_receiver(hello: &Hello, me: &Hello) -> Result<(), Refusal> {
    let Some(receiver) = hello.receiver else { return Ok(()) };
    if receiver.node != me.node {
        return Err(Refusal::WrongNode { expected: receiver.node, found: me.node });
    }
    let Receiver { log, incarnation, end, .. } = receiver;
    said(me).check_since(&Said { log, incarnation, end }).map_err(|older| refusal(me, older))
}

fn said(hello: &Hello) -> Said {
    Said { log: hello.log, incarnation: hello.incarnation, end: hello.end }
}

/// Why a session with the sender of `hello` is refused, whose journal is an older copy.
fn refusal(hello: &Hello, older: Older) -> Refusal {
    let Hello { node: peer, log, .. } = *hello;
    let restored = |found, known| Refusal::Restored { peer, log, found, known };
    match older {
        Older::Incarnation { found, known } => restored(format!("incarnation {found}"), format!("incarnation {known}")),
        Older::End { found, known } => {
            restored(format!("record {} as the last one", found.0), format!("record {}", known.0))
        }
        Older::FormerLog { found, known } => Refusal::FormerLog { peer, found, known },
    }
}

impl Known {
    /// Checks whether this may be the same node. Returns a remark for the log, if there is one.
    fn check(&self, hello: &Hello) -> Result<Option<String>, Refusal> {
        let Hello { node: peer, incarnation, log, .. } = *hello;
        let (alive, last) = (self.session.is_some(), self.journal.last());
        let is_later = log == last.log && incarnation > last.incarnation;
        // A client has no journal, so it is not known whether it is the same client as before.
        if !peer.is_client() {
            self.journal.check(&said(hello)).map_err(|older| refusal(hello, older))?;
        }
        if alive && !is_later {
            return Err(Refusal::Second { peer, incarnation: last.incarnation, log: last.log });
        }
        Ok(match log == last.log {
            true if alive => {
                Some(format!("{peer}: incarnation {incarnation} replaces incarnation {}", last.incarnation))
            }
            true => None,
            false => Some(format!("{peer} comes with a new log {log} after log {}: it lost its journal", last.log)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indoubt_proto::{ids::MessageId, message::Vote, time::Micros};

    const C1: NodeId = NodeId::coordinating(1);
    const P1: NodeId = NodeId::participant(1);
    const P2: NodeId = NodeId::participant(2);

    fn hello(node: NodeId, incarnation: u32, log: u64, end: u64) -> Hello {
        Hello { node, incarnation, start: incarnation, log: LogId(log), end: Lsn(end), receiver: None }
    }

    fn peers(me: NodeId) -> (Peers, Hello) {
        (Peers::new(me, Vec::new()), hello(me, 1, 99, 0))
    }

    fn refused(admitted: Result<Admitted, Refusal>) -> (Code, String) {
        let status = admitted.expect_err("refused").status();
        (status.code(), status.message().to_owned())
    }

    #[test]
    fn a_peer_that_this_node_dials_may_not_open_a_session() {
        let (mut c1, me) = peers(C1);
        let (code, why) = refused(c1.admit(&hello(P1, 1, 7, 0), &me, Opened::There));
        assert_eq!(
            (code, why.as_str()),
            (Code::PermissionDenied, "p1 cannot open a session with c1: this link is opened from the other side")
        );
        assert!(c1.admit(&hello(P1, 1, 7, 0), &me, Opened::Here).is_ok());
        let (mut p2, me) = peers(P2);
        assert!(p2.admit(&hello(P1, 1, 7, 0), &me, Opened::There).is_ok(), "of two participants the lower one dials");
        let (mut p1, me) = peers(P1);
        assert!(p1.admit(&hello(P2, 1, 7, 0), &me, Opened::There).is_err());
        assert!(p1.admit(&hello(NodeId::client(0), 1, 0, 0), &me, Opened::There).is_err());
    }

    #[test]
    fn a_list_that_names_coordinating_nodes_admits_no_others() {
        let me = hello(P1, 1, 99, 0);
        let c9 = hello(NodeId::coordinating(9), 1, 7, 0);
        let mut strict = Peers::new(P1, vec![C1]);
        assert!(refused(strict.admit(&c9, &me, Opened::There)).1.ends_with("it is not in the list of peers"));
        assert!(strict.admit(&hello(C1, 1, 7, 0), &me, Opened::There).is_ok());
        let mut open = Peers::new(P1, vec![P2]);
        assert!(open.admit(&c9, &me, Opened::There).is_ok());
    }

    #[test]
    fn a_second_session_of_one_name_is_refused_while_the_first_one_lives() {
        let (mut p1, me) = peers(P1);
        let first = p1.admit(&hello(C1, 2, 7, 5), &me, Opened::There).unwrap();
        for second in [hello(C1, 2, 7, 5), hello(C1, 1, 8, 0), hello(C1, 9, 8, 0)] {
            let (code, why) = refused(p1.admit(&second, &me, Opened::There));
            assert_eq!(code, Code::AlreadyExists, "{why}");
        }
        let later = p1.admit(&hello(C1, 3, 7, 5), &me, Opened::There).expect("the first one must be dead");
        assert!(later.notice.unwrap().contains("incarnation 3 replaces incarnation 2"));
        p1.over(C1, first.number);
        assert!(p1.admit(&hello(C1, 3, 7, 5), &me, Opened::There).is_err(), "the later session lives on");
        p1.over(C1, later.number);
        assert_eq!(p1.admit(&hello(C1, 3, 7, 5), &me, Opened::There).unwrap().notice, None);
    }

    #[test]
    fn incarnations_that_no_node_can_have_are_refused() {
        let (mut p1, me) = peers(P1);
        for incarnation in [0, LAST_INCARNATION + 1, u32::MAX] {
            assert_eq!(refused(p1.admit(&hello(C1, incarnation, 7, 0), &me, Opened::There)).0, Code::InvalidArgument);
        }
        assert!(p1.admit(&hello(C1, LAST_INCARNATION, 7, 0), &me, Opened::There).is_ok());
    }

    #[test]
    fn a_node_that_lost_what_it_reported_is_refused_and_told() {
        let (mut c1, me) = peers(C1);
        let first = hello(P1, 3, 7, 10);
        let session = c1.admit(&first, &me, Opened::Here).unwrap();
        let vote = Message::Vote {
            txn: "c1-k1-1".parse().unwrap(),
            vote: Vote::Yes,
            log: LogId(7),
            place: Lsn(12),
            reads: Vec::new(),
            reason: None,
        };
        let id = MessageId { from: P1, start: 3, count: 1 };
        c1.learn(&first, &[Envelope { id, to: C1, hold: Micros::ZERO, copy: false, message: vote }]);
        c1.over(P1, session.number);
        for restored in [hello(P1, 4, 7, 11), hello(P1, 2, 7, 12)] {
            let (code, why) = refused(c1.admit(&restored, &me, Opened::Here));
            assert_eq!(code, Code::DataLoss);
            assert!(why.contains("an older copy of its folder was put back"), "{why}");
        }
        // The hello to p1 also shows it, so p1 finds out by itself.
        let receiver = c1.remembered(P1);
        assert_eq!(receiver, Receiver { node: P1, log: LogId(7), incarnation: 3, end: Lsn(12) });
        let (mut p1, _) = peers(P1);
        let from_c1 = Hello { receiver: Some(receiver), ..me };
        assert_eq!(refused(p1.admit(&from_c1, &hello(P1, 4, 7, 11), Opened::There)).0, Code::DataLoss);
        assert!(p1.admit(&from_c1, &hello(P1, 4, 7, 12), Opened::There).is_ok());
    }

    #[test]
    fn a_lost_journal_is_noticed_and_does_not_come_back() {
        let (mut c1, me) = peers(C1);
        let old = c1.admit(&hello(P1, 3, 7, 10), &me, Opened::Here).unwrap();
        c1.over(P1, old.number);
        let new = c1.admit(&hello(P1, 1, 8, 0), &me, Opened::Here).unwrap();
        assert!(new.notice.unwrap().contains("it lost its journal"));
        c1.over(P1, new.number);
        assert_eq!(refused(c1.admit(&hello(P1, 4, 7, 10), &me, Opened::Here)).0, Code::DataLoss);
    }

    #[test]
    fn a_client_may_come_again_as_any_incarnation_but_not_twice_at_once() {
        let (mut c1, me) = peers(C1);
        let k1 = |incarnation| hello(NodeId::client(1), incarnation, 0, 0);
        let first = c1.admit(&k1(5), &me, Opened::There).unwrap();
        assert!(c1.admit(&k1(5), &me, Opened::There).is_err());
        c1.over(NodeId::client(1), first.number);
        assert_eq!(c1.admit(&k1(1), &me, Opened::There).unwrap().notice, None);
    }

    #[test]
    fn the_wrong_node_at_an_address_is_named() {
        let (mut p2, me) = peers(P2);
        let receiver = Receiver { node: P1, log: LogId(0), incarnation: 0, end: Lsn(0) };
        let (_, why) = refused(p2.admit(&Hello { receiver: Some(receiver), ..hello(C1, 1, 7, 0) }, &me, Opened::There));
        assert_eq!(why, "p2 answers where p1 is expected: check the addresses of the peers");
    }

    #[test]
    fn the_same_refusal_is_reported_once() {
        let (mut p1, _) = peers(P1);
        assert!(p1.is_news(C1, "a"));
        assert!(!p1.is_news(C1, "a"));
        assert!(p1.is_news(C1, "b"));
    }
}
