//! `pace.parquet`: how fast devices train the cells of a suite, a row for each cell and device.

use isoflop_suite::{Bytes, CellId, Flops, Nats, Precision, Seconds, Tokens, Verdict};
use polars::prelude::{Column, DataFrame, NamedFrom, Series};

use crate::LedgerError;
use crate::schema::names;

/// An estimate and its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// One cell on one device.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    /// The cell's identity.
    pub cell: CellId,
    /// The device's name.
    pub device: String,
    /// Its adapter, as the driver names it.
    pub adapter: String,
    /// What the check of the device in the cell's precision said.
    pub device_check: Verdict,
    /// What the cell computes in.
    pub precision: Precision,
    /// The model's width and depth.
    pub shape: [u64; 2],
    /// All parameters.
    pub params: u64,
    /// Tokens of an optimizer step.
    pub tokens_per_step: Tokens,
    /// Every matrix multiply of a step, as kernels run it.
    pub flops_per_step: Flops,
    /// Opening, building, compiling, tuning: until the first steps were done.
    pub first_steps: Option<Seconds>,
    /// A whole step: data, forward, backward, optimizer.
    pub step: Option<Estimate>,
    /// The best rate of matrix multiplies measured on the device in the cell's precision.
    pub peak: Option<Flops>,
    /// Most memory held.
    pub memory: Option<Bytes>,
    /// Training loss of the last timed step.
    pub loss: Option<Nats>,
    /// The loss that every device's finished run of the cell reached.
    pub target_loss: Option<Nats>,
    /// When this device's run reached it.
    pub seconds_to_target: Option<Seconds>,
    /// How many times as fast as the first device.
    pub speed: Option<Estimate>,
    /// What that says, once it is judged.
    pub comparison: Option<Comparison>,
}

/// A device compared with the first one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// It is the first one.
    Baseline,
    /// The interval of its speed lies above one.
    Faster,
    /// The interval of its speed lies below one.
    Slower,
    /// The interval of its speed holds one.
    Same,
    /// It cannot be compared, for this reason.
    NotComparable(String),
}

impl Comparison {
    /// The word for it in tables.
    pub fn as_str(&self) -> &'static str {
        match self {
            Comparison::Baseline => "baseline",
            Comparison::Faster => "faster",
            Comparison::Slower => "slower",
            Comparison::Same => "same",
            Comparison::NotComparable(_) => "not comparable",
        }
    }

    /// Why it cannot be compared.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Comparison::NotComparable(reason) => Some(reason),
            _ => None,
        }
    }
}

/// A column of one value per row.
macro_rules! column {
    ($rows:expr, $name:expr, $of:expr) => {{
        let of = $of;
        let values: Vec<_> = $rows.iter().map(|row: &Pace| of(row)).collect();
        Column::from(Series::new($name.into(), values))
    }};
}

/// The table of a comparison, in the order given.
///
/// # Errors
/// Never, of rows that were made here; Polars may refuse columns.
pub fn pace_table(rows: &[Pace]) -> Result<DataFrame, LedgerError> {
    type P = Pace;
    let rate = |row: &P, of: fn(&Estimate) -> f64| {
        let step = row.step?;
        Some(row.tokens_per_step as f64 / of(&step))
    };
    let columns = vec![
        column!(rows, "cell", |r: &P| r.cell.to_string()),
        column!(rows, "device", |r: &P| r.device.clone()),
        column!(rows, "adapter", |r: &P| r.adapter.clone()),
        column!(rows, "device_check", |r: &P| r.device_check.as_str()),
        column!(rows, "precision", |r: &P| r.precision.as_str()),
        column!(rows, "width", |r: &P| r.shape[0]),
        column!(rows, "depth", |r: &P| r.shape[1]),
        column!(rows, names::PARAMS_TOTAL, |r: &P| r.params),
        column!(rows, "tokens_per_step", |r: &P| r.tokens_per_step),
        column!(rows, "flops_per_step", |r: &P| r.flops_per_step),
        column!(rows, "first_steps_seconds", |r: &P| r.first_steps),
        column!(rows, "step_seconds", |r: &P| r.step.map(|it| it.value)),
        column!(rows, "step_seconds_low", |r: &P| r.step.map(|it| it.low)),
        column!(rows, "step_seconds_high", |r: &P| r.step.map(|it| it.high)),
        column!(rows, "tokens_per_second", |r: &P| rate(r, |it| it.value)),
        column!(rows, "tokens_per_second_low", |r: &P| rate(r, |it| it.high)),
        column!(rows, "tokens_per_second_high", |r: &P| rate(r, |it| it.low)),
        column!(rows, "peak_flops_per_second", |r: &P| r.peak),
        column!(rows, "share_of_peak", |r: &P| {
            Some(r.flops_per_step / r.step?.value / r.peak?)
        }),
        column!(rows, "memory", |r: &P| r.memory),
        column!(rows, names::LOSS, |r: &P| r.loss),
        column!(rows, "target_loss", |r: &P| r.target_loss),
        column!(rows, "seconds_to_target", |r: &P| r.seconds_to_target),
        column!(rows, "speed", |r: &P| r.speed.map(|it| it.value)),
        column!(rows, "speed_low", |r: &P| r.speed.map(|it| it.low)),
        column!(rows, "speed_high", |r: &P| r.speed.map(|it| it.high)),
        column!(rows, "verdict", |r: &P| {
            r.comparison.as_ref().map(Comparison::as_str)
        }),
        column!(rows, "reason", |r: &P| {
            let reason = r.comparison.as_ref().and_then(Comparison::reason);
            reason.map(str::to_owned)
        }),
    ];
    DataFrame::new(rows.len(), columns).map_err(|error| LedgerError::Column(error.to_string()))
}
