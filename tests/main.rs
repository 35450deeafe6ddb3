//! The program tested from outside, as its users run it.

mod answers;
mod cluster;
mod command_line;
mod definitions;
mod devices;
mod fits;
mod hostile;
mod laws;
mod looks;
mod shipped;
mod suite_runs;
mod support;
mod survival;
mod tables;
