//! The cluster, and what is done to it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::Duration;

use crate::support::project;

/// A Slurm of two nodes on this machine.
pub struct Cluster {
    folder: PathBuf,
}

static ONE: OnceLock<Cluster> = OnceLock::new();

impl Cluster {
    /// The one cluster, started where it is not there yet.
    pub fn here() -> &'static Self {
        ONE.get_or_init(|| {
            let folder = std::env::temp_dir().join(format!("slurm-{}", std::process::id()));
            let cluster = Cluster { folder };
            cluster.script("start");
            // SAFETY: one test runs at a time, and none has begun that reads it.
            unsafe { std::env::set_var("SLURM_CONF", cluster.folder.join("slurm.conf")) };
            cluster
        })
    }

    /// Stops it where it was started.
    pub fn stop() {
        if let Some(cluster) = ONE.get() {
            cluster.script("stop");
            let _ = std::fs::remove_dir_all(&cluster.folder);
        }
    }

    fn script(&self, what: &str) {
        let script = project().join("tests/slurm/cluster.sh");
        let done = Command::new(script).arg(what).arg(&self.folder).status();
        assert!(done.expect("bash").success(), "cluster.sh {what}");
    }

    /// Lets some seconds pass.
    pub fn pause(&self, seconds: u64) {
        sleep(Duration::from_secs(seconds));
    }

    pub fn scontrol(&self, words: &str) {
        said("scontrol", &words.split(' ').collect::<Vec<_>>());
    }

    /// Starts a daemon that was killed.
    pub fn daemon(&self, program: &str, words: &[&str]) {
        let path = Path::new("/usr/sbin").join(program);
        let mut command = Command::new(path);
        command
            .args(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        assert!(command.status().expect("a daemon").success());
    }

    /// Cancels all elements in a state.
    pub fn scancel(&self, state: &str) {
        said("scancel", &[&format!("--state={state}"), "--user=root"]);
    }

    /// Sends a signal to the processes whose command line ends so and that belong to this cluster.
    pub fn signal(&self, command: &str, signal: &str) {
        let found: Vec<u32> = processes()
            .into_iter()
            .filter(|(_, words, _)| words.ends_with(command) && !words.contains("slurmstepd"))
            .map(|(process, ..)| process)
            .collect();
        assert!(!found.is_empty(), "no {command}");
        for process in found {
            said("kill", &[&format!("-{signal}"), &process.to_string()]);
        }
    }

    /// Kills one of the program's processes that were started for this.
    pub fn kill_one(&self, what: &str, which: usize) {
        let found: Vec<u32> = processes()
            .into_iter()
            .filter(|(_, words, in_job)| *in_job && words.contains(&format!("isoflop {what} ")))
            .map(|(process, ..)| process)
            .collect();
        if !found.is_empty() {
            let process = found[which % found.len()].to_string();
            // It may have ended by itself.
            let _ = Command::new("kill")
                .args(["-KILL", &process])
                .stderr(Stdio::null())
                .status();
        }
    }

    /// The nodes of the elements that run, one for each.
    pub fn running(&self) -> Vec<String> {
        let output = Command::new("squeue")
            .args(["-h", "-r", "-t", "running", "-o", "%N"])
            .output()
            .expect("squeue");
        let nodes = String::from_utf8_lossy(&output.stdout);
        nodes.lines().map(str::to_owned).collect()
    }

    /// Jobs and elements that have not ended.
    pub fn left(&self) -> Option<usize> {
        let output = Command::new("squeue")
            .args(["-h", "-r"])
            .output()
            .expect("squeue");
        let lines = String::from_utf8_lossy(&output.stdout).lines().count();
        output.status.success().then_some(lines)
    }
}

/// Number, command line, and whether it runs in a job, of all processes.
fn processes() -> Vec<(u32, String, bool)> {
    let entries = std::fs::read_dir("/proc").expect("Linux").flatten();
    let of = |entry: std::fs::DirEntry| {
        let number = entry.file_name().to_string_lossy().parse().ok()?;
        let read = |name: &str| std::fs::read(entry.path().join(name)).ok();
        let words = String::from_utf8_lossy(&read("cmdline")?).replace('\0', " ");
        let in_job = String::from_utf8_lossy(&read("environ")?).contains("SLURM_JOB_ID=");
        Some((number, words.trim().to_owned(), in_job))
    };
    entries.filter_map(of).collect()
}

fn said(program: &str, words: &[&str]) {
    let output = Command::new(program)
        .args(words)
        .output()
        .expect("a program");
    assert!(output.status.success(), "{program} {words:?}: {output:?}");
}
