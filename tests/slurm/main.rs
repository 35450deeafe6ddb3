//! A suite on a real Slurm of two nodes on this machine, which is disturbed in every way that clusters know.
//!
//! `cargo test --release --test slurm -- --ignored` takes about ten minutes, and needs Slurm, munge and a database for the accounting (Debian:
//! `apt-get install slurm-wlm slurmdbd mariadb-server`). `cluster.sh` beside this file starts and stops it.

mod cluster;
mod disturb;
#[path = "../support.rs"]
mod support;

use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};

use cluster::Cluster;
use disturb::{Suite, disturbed};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They share the cluster, and the machine's cores.
    arguments.test_threads = Some(1);
    let trials = vec![
        trial("nothing_happens", || disturbed(Suite::forty(), |_| {})),
        trial("a_node_is_set_down", || {
            disturbed(Suite::forty(), |cluster| {
                cluster.scontrol("update nodename=n1 state=down reason=test");
                cluster.pause(15);
                cluster.scontrol("update nodename=n1 state=resume");
            });
        }),
        trial("a_node_is_set_down_while_its_processes_live_on", || {
            disturbed(Suite::forty(), |cluster| {
                // A node that hears nothing: Slurm queues its elements again, and their processes train on.
                cluster.signal("slurmd -N n1", "STOP");
                cluster.scontrol("update nodename=n1 state=down reason=test");
                cluster.pause(15);
                cluster.signal("slurmd -N n1", "CONT");
                cluster.scontrol("update nodename=n1 state=resume");
            });
        }),
        trial("slurmd_is_killed", || {
            disturbed(Suite::forty(), |cluster| {
                cluster.signal("slurmd -N n1", "KILL");
                cluster.pause(35);
                cluster.daemon("slurmd", &["-N", "n1"]);
            });
        }),
        trial("slurmctld_is_killed", || {
            disturbed(Suite::forty(), |cluster| {
                // What it was told in its last seconds it forgets.
                cluster.pause(8);
                cluster.signal("slurmctld", "KILL");
                cluster.pause(5);
                cluster.daemon("slurmctld", &[]);
            });
        }),
        trial("workers_and_elements_are_killed", || {
            disturbed(Suite::forty(), |cluster| {
                for round in 0..6 {
                    cluster.kill_one(if round % 2 == 0 { "child" } else { "element" }, round);
                    cluster.pause(2);
                }
            });
        }),
        trial("elements_are_cancelled", || {
            disturbed(Suite::forty(), |cluster| {
                cluster.scancel("PENDING");
                cluster.pause(3);
                cluster.scancel("RUNNING");
            });
        }),
        trial("the_time_limit_cuts_every_cell", || {
            disturbed(Suite::long(), |_| {})
        }),
        trial("refusals_say_what_to_do", disturb::refusals),
        trial("elements_go_where_a_gpu_is", disturb::where_a_gpu_is),
        trial("a_folder_that_is_not_shared_is_told", disturb::not_shared),
        trial("cancel_stops_what_is_left", disturb::cancelled),
    ];
    let conclusion = libtest_mimic::run(&arguments, trials);
    Cluster::stop();
    conclusion.exit_code()
}

fn trial(name: &str, test: impl Fn() + Send + 'static) -> Trial {
    let test = move || {
        test();
        Ok(())
    };
    Trial::test(name, test).with_ignored_flag(true)
}

/// How long a scenario may take.
const LIMIT: Duration = Duration::from_secs(420);
