//! What the driver cannot do because it takes time: waiting for the lab when the node halts, and sending out what was done so far.

use crate::{
    event_loop::{Engine, Stop, told},
    lab::Command,
    trace::Trace,
};
use indoubt_driver::{
    driver::{Halt, Progress, SendState},
    gate::Disposition,
    packet::Packet,
    wire::{LabCommand, SentMessage},
};
use indoubt_proto::{ids::Lsn, machine::Machine};

/// How many turns other tasks get before a node tells the lab that it halted or took a message. By then the kernel has what the node
/// sent.
const TURNS_TO_LEAVE: usize = 32;

impl<M: Machine> Engine<M> {
    /// Handles a message that has arrived.
    pub(crate) async fn deliver(&mut self, packet: Packet) -> Result<(), Stop> {
        self.driver.deliver(packet, &mut self.hands);
        self.advance().await
    }

    /// Handles a message that faults have held here and that is now due.
    pub(crate) async fn deliver_held(&mut self, packet: Packet) -> Result<(), Stop> {
        self.driver.deliver_held(packet, &mut self.hands);
        self.advance().await
    }

    pub(crate) async fn durable(&mut self, upto: Lsn) -> Result<(), Stop> {
        self.driver.durable(upto, &mut self.hands);
        self.advance().await
    }

    pub(crate) async fn fire(&mut self, timer: M::Timer) -> Result<(), Stop> {
        self.driver.fire(timer);
        self.advance().await
    }

    /// Performs the effects of the last input, with all halts on the way.
    pub(crate) async fn advance(&mut self) -> Result<(), Stop> {
        self.hands.trace.iter_mut().for_each(Trace::begin_step);
        while let Progress::Halted(halt) = self.driver.advance(&mut self.hands)? {
            let word = self.halt(halt).await?;
            self.driver.resume(word);
        }
        self.hands.trace.iter_mut().for_each(Trace::end_step);
        if !self.hands.reports.is_empty() {
            // The lab may kill or freeze this node at once, so the messages of the step must have left before.
            self.let_out().await?;
            self.hands.tell_lab();
        }
        Ok(())
    }

    /// Sends out what was done so far, without waiting for the disk.
    async fn let_out(&mut self) -> Result<(), Stop> {
        self.hands.flush_trace()?;
        self.hands.log.write_unforced()?;
        self.flush_links();
        for _ in 0..TURNS_TO_LEAVE {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Halts: sends out what was done so far, asks the lab, and waits for its answer. New fault plans are obeyed in the meantime;
    /// inputs wait. Without a lab, nothing happens to the message.
    async fn halt(&mut self, halt: Halt) -> Result<Disposition, Stop> {
        if !self.hands.lab.attached() {
            return Ok(Disposition::default());
        }
        self.let_out().await?;
        self.hands.tell_lab();
        let Halt { rules, txn, .. } = halt;
        let of_this = self.driver.sends().iter().filter(|send| txn.is_none() || send.txn == txn);
        let sent =
            of_this.map(|send| SentMessage { id: send.id, to: send.to, lost: send.state == SendState::Lost }).collect();
        let asked = self.hands.lab.ask(rules, txn, sent);
        let word = loop {
            let command = tokio::select! {
                biased;
                () = told(&mut self.stop) => return Err(Stop::Told),
                command = self.hands.lab.command() => command,
            };
            match command {
                Some(Command::Lab(LabCommand::Release { ask, disposition })) if ask == asked => break disposition,
                Some(Command::Lab(command)) => self.obey(Command::Lab(command)),
                // The lab that was asked is gone, and a new one does not know the question.
                Some(attached_or_detached) => {
                    self.obey(attached_or_detached);
                    break Disposition::default();
                }
                None => break Disposition::default(),
            }
        };
        self.hands.wake();
        Ok(word)
    }
}
