//! Examples at the end of each `--help`.

pub const PLAN: &str = "\
Examples:
  isoflop plan experiments/quick.toml
  isoflop plan experiments/quick.toml --set model.tied_head=false
  isoflop plan experiments/quick.toml --json | jq '.[0].parameters'";

pub const STATUS: &str = "\
Examples:
  isoflop status experiments/quick.toml
  isoflop status experiments/quick.toml --json | jq '.[] | select(.status == \"failed\")'

Exit code 3 where a cell is not done.";

pub const CANCEL: &str = "\
Examples:
  isoflop cancel experiments/quick.toml
  isoflop cancel experiments/gpu.toml --device cuda:0 --results /shared/results";

pub const RERUN: &str = "\
Examples:
  isoflop rerun experiments/quick.toml --status failed,out-of-memory
  isoflop rerun experiments/quick.toml --cell 8e67f106";

pub const TABLE: &str = "\
Examples:
  isoflop table results/quick/flex
  isoflop table results/*/flex
  isoflop table here/results/quick/flex there/results/quick/flex --join results/both/flex";

pub const FIT: &str = "\
Examples:
  isoflop fit results/quick/flex --form chinchilla
  isoflop fit runs.csv --form chinchilla --n params --d tokens --loss val_loss
  isoflop fit runs.csv --form chinchilla --d 'step * batch * 1024' --loss 'log(ppl)'
  isoflop fit runs.csv --form offset --x flops --where \"loss < 4 and dataset = 'rw'\"
  isoflop fit runs.csv --form chinchilla,kaplan --holdout 20
  isoflop fit runs.csv --law all
  isoflop fit runs.csv --law chinchilla --by dataset --shared alpha,beta
  isoflop fit runs.csv --law 'loss = E + A*N^-alpha + B*D^-beta + G*(lr/l0 - 1)^2'
  isoflop fit runs.csv --law 'loss = (a*(1-S)^b + c)*N^-d + e*D^-f + g' --bound 'd > 0'
  isoflop fit runs.csv --form chinchilla --json > fits.json

Columns with usual names are found; docs/FORMAT.md lists these names.";

pub const LAWS: &str = "\
Examples:
  isoflop laws
  isoflop laws chinchilla
  isoflop fit runs.csv --law over-training";

pub const PREDICT: &str = "\
Examples:
  isoflop predict results/quick/flex/fits.json results/quick/flex
  isoflop predict fits.json planned.csv --json";

pub const ALLOCATE: &str = "\
Examples:
  isoflop allocate results/quick/flex/fits.json --flops 1e15
  isoflop allocate fits.json --flops 1e22 --json";

pub const PLOT: &str = "\
Examples:
  isoflop plot results/quick/flex
  isoflop plot results/*/flex --plots /tmp/plots";

pub const SCHEMA: &str = "\
Example:
  isoflop schema > suite.schema.json

With `#:schema suite.schema.json` as the first line of a suite, an editor that knows TOML schemas completes its keys.";

pub const COMPLETIONS: &str = "\
Example:
  isoflop completions bash > ~/.local/share/bash-completion/completions/isoflop";

pub const MAN: &str = "\
Example:
  isoflop man ~/.local/share/man/man1";
