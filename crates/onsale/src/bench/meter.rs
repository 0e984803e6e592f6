//! What a measurement costs each process: CPU time by role, from Linux' /proc.

use std::collections::BTreeMap;

use stack::{ReadyFile, Stack};

/// Clock ticks a second in /proc, on every Linux that matters.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds by role.
pub type Cpu = BTreeMap<&'static str, f64>;

/// Measures one stack.
pub struct Meter {
    roles: Vec<(&'static str, Vec<u32>)>,
    before: Cpu,
}

impl Meter {
    /// Starts measuring.
    pub fn start(stack: &Stack) -> Self {
        let ReadyFile { pids, .. } = stack.ready();
        let roles = vec![
            ("nginx", family(pids.nginx)),
            ("gatekeeper", pids.gatekeeper.clone()),
            ("redis", vec![pids.redis]),
            ("vault", vec![pids.vault]),
            ("postgres", family(pids.postgres)),
        ];
        let mut meter = Self { roles, before: Cpu::new() };
        meter.before = meter.read();
        meter
    }

    /// CPU seconds since the start.
    pub fn stop(&self) -> Cpu {
        self.read()
            .into_iter()
            .map(|(role, after)| (role, after - self.before.get(role).copied().unwrap_or(0.0)))
            .collect()
    }

    fn read(&self) -> Cpu {
        self.roles.iter().map(|(role, pids)| (*role, pids.iter().filter_map(|pid| cpu_seconds(*pid)).sum())).collect()
    }
}

/// Memory by role, in MiB; pages that processes share are shared out among them.
pub fn memory_mib(stack: &Stack) -> BTreeMap<&'static str, f64> {
    let pids = stack.ready().pids;
    let of = |pids: &[u32]| {
        let kilobytes: u64 = pids.iter().filter_map(|pid| share_kilobytes(*pid)).sum();
        f64::from(u32::try_from(kilobytes).unwrap_or(u32::MAX)) / 1_024.0
    };
    BTreeMap::from([
        ("nginx", of(&family(pids.nginx))),
        ("gatekeeper", of(&pids.gatekeeper)),
        ("redis", of(&[pids.redis])),
        ("vault", of(&[pids.vault])),
        ("postgres", of(&family(pids.postgres))),
    ])
}

/// Memory of a process.
pub fn resident_kilobytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// Memory of a process, with its share of what it has in common with others.
fn share_kilobytes(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// A process and its children.
fn family(parent: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let children = pids.filter(|pid| stat(*pid).is_some_and(|fields| fields.first() == Some(&u64::from(parent))));
    std::iter::once(parent).chain(children).collect()
}

fn cpu_seconds(pid: u32) -> Option<f64> {
    let fields = stat(pid)?;
    let ticks = u32::try_from(fields.get(10)? + fields.get(11)?).ok()?;
    Some(f64::from(ticks) / TICKS_PER_SECOND)
}

/// The numbers of /proc/PID/stat from the parent's id on; negative ones as 0.
fn stat(pid: u32) -> Option<Vec<u64>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name, which may contain anything, and the state.
    let rest = text.rsplit_once(") ")?.1;
    Some(rest.split(' ').skip(1).map(|field| field.parse().unwrap_or(0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_is_seen_working() {
        let me = std::process::id();
        let before = cpu_seconds(me).unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_millis(200);
        while std::time::Instant::now() < until {
            std::hint::spin_loop();
        }
        assert!(cpu_seconds(me).unwrap() > before + 0.05);
        assert!(resident_kilobytes(me).unwrap() > 1_000);
        assert!((100..=resident_kilobytes(me).unwrap()).contains(&share_kilobytes(me).unwrap()));
        assert_eq!(family(me)[0], me);
    }
}
