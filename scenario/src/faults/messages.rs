//! `delay`, `drop`, `duplicate`, `refuse`: something happens to messages on their way.

use super::{
    act::Act,
    draw::{Frame, one_of},
    kind::{Context, Drawn, Entry, FaultKind, Waiver, When, Word},
    text::lasting,
};
use crate::{
    parse::{error::ScenarioError, reader::Table, toml_writer::Writer, values::SOME},
    points,
};
use indoubt_driver::{gate::Action, random::Stream};
use indoubt_proto::{
    ids::{NodeId, Role},
    time::Micros,
};
use rand::{RngExt, seq::IndexedRandom};
use serde::Serialize;

/// Touches the messages that the trigger selects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// How.
    pub deed: MessageDeed,
    /// For how long; `None` until the end of load.
    pub lasts: Option<Micros>,
}

/// What a fault does to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageDeed {
    /// Loses it.
    Drop,
    /// Delays it.
    Delay(Micros),
    /// Lets it arrive twice.
    Duplicate,
    /// Answers a failure in the receiver's name.
    Refuse,
}

pub(super) static ENTRY: Entry = Entry {
    words: &[
        Word { word: "delay", when: When::Messages, fields: &["by", "for"] },
        Word { word: "drop", when: When::Messages, fields: &["for"] },
        Word { word: "duplicate", when: When::Messages, fields: &["for"] },
        Word { word: "refuse", when: When::Requests, fields: &["for"] },
    ],
    parse: |table, context| Ok(parse(table, context)?.into()),
    drawn: Some(Drawn { absent: 0.4, most: 4, own_stream: false, draw }),
};

fn parse(table: &Table<'_, '_>, context: &Context<'_>) -> Result<Message, ScenarioError> {
    let deed = match context.word {
        "drop" => MessageDeed::Drop,
        "duplicate" => MessageDeed::Duplicate,
        "refuse" => MessageDeed::Refuse,
        _ => MessageDeed::Delay(table.need("by")?.duration(SOME)?),
    };
    Ok(Message { deed, lasts: table.read("for", |v| v.duration(SOME))? })
}

/// Something happens to messages: of one kind or of all, over one link or over all.
fn draw(frame: &Frame, _: NodeId, random: &mut Stream) -> Option<String> {
    let mut deed = one_of(random, &["drop", "drop", "delay", "duplicate", "refuse"]);
    let known: Vec<_> = points::messages(frame.protocol, frame.work).filter(|info| info.is_internal()).collect();
    let mut kinds = known.clone();
    kinds.retain(|info| deed != "refuse" || info.can_fail);
    if kinds.is_empty() {
        (deed, kinds) = ("drop", known);
    }
    let kind = kinds.choose(random).expect("every protocol sends something");
    let mut text = format!("do = \"{deed}\"\nmessage = \"{}\"\n", kind.kind.word());
    if random.random_bool(0.5) {
        let to_participant = kind.to == [Role::Participant] && kind.from == [Role::Coordinating];
        let c = random.random_range(1..=frame.cluster.coordinators);
        let p = random.random_range(1..=frame.cluster.participants);
        if to_participant {
            text += &format!("from = \"c{c}\"\nto = \"p{p}\"\n");
        } else if kind.from == [Role::Participant] && kind.to == [Role::Coordinating] {
            text += &format!("from = \"p{p}\"\nto = \"c{c}\"\n");
        }
    }
    text += &match random.random_range(0..3) {
        0 => format!("nth = {}\n", random.random_range(1..=6)),
        1 => format!("count = {}\n", random.random_range(1..=4)),
        _ => format!("share = {}\n", one_of(random, &["0.05", "0.2", "0.5"])),
    };
    if deed == "delay" {
        text += &format!("by = \"{}ms\"\n", random.random_range(1..300));
    }
    Some(text)
}

impl FaultKind for Message {
    fn word(&self) -> &'static str {
        match self.deed {
            MessageDeed::Drop => "drop",
            MessageDeed::Delay(_) => "delay",
            MessageDeed::Duplicate => "duplicate",
            MessageDeed::Refuse => "refuse",
        }
    }

    fn write(&self, file: &mut Writer) {
        if let MessageDeed::Delay(by) = self.deed {
            file.text("by", by);
        }
        file.lasts(&self.lasts);
    }

    fn line(&self, when: &str) -> String {
        let by = if let MessageDeed::Delay(by) = self.deed { format!(" by {by}") } else { String::new() };
        format!("{} {when}{by}{}", self.word(), lasting(self.lasts))
    }

    fn acts(&self) -> Vec<Act> {
        let action = match self.deed {
            MessageDeed::Drop => Action::Drop,
            MessageDeed::Delay(by) => Action::Delay(by),
            MessageDeed::Duplicate => Action::Duplicate,
            MessageDeed::Refuse => Action::Refuse,
        };
        vec![Act::Touch(action)]
    }

    fn lasts(&self) -> Option<Micros> {
        self.lasts
    }

    /// A message that comes twice has come.
    fn waives(&self) -> Option<Waiver> {
        (self.deed != MessageDeed::Duplicate).then_some(Waiver::HeldUpMessages)
    }

    fn outage(&self) -> Option<Micros> {
        if let MessageDeed::Delay(by) = self.deed { Some(by) } else { self.lasts }
    }
}
