//! The registry of faults. A kind of fault is one file: how it is read and written, how results name it, what it does, how the
//! swarm draws it, how the shrinker makes it plainer, and what it excuses.
//!
//! Files, top down: the registry itself (here), one file for each kind of fault, `kind` (what a file says), [`act`] (the
//! primitive acts of which faults are made), [`draw`] (what the swarm's draws have in common).
//!
//! Nobody else knows kinds of faults: the parser, the nemesis, the judge, the swarm, the shrinker and parity ask a
//! [`FaultAction`].

mod absence;
pub mod act;
pub mod draw;
mod heal;
mod jump_clock;
mod kill;
pub(crate) mod kind;
mod lose_disk;
mod lose_log;
mod messages;
mod partition;
mod pause;
mod resolve;
mod restart;
mod restore_log;
mod resume;
mod slow_disk;
mod text;

pub use kind::Waiver;
pub use messages::MessageDeed;

use act::Act;
use draw::Frame;
use indoubt_driver::{
    gate::Action,
    random::{Stream, stream},
};
use indoubt_proto::{ids::NodeId, time::Micros};
use kind::{Drawn, Entry, FaultKind, Word};
use rand::RngExt;
use serde::Serialize;

macro_rules! registry {
    ($($(#[$doc:meta])* $kind:ident in $file:ident;)*) => {
        $(pub use $file::$kind;)*

        /// What a fault does: a kind of fault with what a scenario says of it.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum FaultAction {
            $($(#[$doc])* $kind($kind),)*
        }

        /// All kinds, in the order in which scenarios are told of them and the swarm draws them.
        static ENTRIES: [&Entry; [$(stringify!($kind)),*].len()] = [$(&$file::ENTRY),*];

        impl FaultAction {
            pub(crate) fn kind(&self) -> &dyn FaultKind {
                match self {
                    $(FaultAction::$kind(fault) => fault,)*
                }
            }

            fn kind_mut(&mut self) -> &mut dyn FaultKind {
                match self {
                    $(FaultAction::$kind(fault) => fault,)*
                }
            }
        }

        $(impl From<$kind> for FaultAction {
            fn from(fault: $kind) -> Self {
                FaultAction::$kind(fault)
            }
        })*
    };
}

registry! {
    /// A node dies.
    Kill in kill;
    /// A killed node comes back.
    Restart in restart;
    /// A node is frozen.
    Pause in pause;
    /// A frozen node goes on.
    Resume in resume;
    /// Links are cut.
    Partition in partition;
    /// All links are whole again.
    Heal in heal;
    /// Messages are lost, delayed, doubled or refused.
    Message in messages;
    /// Forces take longer.
    SlowDisk in slow_disk;
    /// A node dies and its journal is lost.
    LoseLog in lose_log;
    /// An operator ends branches in doubt.
    Resolve in resolve;
    /// A node's clock jumps.
    JumpClock in jump_clock;
    /// A node dies and its whole disk is lost.
    LoseDisk in lose_disk;
    /// A node dies and an older copy of its journal is put back.
    RestoreLog in restore_log;
}

impl FaultAction {
    /// Its `do`.
    pub fn word(&self) -> &'static str {
        self.kind().word()
    }

    /// What it does when it strikes, in order.
    pub fn acts(&self) -> Vec<Act> {
        self.kind().acts()
    }

    /// What it does to messages; `None` if it is not about messages.
    pub fn touches(&self) -> Option<Action> {
        self.acts().into_iter().find_map(|act| if let Act::Touch(action) = act { Some(action) } else { None })
    }

    /// The journal of which it needs a copy, and from when.
    pub fn copies(&self) -> Option<(NodeId, Micros)> {
        self.kind().copies()
    }

    /// How long it lasts by its own word; `None` if it gives no time, or if it is over at once.
    pub fn lasts(&self) -> Option<Micros> {
        self.kind().lasts()
    }

    /// Whether it is over when load ends: it gives no time of its own, and something that it does lasts until then.
    pub fn ends_with_load(&self) -> bool {
        self.lasts().is_none() && self.acts().iter().any(Act::ends_with_load)
    }

    /// Whether all that it does is to end what other faults have begun.
    pub fn repairs(&self) -> bool {
        self.acts().iter().all(Act::repairs)
    }

    /// How long it can keep anybody waiting.
    pub fn outage(&self) -> Option<Micros> {
        self.kind().outage()
    }

    /// What it excuses.
    pub fn waives(&self) -> Option<Waiver> {
        self.kind().waives()
    }

    /// Makes it plainer, if it can be.
    pub fn simplify(&mut self) {
        self.kind_mut().simplify();
    }

    /// Prepares it for parity: its times become shorter, and it leaves nothing to chance.
    pub fn settle(&mut self, shorter: &dyn Fn(&mut Option<Micros>)) {
        self.kind_mut().settle(shorter);
    }
}

/// All values of `do`, with the kinds that they mean.
pub(crate) fn words() -> impl Iterator<Item = (&'static Word, &'static Entry)> {
    ENTRIES.iter().flat_map(|entry| entry.words.iter().map(move |word| (word, *entry)))
}

/// The values of `do` of those kinds that the swarm draws.
pub fn drawn_words() -> impl Iterator<Item = &'static str> {
    words().filter(|(_, entry)| entry.drawn.is_some()).map(|(word, _)| word.word)
}

/// How often each kind of fault happens in a run of the swarm, for those that are drawn from the stream of the case.
#[derive(Clone, Debug)]
pub struct Shares(Vec<f64>);

impl Shares {
    /// Draws them.
    pub fn draw(random: &mut Stream) -> Shares {
        let of_case = drawn().filter(|(_, drawn)| !drawn.own_stream);
        Shares(of_case.map(|(_, drawn)| share(drawn, random)).collect())
    }

    /// Draws the `[[fault]]` tables of a run, in which `victim` draws who suffers.
    pub fn faults(&self, frame: &Frame, random: &mut Stream, victim: &dyn Fn(&mut Stream) -> NodeId) -> String {
        let mut text = String::new();
        let mut add = |drawn: &Drawn, share: f64, random: &mut Stream| {
            for _ in 0..drawn.most {
                if random.random_bool(share) {
                    let node = victim(random);
                    if let Some(fault) = (drawn.draw)(frame, node, random) {
                        text += "[[fault]]\n";
                        text += &fault;
                    }
                }
            }
        };
        let mut shares = self.0.iter();
        for (entry, drawn) in drawn() {
            if drawn.own_stream {
                let random = &mut stream(frame.seed, &format!("swarm {}", entry.words[0].word));
                add(drawn, share(drawn, random), random);
            } else {
                add(drawn, shares.next().copied().unwrap_or_default(), random);
            }
        }
        text
    }
}

fn drawn() -> impl Iterator<Item = (&'static Entry, &'static Drawn)> {
    ENTRIES.iter().filter_map(|entry| Some((*entry, entry.drawn.as_ref()?)))
}

/// A kind is absent from a good part of all runs, and frequent in others.
fn share(drawn: &Drawn, random: &mut Stream) -> f64 {
    if random.random_bool(drawn.absent) { 0.0 } else { random.random_range(0.1..1.0) }
}
