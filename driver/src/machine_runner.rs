//! One step of a machine, and when its log is compacted.

use indoubt_proto::{
    ids::{LogId, Lsn},
    machine::{Effect, EffectOf, Input, InputOf, Logged, Machine, Out, OutOf},
};

/// A machine with its effect sink, and the count of records since its last compaction.
#[derive(Clone, Debug)]
pub(crate) struct MachineRunner<M: Machine> {
    machine: M,
    out: OutOf<M>,
    /// The last record that the present compaction replaced.
    compacted: Lsn,
    /// Records after it before the next one.
    threshold: u64,
    compact_every: u64,
}

impl<M: Machine> MachineRunner<M> {
    /// Boots `machine` from what its journal holds. `last` is the number of the last record that survived.
    /// `compact_every` is the least number of records between two compactions. The effects of recovery wait in
    /// [`MachineRunner::exchange`].
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

    /// A machine that is up already, after its record `last`. It is never compacted.
    pub(crate) fn of(machine: M, last: Lsn) -> Self {
        MachineRunner { machine, out: Out::new(last), compacted: last, threshold: u64::MAX, compact_every: u64::MAX }
    }

    pub(crate) fn into_machine(self) -> M {
        self.machine
    }

    /// Feeds one input. Its effects wait in [`MachineRunner::exchange`].
    pub(crate) fn step(&mut self, input: InputOf<M>) {
        self.machine.handle(input, &mut self.out);
        if self.out.last().0 - self.compacted.0 >= self.threshold {
            self.compact();
        }
    }

    /// The effects of the last step, in order, in the buffer in which they were gathered; the next ones go into `empty`.
    pub(crate) fn exchange(&mut self, empty: Vec<EffectOf<M>>) -> Vec<EffectOf<M>> {
        self.out.exchange(empty)
    }

    /// The machine, to look at.
    pub(crate) fn machine(&self) -> &M {
        &self.machine
    }

    /// Replaces the log by the records that recreate the present state. A log is replaced only once it is twice as long
    /// as what would replace it, so the work stays proportional to the records written.
    fn compact(&mut self) {
        let mut records = Vec::new();
        self.machine.compact(&mut records);
        self.compacted = self.out.last();
        self.threshold = self.compact_every.max(2 * records.len() as u64);
        self.out.push(Effect::Compacted { upto: self.compacted, records });
    }
}
