//! An alarm with a precision of microseconds. The timers of the runtime count in milliseconds and round up, which would double a
//! latency of 1 ms on every hop. On Linux the alarm uses a timerfd; elsewhere it uses the timers of the runtime.

use indoubt_proto::time::Micros;

#[cfg(target_os = "linux")]
pub(crate) use timerfd::Alarm;

#[cfg(not(target_os = "linux"))]
pub(crate) use portable::Alarm;

#[cfg(target_os = "linux")]
mod timerfd {
    use super::Micros;
    use crate::clock;
    use rustix::{
        fd::OwnedFd,
        time::{
            Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
        },
    };
    use std::io;
    use tokio::io::{Interest, unix::AsyncFd};

    /// An alarm that rings at a time of [`clock::now`].
    #[derive(Debug)]
    pub(crate) struct Alarm {
        fd: AsyncFd<OwnedFd>,
        /// The time for which the kernel's timer is set.
        set: Option<Micros>,
    }

    impl Alarm {
        /// An alarm that is not set. It belongs to the current runtime.
        #[expect(
            deprecated,
            reason = "its successor is unsafe, for types that may swap their descriptor; OwnedFd cannot"
        )]
        pub(crate) fn new() -> io::Result<Alarm> {
            let fd = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
            Ok(Alarm { fd: AsyncFd::with_interest(fd, Interest::READABLE)?, set: None })
        }

        /// Waits until `at`, or for ever without it. It may ring early, so the caller must look at the clock. The future may be
        /// dropped, and the method called again.
        ///
        /// # Errors
        /// If the kernel rejects the timerfd call.
        pub(crate) async fn ring(&mut self, at: Option<Micros>) -> io::Result<()> {
            let Some(at) = at else { return std::future::pending().await };
            if at <= clock::now() {
                return Ok(());
            }
            // Deadlines mostly move forward. An alarm that is set too early rings once in vain, which costs less than a system
            // call for every move.
            if self.set.is_none_or(|set| at < set) {
                let value = Timespec { tv_sec: (at.0 / 1_000_000) as i64, tv_nsec: (at.0 % 1_000_000 * 1_000) as _ };
                let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
                timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &once)?;
                self.set = Some(at);
            }
            self.fd.async_io(Interest::READABLE, |fd| Ok(rustix::io::read(fd, &mut [0; 8])?)).await?;
            self.set = None;
            Ok(())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod portable {
    use super::Micros;
    use crate::clock;
    use std::{io, time::Duration};

    /// An alarm that rings at a time of [`clock::now`], with a precision of about a millisecond.
    #[derive(Debug)]
    pub(crate) struct Alarm;

    impl Alarm {
        /// An alarm that is not set.
        pub(crate) fn new() -> io::Result<Alarm> {
            Ok(Alarm)
        }

        /// Waits until `at`, or for ever without it. The future may be dropped, and the method called again.
        pub(crate) async fn ring(&mut self, at: Option<Micros>) -> io::Result<()> {
            let Some(at) = at else { return std::future::pending().await };
            tokio::time::sleep(Duration::from_micros(at.saturating_sub(clock::now()).0)).await;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use futures_util::FutureExt;

    async fn wait(alarm: &mut Alarm, at: Micros) {
        while clock::now() < at {
            alarm.ring(Some(at)).await.unwrap();
        }
    }

    #[tokio::test]
    async fn it_rings_for_an_earlier_instant_after_a_later_one_and_the_other_way_round() {
        let mut alarm = Alarm::new().unwrap();
        let start = clock::now();
        let later = start + Micros::from_secs(3_600);
        assert!(alarm.ring(Some(later)).now_or_never().is_none(), "an hour has not passed");
        wait(&mut alarm, start + Micros::from_millis(2)).await;
        assert!(alarm.ring(Some(later)).now_or_never().is_none());
        wait(&mut alarm, start + Micros::from_millis(4)).await;
        assert!(alarm.ring(None).now_or_never().is_none());
        alarm.ring(Some(start)).await.unwrap();
    }
}
