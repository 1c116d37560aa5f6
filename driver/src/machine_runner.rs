//! Runs the steps of a machine, and decides when its log is compacted.

use indoubt_proto::{
    ids::{LogId, Lsn},
    machine::{Effect, EffectOf, Input, InputOf, Logged, Machine, Out, OutOf},
};

/// A machine with the sink for its effects and the state of compaction.
#[derive(Clone, Debug)]
pub(crate) struct MachineRunner<M: Machine> {
    machine: M,
    out: OutOf<M>,
    /// The last record that the latest compaction replaced.
    compacted: Lsn,
    /// How many records follow it before the next compaction.
    threshold: u64,
    compact_every: u64,
}

impl<M: Machine> MachineRunner<M> {
    /// Boots `machine` from its journal. `last` is the number of the last record that survived. There are at least `compact_every`
    /// records between two compactions. [`MachineRunner::exchange`] returns the effects of recovery.
    pub(crate) fn boot(
        machine: M,
        log: LogId,
        incarnation: u32,
        last: Lsn,
        records: Vec<Logged<M::Record>>,
        compact_every: u64,
    ) -> Self {
        let compacted = records.iter().rfind(|r| r.compacted).map_or(Lsn(0), |r| r.lsn);
        let snapshot = records.iter().filter(|r| r.compacted).count() as u64;
        let threshold = compact_every.max(2 * snapshot);
        let mut runner = MachineRunner { machine, out: Out::new(last), compacted, threshold, compact_every };
        runner.machine.handle(Input::Recover { log, incarnation, records }, &mut runner.out);
        runner
    }

    /// A machine that is already up, with `last` as its last record. Its log is never compacted.
    pub(crate) fn of(machine: M, last: Lsn) -> Self {
        MachineRunner { machine, out: Out::new(last), compacted: last, threshold: u64::MAX, compact_every: u64::MAX }
    }

    pub(crate) fn into_machine(self) -> M {
        self.machine
    }

    /// Gives the machine one input. [`MachineRunner::exchange`] returns the effects.
    pub(crate) fn step(&mut self, input: InputOf<M>) {
        self.machine.handle(input, &mut self.out);
        if self.out.last().0 - self.compacted.0 >= self.threshold {
            self.compact();
        }
    }

    /// Returns the effects of the last step, in order. The effects of the next step will be collected in `empty`.
    pub(crate) fn exchange(&mut self, empty: Vec<EffectOf<M>>) -> Vec<EffectOf<M>> {
        self.out.exchange(empty)
    }

    /// The machine, for reading.
    pub(crate) fn machine(&self) -> &M {
        &self.machine
    }

    /// Replaces the log by records that recreate the current state, if the log is at least twice as long as these records. So the
    /// work of compaction stays proportional to the number of records written.
    fn compact(&mut self) {
        let mut records = Vec::new();
        self.machine.compact(&mut records);
        self.compacted = self.out.last();
        self.threshold = self.compact_every.max(2 * records.len() as u64);
        self.out.push(Effect::Compacted { upto: self.compacted, records });
    }
}
