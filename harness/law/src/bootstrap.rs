//! The bootstrap and the jackknife: the law fitted again to some of the points.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

use crate::minimize::{Minimum, Problem};

/// Parts that a jackknife leaves out one by one; more units than this are put together.
const MOST_PARTS: usize = 200;

/// Refits to resamples.
#[derive(Debug, Clone)]
pub struct Resamples {
    /// Theta of every resample whose refit converged.
    pub thetas: Vec<Vec<f64>>,
    /// By how much each of these fits its resample better than the fit to all points does.
    pub drops: Vec<f64>,
    /// Resamples whose refit did not converge.
    pub failed: usize,
}

/// Fits the law to units drawn with replacement (Efron 1979), as often as asked, from each of the `strata` as many as it
/// has. Refits begin at the minima that the search over all points found. Resample `i` depends on the seed and on `i`
/// alone.
pub fn resample(
    problem: &Problem,
    minima: &[Vec<f64>],
    strata: &[Vec<Vec<usize>>],
    count: usize,
    seed: u64,
) -> Resamples {
    let refits: Vec<Option<(Vec<f64>, f64)>> = (0..count)
        .into_par_iter()
        .map(|i| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(i as u64);
            let drawn = problem.drawn(&draw(strata, problem.points.len(), &mut rng));
            let refit = refit(&drawn, minima)?;
            let drop = drawn.value(&minima[0]) - refit.value;
            Some((refit.theta, drop))
        })
        .collect();
    let failed = refits.iter().filter(|refit| refit.is_none()).count();
    let (thetas, drops) = refits.into_iter().flatten().unzip();
    Resamples {
        thetas,
        drops,
        failed,
    }
}

/// Draws as many units of each stratum as there are, with replacement: the points in them, and how often each.
fn draw(strata: &[Vec<Vec<usize>>], points: usize, rng: &mut ChaCha8Rng) -> Vec<(usize, f64)> {
    let mut times = vec![0u32; points];
    for units in strata {
        for _ in 0..units.len() {
            for &point in &units[rng.random_range(0..units.len())] {
                times[point] += 1;
            }
        }
    }
    let drawn = times
        .into_iter()
        .enumerate()
        .filter(|(_, times)| *times > 0);
    drawn
        .map(|(point, times)| (point, f64::from(times)))
        .collect()
}

/// Theta with one part of the units left out, for each part in turn.
pub fn jackknife(
    problem: &Problem,
    minima: &[Vec<f64>],
    strata: &[Vec<Vec<usize>>],
) -> Vec<Vec<f64>> {
    let units: Vec<&Vec<usize>> = strata.iter().flatten().collect();
    let parts = units.len().min(MOST_PARTS);
    (0..parts)
        .into_par_iter()
        .filter_map(|part| {
            let kept = units
                .iter()
                .enumerate()
                .filter(|(unit, _)| unit % parts != part);
            let draws = kept.flat_map(|(_, unit)| unit.iter().map(|point| (*point, 1.0)));
            let draws: Vec<_> = draws.collect();
            refit(&problem.drawn(&draws), minima).map(|minimum| minimum.theta)
        })
        .collect()
}

fn refit(problem: &Problem, minima: &[Vec<f64>]) -> Option<Minimum> {
    let refits = minima.iter().map(|theta| problem.refine(theta));
    refits
        .filter(|minimum| minimum.converged)
        .min_by(|a, b| a.value.total_cmp(&b.value))
}
