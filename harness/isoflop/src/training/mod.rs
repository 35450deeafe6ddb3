//! What only a build with training has: suites run in worker processes, devices are checked and compared.

pub mod capacity;
pub mod child;
pub mod children;
pub mod compare;
pub mod devices;
mod program;
pub mod run;
