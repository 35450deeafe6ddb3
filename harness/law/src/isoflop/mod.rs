//! The best model for each budget, read off runs of equal compute, and the three ways of Hoffmann et
//! al. 2022 (arXiv:2203.15556, section 3) to a law of it, side by side.

mod approaches;
mod minimum;
mod slice;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

pub use approaches::{Approach, Bias};
pub use minimum::Method;
pub use slice::Refused;
use slice::Slice;

use crate::interval::{deviation, percentile, quantile};
use crate::{Fit, FitOptions, Form, LawError, Table, fit};

/// Noise where the runs tell nothing of it: their losses to half a percent.
const NOISE_OF_NOTHING: f64 = 5e-3;
/// Draws of noise where no bootstrap is asked: without any, minima could not be weighed.
const LEAST_DRAWS: usize = 200;
/// A minimum is not known better than this share of the distance between models, however small the
/// noise (Porian et al. 2024, who take the same).
const LEAST_SHARE_OF_SPACING: f64 = 1.0 / 3.0;

/// The minimum of a slice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Minimum {
    /// The budget in FLOPs.
    pub flops: f64,
    /// How it was found.
    pub method: Method,
    /// Models in the slice.
    pub models: usize,
    /// Parameters of the best model.
    pub n: f64,
    /// 95% interval of it, by the noise of the losses.
    pub n_ci95: Option<[f64; 2]>,
    /// Standard error of `ln N`, by which the minimum counts.
    pub log_n_se: f64,
    /// Tokens it is trained on for the budget, by 6ND.
    pub d: f64,
    /// Its loss.
    pub loss: f64,
    /// `ln N` with other draws of the noise; `None` where that has no minimum inside.
    #[serde(skip)]
    draws: Vec<Option<f64>>,
}

/// What slices of equal compute say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Isoflop {
    /// Relative noise of the losses, as far as it had to be estimated.
    pub noise: Option<f64>,
    /// The minima of every slice, by each method that gives one.
    pub minima: Vec<Minimum>,
    /// Slices without a minimum, with the cell that would give them one.
    pub refused: Vec<Refused>,
    /// The law of the best model, by each way there is to it.
    pub approaches: Vec<Approach>,
    /// What the second approach makes of the third's law, against that law itself.
    pub bias: Vec<Bias>,
    /// The third approach's law.
    #[serde(skip)]
    pub parametric: Option<Fit>,
}

/// Slices a table of N and D by compute and finds each slice's best model. `flops` has one count per
/// usable point.
///
/// # Errors
/// If fewer than two slices have a minimum: the error names each and the cell to add.
///
/// # Panics
/// If the table has not two variables, or there are not as many `flops` as usable points.
pub fn isoflop(table: &Table, flops: &[f64], options: &FitOptions) -> Result<Isoflop, LawError> {
    assert_eq!(table.variables(), 2, "slices are of N and D");
    assert_eq!(flops.len(), table.len(), "every usable point has its FLOPs");
    if table.with_errors() > 0 {
        table.weights(options.objective)?;
    }
    let slices = Slice::of(table, flops);
    let noise = noise(&slices);
    let (mut minima, mut refused) = (Vec::new(), Vec::new());
    for (index, slice) in slices.iter().enumerate() {
        let mut without = Vec::new();
        for method in Method::ALL {
            match minimum(slice, method, noise, options, index) {
                Some(minimum) => minima.push(minimum),
                None => without.push(method),
            }
        }
        if !without.is_empty() {
            refused.push(slice.refused(without));
        }
    }
    let fewest = Method::ALL.map(|method| of(&minima, method).count());
    if fewest.iter().all(|count| *count < 2) {
        return Err(LawError::NoSlices(no_slices(&refused)));
    }
    let parametric = fit(Form::Chinchilla, table, options)
        .ok()
        .filter(|fit| fit.converged);
    Ok(Isoflop {
        noise: slices
            .iter()
            .any(|slice| slice.se.is_none())
            .then_some(noise),
        approaches: approaches::all(table, flops, &minima, parametric.as_ref(), options),
        bias: parametric
            .as_ref()
            .map(|law| approaches::bias(&slices, &minima, law))
            .unwrap_or_default(),
        minima,
        refused,
        parametric,
    })
}

/// The minima that a method found.
fn of(minima: &[Minimum], method: Method) -> impl Iterator<Item = &Minimum> {
    minima
        .iter()
        .filter(move |minimum| minimum.method == method)
}

fn no_slices(refused: &[Refused]) -> String {
    let each: Vec<String> = refused.iter().map(Refused::to_string).collect();
    format!(
        "fewer than two slices of equal compute have a minimum inside\n  {}",
        each.join("\n  ")
    )
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the slice of {:.3e} FLOPs: {}; add a cell of {:.3e} parameters on {:.3e} tokens",
            self.flops, self.reason, self.add_n, self.add_d
        )
    }
}

/// Relative noise of the losses: the median roughness of all slices, as that of a normal
/// distribution, so that a run that went wrong counts little.
fn noise(slices: &[Slice]) -> f64 {
    const MEDIAN_OF_NORMAL: f64 = 0.674_489_750_196_081_7;
    let rough = slices.iter().flat_map(Slice::roughness).map(f64::abs);
    let rough: Vec<f64> = rough.collect();
    quantile(&rough, 0.5).map_or(NOISE_OF_NOTHING, |median| median / MEDIAN_OF_NORMAL)
}

/// A slice's minimum by a method, and how the noise moves it; `None` where most draws of the noise
/// have none inside.
fn minimum(
    slice: &Slice,
    method: Method,
    noise: f64,
    options: &FitOptions,
    index: usize,
) -> Option<Minimum> {
    if slice.log_n.len() < 3 {
        return None;
    }
    let [log_n, loss] = method.minimum(&slice.log_n, &slice.loss)?;
    let count = options.bootstrap.max(LEAST_DRAWS);
    let normal = Normal::standard();
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    rng.set_stream(index as u64);
    let draws: Vec<Option<f64>> = (0..count)
        .map(|_| {
            let noisy = slice.loss.iter().enumerate().map(|(model, loss)| {
                let se = slice.se.as_ref().map_or(noise * loss, |se| se[model]);
                // An open interval: neither end has a finite quantile.
                let share = rng.random_range(f64::EPSILON..1.0);
                (loss + se * normal.inverse_cdf(share)).max(f64::MIN_POSITIVE)
            });
            let noisy: Vec<f64> = noisy.collect();
            method.minimum(&slice.log_n, &noisy).map(|[log_n, _]| log_n)
        })
        .collect();
    let found: Vec<f64> = draws.iter().flatten().copied().collect();
    if 2 * found.len() < count {
        return None;
    }
    let share = count as f64 / found.len() as f64;
    let least = LEAST_SHARE_OF_SPACING * slice.spacing();
    Some(Minimum {
        flops: slice.flops,
        method,
        models: slice.log_n.len(),
        n: log_n.exp(),
        n_ci95: percentile(&found, 0.025).map(|ends| ends.map(f64::exp)),
        log_n_se: deviation(&found)?.max(least) * share,
        d: slice.flops / (6.0 * log_n.exp()),
        loss,
        draws,
    })
}
