//! What an orchestrator needs of a saga in flight, in whatever order that saga runs its steps.

use crate::{begun::Begun, context::Context, effects::OutOf, record::SagaRecord};
use indoubt_proto::{
    ids::NodeId,
    message::{StepOutcome, UndoOutcome},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Debug, hash::Hash};

/// One saga in flight.
pub trait Saga: Clone + Debug + Eq + Hash {
    /// What the record of its turn says of the steps to undo.
    type Undo: Clone + Debug + Eq + Hash + Serialize + DeserializeOwned;
    /// What tells apart its requests that wait for an answer at the same time.
    type Which: Clone + Ord + Hash + Debug;

    /// A saga whose begin is not durable yet, or that recovery has found.
    fn new(begun: Begun) -> Self;

    /// What its begin says.
    fn begun(&mut self) -> &mut Begun;

    /// Whether it is over, so that it is to be removed.
    fn has_ended(&self) -> bool;

    /// Its state, for people.
    fn describe(&self) -> String;

    /// The record that it waits for is durable.
    fn durable(&mut self, ctx: &mut Context, out: &mut OutOf<Self>);

    /// A participant answered a step, or the question about one.
    fn step_result(&mut self, from: NodeId, step: u32, result: StepOutcome, ctx: &mut Context, out: &mut OutOf<Self>);

    /// A participant answered a compensation.
    fn undo_result(&mut self, from: NodeId, step: u32, result: UndoOutcome, ctx: &mut Context, out: &mut OutOf<Self>);

    /// An operator lets it go on; `false` if it was not stuck.
    fn resume(&mut self, ctx: &Context, out: &mut OutOf<Self>) -> bool;

    /// It is time to make a request again.
    fn resend(&mut self, which: Self::Which, ctx: &Context, out: &mut OutOf<Self>);

    /// Takes in one of its records after its begin, in recovery.
    fn replay(&mut self, record: SagaRecord<Self::Undo>, ctx: &mut Context, out: &mut OutOf<Self>);

    /// Goes on after recovery (rules 26 and 27).
    fn recover(&mut self, ctx: &mut Context, out: &mut OutOf<Self>);

    /// The records that recreate it.
    fn compact(&self, records: &mut Vec<SagaRecord<Self::Undo>>);
}
