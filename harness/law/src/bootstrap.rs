//! The bootstrap: the law fitted again to points drawn with replacement (Efron 1979).

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use crate::minimize::Problem;

/// Theta of every resample whose refit converged. Resample `i` depends on the seed and on `i` alone.
pub fn resample(
    problem: &Problem,
    optimum: &[f64],
    starts: &[Vec<f64>],
    count: usize,
    seed: u64,
) -> Vec<Vec<f64>> {
    (0..count)
        .filter_map(|i| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(i as u64);
            refit(&drawn(problem, &mut rng), optimum, starts)
        })
        .collect()
}

/// The problem with points drawn as often as there are points.
fn drawn<'a>(problem: &Problem<'a>, rng: &mut ChaCha8Rng) -> Problem<'a> {
    let n = problem.table.len();
    let mut weights = vec![0.0; n];
    for _ in 0..n {
        let point = rng.random_range(0..n);
        weights[point] += problem.weights[point];
    }
    Problem {
        weights,
        ..problem.clone()
    }
}

/// From the optimum of all points, and from the start that fits the resample best: a resample may
/// have its minimum elsewhere.
fn refit(problem: &Problem, optimum: &[f64], starts: &[Vec<f64>]) -> Option<Vec<f64>> {
    let near = problem.refine(optimum);
    let best = starts
        .iter()
        .map(|start| (problem.value(start), start))
        .min_by(|a, b| a.0.total_cmp(&b.0));
    let far = best.map(|(_, start)| problem.descend(start));
    let all = [Some(near), far]
        .into_iter()
        .flatten()
        .filter(|minimum| minimum.converged);
    all.min_by(|a, b| a.value.total_cmp(&b.value))
        .map(|minimum| minimum.theta)
}
