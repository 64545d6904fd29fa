//! What a process has used so far, from `/proc` (proc(5)). Elsewhere than on Linux there is nothing to read.

use std::path::Path;
use std::time::Duration;

/// Ticks a second in `/proc/PID/stat`: `USER_HZ`, which is 100 on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// Processor time and memory of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// In user and system mode together.
    pub(crate) processor: Duration,
    /// Resident memory, in KiB.
    pub(crate) resident_kib: u64,
}

impl Usage {
    /// Of the process `pid`, if it runs.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        Self::read(&pid.to_string())
    }

    /// Of this process.
    pub(crate) fn own() -> Self {
        Self::read("self").unwrap_or_default()
    }

    fn read(process: &str) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        Some(Self { processor: processor(&stat)?, resident_kib: resident_kib(&status)? })
    }
}

/// Whether there is such a process, be it one that tells nothing.
pub(crate) fn is_process(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

/// The sum of `utime` and `stime`, the 14th and 15th field.
fn processor(stat: &str) -> Option<Duration> {
    // The second field is the program's name in parentheses, and may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (u32, u32) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(TICK * user.saturating_add(system))
}

fn resident_kib(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "42 (a) b ) S 1 42 42 0 -1 4194304 100 0 0 0 150 25 0 0 20 0 1 0 100 1000 200";
        assert_eq!(processor(stat), Some(Duration::from_millis(1750)));
    }

    #[test]
    fn memory_is_read_in_kib() {
        assert_eq!(resident_kib("Name:\tx\nVmHWM:\t  900 kB\nVmRSS:\t    1234 kB\n"), Some(1234));
    }

    #[test]
    fn this_process_uses_memory() {
        assert!(Usage::own().resident_kib > 100);
        assert_eq!(Usage::of(u32::MAX), None);
    }
}
