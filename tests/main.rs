//! The program tested from outside, as its users run it.

mod definitions;
mod devices;
mod fits;
mod shipped;
mod suite_runs;
mod support;
mod survival;
