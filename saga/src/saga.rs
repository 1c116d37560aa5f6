//! What an orchestrator needs of a saga in flight. The order in which the saga runs its steps does not matter here.

use crate::{begun::Begun, context::Context, effects::OutOf, record::SagaRecord};
use indoubt_proto::{
    ids::NodeId,
    message::{StepOutcome, UndoOutcome},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Debug, hash::Hash};

/// One saga in flight.
pub trait Saga: Clone + Debug + Eq + Hash {
    /// The form in which its turn record names the steps to undo.
    type Undo: Clone + Debug + Eq + Hash + Serialize + DeserializeOwned;
    /// Identifies one of the requests that the saga waits for at the same time.
    type Which: Clone + Ord + Hash + Debug;

    /// Makes a saga whose begin record is not durable yet, or that recovery has found.
    fn new(begun: Begun) -> Self;

    /// What its begin record says.
    fn begun(&mut self) -> &mut Begun;

    /// Whether it is finished and must be removed.
    fn has_ended(&self) -> bool;

    /// Its state as text, for operators.
    fn describe(&self) -> String;

    /// The record that the saga waits for is durable.
    fn durable(&mut self, ctx: &mut Context, out: &mut OutOf<Self>);

    /// Handles the answer to a step, or to a question about one.
    fn step_result(&mut self, from: NodeId, step: u32, result: StepOutcome, ctx: &mut Context, out: &mut OutOf<Self>);

    /// Handles the answer to a compensation.
    fn undo_result(&mut self, from: NodeId, step: u32, result: UndoOutcome, ctx: &mut Context, out: &mut OutOf<Self>);

    /// An operator lets the saga continue. Returns `false` if it was not stuck.
    fn resume(&mut self, ctx: &Context, out: &mut OutOf<Self>) -> bool;

    /// The timer of this request fired: the saga sends it again.
    fn resend(&mut self, which: Self::Which, ctx: &Context, out: &mut OutOf<Self>);

    /// Applies a record that follows the begin record, during recovery.
    fn replay(&mut self, record: SagaRecord<Self::Undo>, ctx: &mut Context, out: &mut OutOf<Self>);

    /// Continues after recovery (rules 26 and 27).
    fn recover(&mut self, ctx: &mut Context, out: &mut OutOf<Self>);

    /// The records that recreate the saga.
    fn compact(&self, records: &mut Vec<SagaRecord<Self::Undo>>);
}
