//! How much memory there is to train in.

use std::fs;

use isoflop_suite::Bytes;
use sysinfo::{MemoryRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::place;

/// Memory that a process of this machine can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All of it: the machine's, or what a control group, a limit of the process or a cluster's engine leaves.
    pub total: Bytes,
    /// What of it is free now.
    pub free: Bytes,
}

impl Memory {
    /// Asks the system; `None` where it does not tell.
    pub fn here() -> Option<Self> {
        let mut system = System::new();
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        let mut memory = Memory {
            total: system.total_memory(),
            free: system.available_memory(),
        };
        if memory.total == 0 {
            return None;
        }
        let process = Pid::from_u32(std::process::id());
        system.refresh_processes_specifics(
            ProcessesToUpdate::Some(&[process]),
            false,
            ProcessRefreshKind::nothing(),
        );
        // A container may see its own group under another path, at the root of what is mounted.
        let group = system.process(process).and_then(|it| it.cgroup_limits());
        let group = group.or_else(|| system.cgroup_limits());
        if let Some(group) = group {
            memory.total = memory.total.min(group.total_memory);
            // What the group's usage counts beside this are cached files, which give way.
            memory.free = memory.free.min(memory.total.saturating_sub(group.rss));
        }
        for limit in [address_space(), place::memory()].into_iter().flatten() {
            memory.total = memory.total.min(limit);
            memory.free = memory.free.min(limit);
        }
        Some(memory)
    }
}

/// The limit on this process's address space (`ulimit -v`), where it has one.
fn address_space() -> Option<Bytes> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// How many processes Linux has killed for want of memory, of this control group or, where that is
/// not told, of the machine.
pub fn memory_kills() -> u64 {
    let of_group = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = of_group.lines().find_map(|line| line.strip_prefix("0::"));
    let events = group.map(|group| format!("/sys/fs/cgroup{group}/memory.events"));
    let sources = events.into_iter().chain(["/proc/vmstat".to_owned()]);
    let counted = sources.filter_map(|path| {
        let text = fs::read_to_string(path).ok()?;
        let count = text
            .lines()
            .find_map(|line| line.strip_prefix("oom_kill "))?;
        count.trim().parse().ok()
    });
    counted.max().unwrap_or(0)
}

/// How glibc's allocator is to be set, by its environment variables, in a process that trains. Training frees and
/// takes the same large buffers every step. glibc gives each back to the system and has it mapped and cleared
/// anew; told not to, steps are a third faster. In huge pages, where Linux gives them to those who ask, they are
/// another 3% faster.
pub const ALLOCATOR: [(&str, &str); 5] = [
    ("MALLOC_MMAP_THRESHOLD_", "4294967296"),
    ("MALLOC_TRIM_THRESHOLD_", "17179869184"),
    ("MALLOC_TOP_PAD_", "67108864"),
    // Of several arenas each would keep what its threads freed, and a cell's memory be that of those before.
    ("MALLOC_ARENA_MAX", "1"),
    ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"),
];

/// Gives the system back what earlier cells of this process have freed, so that a cell's peak is its
/// own. glibc keeps freed memory for itself, and is told to keep all of it while a cell trains.
pub fn give_back_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it only releases memory that nobody uses.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn free_memory_is_a_part_of_all() {
        let memory = Memory::here().unwrap();
        assert!(
            memory.free <= memory.total && memory.total > 1 << 28,
            "{memory:?}"
        );
    }
}
