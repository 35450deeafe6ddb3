//! Examples at the end of each `--help`.

pub const DEVICES: &str = "\
Examples:
  isoflop devices
  isoflop devices --device wgpu:0 --precision f32,mixed-f16
  isoflop devices --device faulty:gradient     what the check says of a device that is wrong";

pub const COMPARE: &str = "\
Examples:
  isoflop compare experiments/backends.toml --devices flex,wgpu:0
  isoflop compare experiments/backends.toml --devices wgpu:0,vulkan:0 --rounds 40";

pub const RUN: &str = "\
Examples:
  isoflop run experiments/quick.toml
  isoflop run experiments/gpu.toml --device auto
  isoflop run experiments/quick.toml --set sweep.seed=1 --results results/seed-1

Exit codes: 0 all cells are done and all laws fitted; 3 cells are not done; 4 a law, a device or
a cell's memory was refused.";

pub const SUBMIT: &str = "\
Examples:
  isoflop submit experiments/quick.toml --slurm --dry-run
  isoflop submit experiments/isoflop.toml --slurm --partition long --time 4:00:00
  isoflop submit experiments/gpu.toml --slurm --device cuda:0 --gpus a100:1
  isoflop status experiments/gpu.toml --device cuda:0
  isoflop submit experiments/gpu.toml --kubernetes --image registry/isoflop --claim shared --dry-run

A `[slurm]` table in the definition says the same as the flags; docs/CLUSTER.md has all of it.";
