//! What the system knows of this process and this machine.

use std::fs;

use isoflop_suite::Bytes;
use serde::{Deserialize, Serialize};
use sysinfo::{CpuRefreshKind, System};

use crate::place;

/// The machine that a run was made on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Operating system and architecture.
    pub system: String,
    /// The processor's name, where the system tells.
    pub processor: Option<String>,
    /// Hardware threads this process may use.
    pub threads: usize,
}

impl Machine {
    /// This machine.
    pub fn here() -> Self {
        let mut known = System::new();
        known.refresh_cpu_list(CpuRefreshKind::nothing());
        let processor = known.cpus().first().map(|it| it.brand().trim().to_owned());
        Machine {
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            processor: processor.filter(|name| !name.is_empty()),
            threads: cores(),
        }
    }
}

/// Hardware threads that this process may use: by its affinity, its control group, and what a cluster's engine leaves it.
pub fn cores() -> usize {
    let here = std::thread::available_parallelism().map_or(1, usize::from);
    place::cores().map_or(here, |cores| cores.clamp(1, here))
}

/// Begins a new measurement of peak memory. Only Linux can.
pub fn reset_peak_memory() {
    // "5" resets the high-water mark (proc_pid_clear_refs(5)); where it cannot, the peak is that of
    // the process so far.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// Most memory this process has held since the last reset, where the system tells.
pub fn peak_memory() -> Option<Bytes> {
    kibibytes("/proc/self/status", "VmHWM:")
}

/// Memory this process holds now, where the system tells.
pub fn memory_held() -> Option<Bytes> {
    kibibytes("/proc/self/status", "VmRSS:")
}

/// A number of kibibytes in a file of Linux, as bytes.
fn kibibytes(path: &str, name: &str) -> Option<Bytes> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}
