//! Suites on a cluster. Its engine schedules processes; each of these takes cells from the results' folder by lease, so
//! that whatever the engine does or says, the folder is the truth.

mod error;
mod groups;
mod kubernetes;
mod program;
mod script;
mod slurm;
mod submission;

pub use error::ClusterError;
pub use groups::{Group, Request, groups};
pub use kubernetes::{Manifest, SUITE, VOLUME, apply};
pub use script::Script;
pub use slurm::{Element, array_limit, cancel, check, elements, requeue, submit};
pub use submission::{Array, LOGS, SUBMISSIONS, Submission, submissions};
