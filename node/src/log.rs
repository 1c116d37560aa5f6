//! The journal as the event loop uses it: encodes records, decides what must be forced at the end of a batch, and forces lazy records
//! that wait too long. Each record is dated, so that after a restart people still see for how long a branch has been in doubt. The
//! machine never sees these dates.

use crate::{
    clock,
    error::NodeError,
    journal::{self, Journal, Options, Owner},
};
use indoubt_driver::{conditions::Latency, random::Stream};
use indoubt_proto::{
    ids::{LogId, Lsn, TxnId},
    machine::{Logged, Record, Write},
    time::Micros,
    wire::Stats,
};
use rustc_hash::FxHashMap;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// How long lazy records wait for a forced write that covers them. After that they are forced on their own.
const IDLE: Micros = Micros::from_millis(50);

/// The journal as the event loop uses it.
#[derive(Debug)]
pub(crate) struct Log {
    journal: Journal,
    id: LogId,
    /// The buffer in which records are encoded.
    scratch: Vec<u8>,
    /// Whether a record that was appended since the last flush must be forced.
    force: bool,
    /// Whether a record that was appended since the last forced write is lazy.
    lazy: bool,
    /// The time at which these lazy records are forced on their own.
    idle: Option<Micros>,
    last: Lsn,
    durable: Lsn,
    /// The last durable record, for sessions, which report it to other nodes.
    told: Arc<AtomicU64>,
    /// The last record that became durable, if it was not taken yet.
    fresh: Option<Lsn>,
    records: u64,
    forced_records: u64,
    compactions: u64,
}

/// A record as it stands in the journal, after the time of the wall clock at which it was first written. A compaction keeps the time
/// of what it writes again.
type Dated<R> = (Micros, R);

/// The records of the journal at the start.
#[derive(Debug)]
pub(crate) struct Recovered<R> {
    pub(crate) log: LogId,
    /// Whether the journal was made just now.
    pub(crate) fresh: bool,
    pub(crate) incarnation: u32,
    pub(crate) last: Lsn,
    pub(crate) records: Vec<Logged<R>>,
    /// When each transaction was first written of, by the monotonic clock.
    pub(crate) since: FxHashMap<TxnId, Micros>,
}

impl Log {
    /// Opens the journal of `owner` in `dir`, and decodes its records.
    pub(crate) fn open<R: Record>(dir: &Path, owner: Owner) -> Result<(Log, Recovered<R>), NodeError> {
        let (journal, found) = Journal::open_with(dir, Options { owner: Some(owner), ..Options::default() })?;
        if found.unmarked {
            tracing::error!(
                "{} has no durable mark beside its journal: if durable records are missing at its end, nobody can know it",
                dir.display()
            );
        }
        let mut since = FxHashMap::default();
        let decode = |found: journal::Record<'_>| match postcard::from_bytes::<Dated<R>>(found.payload) {
            Ok((at, record)) => {
                if let Some(txn) = record.txn() {
                    since.entry(txn).or_insert_with(|| clock::monotonic(at));
                }
                Ok(Logged { lsn: found.lsn, compacted: found.compacted, record })
            }
            Err(error) => Err(NodeError::Record { lsn: found.lsn, error }),
        };
        let records = found.records().map(decode).collect::<Result<_, _>>()?;
        let journal::Recovered { log, fresh, incarnation, last, .. } = found;
        let writer = Log {
            journal,
            id: log,
            scratch: Vec::new(),
            force: false,
            lazy: false,
            idle: None,
            last,
            durable: last,
            told: Arc::new(AtomicU64::new(last.0)),
            fresh: None,
            records: 0,
            forced_records: 0,
            compactions: 0,
        };
        Ok((writer, Recovered { log, fresh, incarnation, last, records, since }))
    }

    /// Sets the random stream for the times of forced writes.
    pub(crate) fn draw_forces_from(&self, random: Stream) {
        self.journal.draw_forces_from(random);
    }

    /// The identity of the journal.
    pub(crate) fn id(&self) -> LogId {
        self.id
    }

    fn encode<R: Record>(&mut self, record: &R) {
        self.scratch.clear();
        let dated: Dated<&R> = (clock::wall(), record);
        self.scratch = postcard::to_extend(&dated, std::mem::take(&mut self.scratch))
            .expect("records are plain data, and a vector takes whatever comes");
    }

    /// Appends a record. The next flush writes it to the file.
    pub(crate) fn append<R: Record>(&mut self, lsn: Lsn, record: &R, write: Write) -> Result<(), NodeError> {
        self.encode(record);
        self.journal.append(lsn, &self.scratch)?;
        self.last = lsn;
        self.records += 1;
        match write {
            Write::Forced => {
                self.force = true;
                self.forced_records += 1;
            }
            Write::Lazy => self.lazy = true,
        }
        Ok(())
    }

    /// Replaces everything up to `upto` by `records`. This counts as a forced write. `since` is when the transactions that are in
    /// doubt or in progress began to be so, by the monotonic clock.
    pub(crate) fn compact<R: Record>(
        &mut self,
        upto: Lsn,
        records: &[R],
        since: &FxHashMap<TxnId, Micros>,
    ) -> Result<(), NodeError> {
        let (now, wall) = (clock::now(), clock::wall());
        let encode = |record: &R| {
            let age = record.txn().and_then(|txn| since.get(&txn)).map_or(Micros::ZERO, |at| now.saturating_sub(*at));
            let dated: Dated<&R> = (wall.saturating_sub(age), record);
            postcard::to_stdvec(&dated).expect("records are plain data")
        };
        self.journal.compact(upto, records.iter().map(encode))?;
        self.compactions += 1;
        self.forced();
        Ok(())
    }

    fn forced(&mut self) {
        (self.force, self.lazy, self.idle) = (false, false, None);
    }

    /// Writes the appended records to the file at the end of a batch, and forces them if a record must be forced.
    pub(crate) fn flush(&mut self, now: Micros) -> Result<(), NodeError> {
        self.journal.flush(self.force)?;
        if self.force {
            self.forced();
        } else if self.lazy && self.idle.is_none() {
            self.idle = Some(now + IDLE);
        }
        Ok(())
    }

    /// Writes the records that were appended so far to the file, in the middle of a step. Nothing is forced yet.
    pub(crate) fn write_unforced(&mut self) -> Result<(), NodeError> {
        Ok(self.journal.flush(false)?)
    }

    /// The time at which lazy records must be forced on their own.
    pub(crate) fn idle_deadline(&self) -> Option<Micros> {
        self.idle
    }

    /// Forces lazy records with the next flush. No record needs this, so it does not count as a forced write.
    pub(crate) fn force_idle(&mut self) {
        self.force = true;
    }

    /// Waits until more records are durable.
    pub(crate) async fn durable(&mut self) -> Result<(), NodeError> {
        let upto = self.journal.durable().await?;
        self.fresh = self.fresh.max(Some(upto));
        Ok(())
    }

    /// The last durable record, if more records became durable since the last call.
    pub(crate) fn take_durable(&mut self) -> Result<Option<Lsn>, NodeError> {
        while let Some(upto) = self.journal.try_durable()? {
            self.fresh = self.fresh.max(Some(upto));
        }
        let fresh = self.fresh.take().filter(|upto| *upto > self.durable);
        self.durable = fresh.unwrap_or(self.durable);
        self.told.store(self.durable.0, Ordering::Release);
        Ok(fresh)
    }

    /// The last durable record, as a value that follows the journal.
    pub(crate) fn follow_durable(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.told)
    }

    /// Sets the distribution of the times of forced writes, and their least time.
    pub(crate) fn set_forces(&self, each: Latency, least: Micros) {
        self.journal.set_force_latency(each);
        self.journal.set_min_force(least);
    }

    /// Adds the counts of the journal to `stats`.
    pub(crate) fn stats(&self, stats: Stats) -> Stats {
        Stats {
            last: self.last,
            durable: self.durable,
            records: self.records,
            forced_records: self.forced_records,
            forces: self.journal.forces(),
            compactions: self.compactions,
            journal_bytes: self.journal.bytes(),
            ..stats
        }
    }

    /// Forces everything and closes the journal. It blocks until the forced write returns.
    pub(crate) fn close(self) -> Result<(), NodeError> {
        Ok(self.journal.close()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indoubt_proto::{ids::NodeId, operation::Key};
    use serde::{Deserialize, Serialize};

    const TXN: TxnId = TxnId { home: NodeId::coordinating(1), client: NodeId::client(1), number: 1 };

    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    struct Prepared(Key);

    impl Record for Prepared {
        fn word(&self) -> &'static str {
            "prepared"
        }

        fn txn(&self) -> Option<TxnId> {
            Some(TXN)
        }
    }

    fn open(dir: &Path) -> (Log, Recovered<Prepared>) {
        let owner = Owner { node: NodeId::participant(1), protocol: "test".into() };
        Log::open(dir, owner).expect("a sound journal")
    }

    #[test]
    fn a_record_keeps_its_date_over_a_restart_and_over_a_compaction() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, found) = open(dir.path());
        assert!(found.since.is_empty());
        let before = clock::now();
        log.append(Lsn(1), &Prepared(Key::new("a")), Write::Forced).unwrap();
        log.append(Lsn(2), &Prepared(Key::new("b")), Write::Forced).unwrap();
        log.flush(before).unwrap();
        log.close().unwrap();
        let (mut log, found) = open(dir.path());
        let second = Micros::from_secs(1);
        assert!(found.since[&TXN] + second >= before && found.since[&TXN] <= clock::now());
        // It has been in doubt for five seconds when the journal is compacted.
        let then = clock::now().saturating_sub(second * 5);
        log.compact(found.last, &[Prepared(Key::new("a"))], &FxHashMap::from_iter([(TXN, then)])).unwrap();
        log.close().unwrap();
        let since = open(dir.path()).1.since[&TXN];
        assert!(since <= then + second && then <= since + second, "{since} is not {then}");
    }
}
