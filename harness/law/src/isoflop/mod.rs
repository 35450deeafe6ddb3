//! The best model for each budget, read off runs of equal compute, and the three ways of Hoffmann et
//! al. 2022 (arXiv:2203.15556, section 3) to a law of it, side by side.

mod approaches;
mod minimum;
mod slice;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use approaches::Found;
pub use approaches::{Approach, BestTokens, Bias, NoApproach};
pub use minimum::Method;
pub use slice::Refused;
use slice::Slice;

use crate::interval::{deviation, holding, percentile, quantile};
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
    /// Standard error of `ln N`, by which the minimum counts: by the noise, and never less than a third of the distance
    /// between models.
    pub log_n_se: f64,
    /// The same by the noise alone.
    #[serde(skip)]
    noise_se: f64,
    /// Tokens it is trained on for the budget, by those of the slice's models.
    pub d: f64,
    /// Its loss.
    pub loss: f64,
    /// `[ln N, ln D]` with other draws of the noise; `None` where that has no minimum inside.
    #[serde(skip)]
    draws: Vec<Option<[f64; 2]>>,
}

/// What slices of equal compute say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Isoflop {
    /// Relative noise of the losses, as far as it had to be estimated.
    pub noise: Option<f64>,
    /// Whether that is assumed, since no slice has enough models to estimate it from.
    #[serde(default)]
    pub noise_assumed: bool,
    /// Runs in no slice: their FLOPs are neighbours by chance.
    #[serde(default)]
    pub in_no_slice: usize,
    /// The minima of every slice, by each method that gives one.
    pub minima: Vec<Minimum>,
    /// Slices without a minimum, with the cell that would give them one.
    pub refused: Vec<Refused>,
    /// The law of the best model, by each way there is to it.
    pub approaches: Vec<Approach>,
    /// Ways to it that these runs do not have, and why.
    #[serde(default)]
    pub without: Vec<NoApproach>,
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
/// If fewer than two slices have a minimum: the error names each and the cell to add. If the runs are not of
/// equal compute by design.
///
/// # Panics
/// If the table has not two variables, or there are not as many `flops` as usable points.
pub fn isoflop(table: &Table, flops: &[f64], options: &FitOptions) -> Result<Isoflop, LawError> {
    assert_eq!(table.variables(), 2, "slices are of N and D");
    assert_eq!(flops.len(), table.len(), "every usable point has its FLOPs");
    if table.with_errors() > 0 {
        table.weights(options.objective)?;
    }
    let (slices, in_no_slice) = Slice::of_one_budget(Slice::of(table, flops));
    let whole = slices.iter().filter(|slice| slice.is_whole());
    if in_no_slice > whole.map(|slice| slice.runs).sum() {
        return Err(LawError::NoDesign {
            runs: in_no_slice,
            of: table.len(),
        });
    }
    let (noise, noise_assumed) = noise(&slices).map_or((NOISE_OF_NOTHING, true), |it| (it, false));
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
    let parametric = match fit(Form::Chinchilla, table, options) {
        Ok(fit) if fit.converged => Ok(fit),
        Ok(_) => Err("its fit did not converge".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    let found = Found {
        table,
        flops,
        slices: &slices,
        minima: &minima,
        law: parametric.as_ref().map_err(Clone::clone),
        options,
    };
    let (approaches, without) = approaches::all(&found);
    let bias = approaches::bias(&found, &approaches);
    let unknown = slices.iter().any(|slice| slice.se.is_none());
    Ok(Isoflop {
        noise: unknown.then_some(noise),
        noise_assumed: unknown && noise_assumed,
        in_no_slice,
        approaches,
        without,
        bias,
        minima,
        refused,
        parametric: parametric.ok(),
    })
}

/// The minima that a method found.
fn of(minima: &[Minimum], method: Method) -> impl Iterator<Item = &Minimum> {
    minima
        .iter()
        .filter(move |minimum| minimum.method == method)
}

/// Slices that an error names.
const MOST_NAMED: usize = 8;

fn no_slices(refused: &[Refused]) -> String {
    let each = refused.iter().take(MOST_NAMED).map(Refused::to_string);
    let more = refused.len().saturating_sub(MOST_NAMED);
    let more = (more > 0).then(|| format!("and {more} more"));
    format!(
        "fewer than two slices of equal compute have a minimum inside\n  {}",
        each.chain(more).collect::<Vec<_>>().join("\n  ")
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

/// Relative noise of the losses: the larger of what models that repeat say of it, and of the median roughness of all
/// slices, as that of a normal distribution, so that a run that went wrong counts little. `None` where no model
/// repeats and no slice has five.
fn noise(slices: &[Slice]) -> Option<f64> {
    const MEDIAN_OF_NORMAL: f64 = 0.674_489_750_196_081_7;
    let rough = slices.iter().flat_map(Slice::roughness).map(f64::abs);
    let rough: Vec<f64> = rough.collect();
    let rough = quantile(&rough, 0.5).map(|median| median / MEDIAN_OF_NORMAL);
    let repeats: usize = slices.iter().map(|slice| slice.repeats.0).sum();
    let squares: f64 = slices.iter().map(|slice| slice.repeats.1).sum();
    let repeated = (repeats > 0).then(|| (squares / repeats as f64).sqrt());
    rough.into_iter().chain(repeated).reduce(f64::max)
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
    if !slice.is_whole() {
        return None;
    }
    let [log_n, loss] = method.minimum(&slice.log_n, &slice.loss)?;
    let count = options.bootstrap.max(LEAST_DRAWS);
    let normal = Normal::standard();
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    rng.set_stream(index as u64);
    let draws: Vec<Option<[f64; 2]>> = (0..count)
        .map(|_| {
            let noisy = slice.loss.iter().enumerate().map(|(model, loss)| {
                // The mean of several runs is as much surer.
                let of_mean = noise / (slice.runs_of[model] as f64).sqrt();
                let se = slice.se.as_ref().map_or(of_mean * loss, |se| se[model]);
                // An open interval: neither end has a finite quantile.
                let share = rng.random_range(f64::EPSILON..1.0);
                (loss + se * normal.inverse_cdf(share)).max(f64::MIN_POSITIVE)
            });
            let noisy: Vec<f64> = noisy.collect();
            let [log_n, _] = method.minimum(&slice.log_n, &noisy)?;
            Some([log_n, slice.log_d(log_n)])
        })
        .collect();
    let found: Vec<f64> = draws.iter().flatten().map(|[log_n, _]| *log_n).collect();
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
        n_ci95: percentile(&found, 0.025)
            .and_then(|ends| holding(log_n, ends))
            .map(|ends| ends.map(f64::exp)),
        log_n_se: deviation(&found)?.max(least) * share,
        noise_se: deviation(&found)? * share,
        d: slice.log_d(log_n).exp(),
        loss,
        draws,
    })
}
