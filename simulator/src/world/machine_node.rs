//! A machine with its driver, its journal and its timers. This is the part of a node that depends on the type of the machine.

use super::{
    disk::Journal,
    kernel::{Alarm, Event, Flight, Kernel, LinkIo, Outlet},
    layout::Layout,
    node_io::{NodeIo, Timers},
};
use indoubt_driver::{
    clock::ClockJump,
    driver::{Driver, Progress, Recovered, StepSend},
    gate::{Disposition, FaultPlan},
    packet::Packet,
    port::Port,
    random::{LazyStream, of_disk},
};
use indoubt_proto::{
    ids::{LogId, Lsn, MessageId},
    inspect::Inspection,
    machine::Machine,
    message::Message,
    planted::Planted,
    time::Micros,
};
use indoubt_scenario::faults::act::OlderCopy;
use std::collections::BTreeMap;

/// Lazy records are flushed if nothing was forced for this time.
const QUIET: Micros = Micros::from_millis(50);

/// A machine of any protocol with its driver. The methods for inputs, and `advance`, are those of [`Driver`].
pub(super) trait Driven {
    /// Boots the next incarnation from the journal.
    fn boot(&mut self);
    /// The node's end of its links.
    fn port(&self) -> &Port;
    /// Replaces the fault plan of the node.
    fn set_plan(&mut self, plan: FaultPlan, layout: &Layout);
    /// The identity of the journal and its last record.
    fn journal(&self) -> (LogId, Lsn);
    fn deliver(&mut self, flight: Flight, kernel: &mut Kernel<'_>);
    fn operator(&mut self, message: Message);
    fn durable(&mut self, upto: Lsn, kernel: &mut Kernel<'_>);
    /// Fires the timer with this number, unless it was disarmed or armed again in the meantime.
    fn fire(&mut self, number: u64);
    /// Makes its clock jump, which moves its armed timers.
    fn jump_clock(&mut self, jump: ClockJump, kernel: &mut Kernel<'_>);
    fn advance(&mut self, kernel: &mut Kernel<'_>) -> Progress;
    fn resume(&mut self, word: Disposition);
    fn fared(&mut self, id: MessageId, lost: bool) -> bool;
    fn sends(&self) -> &[StepSend];
    fn is_idle(&self) -> bool;
    fn is_between_steps(&self) -> bool;
    /// Begins a forced write if the finished step needs one. The node must not be held.
    fn stepped(&mut self, kernel: &mut Kernel<'_>);
    /// Finishes a forced write, and begins the next one if one is due, unless the node is frozen.
    fn forced(&mut self, kernel: &mut Kernel<'_>, frozen: bool) -> Lsn;
    /// Resumes a frozen node between two steps: begins a forced write that became due while it was frozen.
    fn wake(&mut self, kernel: &mut Kernel<'_>);
    /// Flushes lazy records if nothing was forced for a while, unless the node is frozen.
    fn flush(&mut self, kernel: &mut Kernel<'_>, frozen: bool);
    /// Crashes the node. `keep` records of its unforced tail survive; `None`: the number is drawn. Returns the message before which
    /// the node had halted.
    fn crash(&mut self, keep: Option<u64>) -> Option<Packet>;
    /// Replaces the journal, which is lost, by an empty one with this identity.
    fn lose_log(&mut self, log: LogId);
    /// Forgets how often it was started, as a node with a new folder does.
    fn lose_incarnation(&mut self);
    /// The last durable record of its journal.
    fn durable_end(&self) -> Lsn;
    /// Keeps a copy of its journal under the name of this time.
    fn copy_log(&mut self, time: Micros);
    /// Replaces its journal by an older copy, and returns the last record of that. `None`: there is no such copy.
    fn restore_log(&mut self, to: OlderCopy) -> Option<Lsn>;
    /// Whether everything that it logged is durable.
    fn is_flushed(&self) -> bool;
    /// The state of the machine for people; `None` if it is down.
    fn inspect(&self, accounts: bool) -> Option<Inspection>;
}

/// The empty disk of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewDisk {
    /// The identity of the journal.
    pub(super) log: LogId,
    /// The least number of records between two compactions.
    pub(super) compact_every: u64,
    pub(super) planted: Planted,
    /// The master seed of the run.
    pub(super) seed: u64,
}

/// A machine, its journal and its timers.
pub(super) struct MachineNode<M: Machine> {
    /// The machine before any input. Each incarnation starts from a copy of it.
    blank: M,
    driver: Driver<M>,
    outlet: Outlet,
    journal: Journal<M::Record>,
    /// Copies of its journal, by the times at which they were made.
    copies: BTreeMap<Micros, Journal<M::Record>>,
    /// The least number of records between two compactions.
    compact_every: u64,
    /// The stream that decides how much of the journal's tail survives a crash.
    disk: LazyStream,
    timers: Timers<M::Timer>,
    /// The time at which the last forced write began or returned.
    last_force: Micros,
    flush_scheduled: bool,
}

impl<M: Machine> MachineNode<M> {
    /// The node of a machine that was never booted. Its journal is empty.
    pub(super) fn new(blank: M, port: Port, outlet: Outlet, disk: NewDisk) -> Self {
        let NewDisk { log, compact_every, planted, seed } = disk;
        MachineNode {
            blank,
            disk: of_disk(seed, port.id),
            driver: Driver::new(port),
            outlet,
            journal: Journal::new(log, planted),
            copies: BTreeMap::new(),
            compact_every,
            timers: Timers::default(),
            last_force: Micros::ZERO,
            flush_scheduled: false,
        }
    }

    /// The driver, and the world as it sees it.
    fn with_hands<'a, 'k>(&'a mut self, kernel: &'a mut Kernel<'k>) -> (&'a mut Driver<M>, NodeIo<'a, 'k, M>) {
        let MachineNode { driver, outlet, journal, timers, .. } = self;
        let Port { id, start, .. } = driver.port;
        (driver, NodeIo { link: LinkIo { kernel, id, outlet }, start, journal, timers })
    }

    fn begin_force(&mut self, kernel: &mut Kernel<'_>) {
        self.journal.begin();
        self.last_force = kernel.now;
        let (slot, port) = (self.outlet.slot, &self.driver.port);
        let takes = kernel.force_takes(slot, port);
        kernel.queue.push(kernel.now + takes, Event::Forced { slot, start: port.start });
    }

    fn schedule_flush(&mut self, kernel: &mut Kernel<'_>, at: Micros) {
        self.flush_scheduled = true;
        let (slot, start) = (self.outlet.slot, self.driver.port.start);
        kernel.queue.push(at, Event::Flush { slot, start });
    }
}

impl<M: Machine + Clone> Driven for MachineNode<M> {
    fn boot(&mut self) {
        let port = &mut self.driver.port;
        port.begin(port.start + 1, port.incarnation + 1);
        let recovered =
            Recovered { log: self.journal.log(), last: self.journal.last(), records: self.journal.records() };
        self.driver.boot(self.blank.clone(), recovered, self.compact_every);
    }

    fn port(&self) -> &Port {
        &self.driver.port
    }

    fn set_plan(&mut self, plan: FaultPlan, layout: &Layout) {
        self.outlet.connect(&plan.links, layout);
        self.driver.port.gate.set(plan);
    }

    fn journal(&self) -> (LogId, Lsn) {
        (self.journal.log(), self.journal.last())
    }

    fn deliver(&mut self, flight: Flight, kernel: &mut Kernel<'_>) {
        let (driver, mut hands) = self.with_hands(kernel);
        if flight.held {
            driver.deliver_held(flight.packet, &mut hands);
        } else {
            driver.deliver(flight.packet, &mut hands);
        }
    }

    fn operator(&mut self, message: Message) {
        self.driver.operator(message);
    }

    fn durable(&mut self, upto: Lsn, kernel: &mut Kernel<'_>) {
        let (driver, mut hands) = self.with_hands(kernel);
        driver.durable(upto, &mut hands);
    }

    fn fire(&mut self, number: u64) {
        if let Some(timer) = self.timers.fire(number) {
            self.driver.fire(timer);
        }
    }

    fn jump_clock(&mut self, jump: ClockJump, kernel: &mut Kernel<'_>) {
        let port = &self.driver.port;
        let alarm = Alarm { slot: self.outlet.slot, start: port.start };
        let (now, rate) = (kernel.now, port.gate.plan().clock);
        let moved = kernel.queue.move_timers(|of| *of == alarm, |due| jump.moves(due, now, rate));
        self.timers.moved(moved);
    }

    fn advance(&mut self, kernel: &mut Kernel<'_>) -> Progress {
        let (driver, mut hands) = self.with_hands(kernel);
        let Ok(progress) = driver.advance(&mut hands);
        progress
    }

    fn resume(&mut self, word: Disposition) {
        self.driver.resume(word);
    }

    fn fared(&mut self, id: MessageId, lost: bool) -> bool {
        self.driver.fared(id, lost)
    }

    fn sends(&self) -> &[StepSend] {
        self.driver.sends()
    }

    fn is_idle(&self) -> bool {
        self.driver.is_idle()
    }

    fn is_between_steps(&self) -> bool {
        self.driver.is_between_steps()
    }

    fn stepped(&mut self, kernel: &mut Kernel<'_>) {
        if self.journal.is_due() {
            self.begin_force(kernel);
        } else if self.journal.is_idle_with_tail() && !self.flush_scheduled && !kernel.bugs.never_flushed {
            self.schedule_flush(kernel, kernel.now + QUIET);
        }
    }

    fn forced(&mut self, kernel: &mut Kernel<'_>, frozen: bool) -> Lsn {
        let upto = self.journal.finish();
        self.last_force = kernel.now;
        if self.journal.is_due() && !frozen {
            self.begin_force(kernel);
        }
        upto
    }

    fn wake(&mut self, kernel: &mut Kernel<'_>) {
        if self.journal.is_due() {
            self.begin_force(kernel);
        } else if !self.flush_scheduled {
            self.flush(kernel, false);
        }
    }

    fn flush(&mut self, kernel: &mut Kernel<'_>, frozen: bool) {
        self.flush_scheduled = false;
        if frozen || !self.journal.is_idle_with_tail() {
            return;
        }
        let due = self.last_force + QUIET;
        if due <= kernel.now {
            self.begin_force(kernel);
        } else {
            self.schedule_flush(kernel, due);
        }
    }

    fn crash(&mut self, keep: Option<u64>) -> Option<Packet> {
        self.timers.clear();
        self.flush_scheduled = false;
        self.journal.crash(keep, &mut self.disk);
        self.driver.crash()
    }

    fn lose_log(&mut self, log: LogId) {
        self.journal.lose(log);
    }

    fn lose_incarnation(&mut self) {
        self.driver.port.incarnation = 0;
    }

    fn durable_end(&self) -> Lsn {
        self.journal.durable_end()
    }

    fn copy_log(&mut self, time: Micros) {
        self.copies.insert(time, self.journal.copy());
    }

    fn restore_log(&mut self, to: OlderCopy) -> Option<Lsn> {
        match to {
            OlderCopy::Records(records) => self.journal.keep_first(records),
            OlderCopy::AsOf(time) => self.journal = self.copies.get(&time)?.clone(),
        }
        Some(self.journal.last())
    }

    fn is_flushed(&self) -> bool {
        self.journal.is_flushed()
    }

    fn inspect(&self, accounts: bool) -> Option<Inspection> {
        self.driver.machine().map(|machine| machine.inspect(accounts))
    }
}
