//! What share of 95% intervals cover the truth, by simulation: a thousand data sets of a known law for
//! each design. Three minutes of two cores, so asked for:
//!
//! ```text
//! cargo test --release --test coverage -- --ignored --nocapture
//! ```

use isoflop_law::{FitOptions, Form, Point, Table, fit};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, Normal, StudentT};
use rayon::prelude::*;

const DATA_SETS: u64 = 1000;
const RESAMPLES: usize = 1000;

#[derive(Debug, Clone, Copy)]
enum Noise {
    /// Normal, one percent.
    Normal,
    /// Student's with three degrees: a run in fifty is far off.
    Heavy,
}

impl Noise {
    fn draw(self, rng: &mut ChaCha8Rng) -> f64 {
        match self {
            Noise::Normal => Normal::new(0.0, 0.01).unwrap().sample(rng),
            Noise::Heavy => 0.006 * StudentT::new(3.0).unwrap().sample(rng),
        }
    }
}

struct Design {
    form: Form,
    truth: &'static [f64],
    noise: Noise,
    /// Runs at each place.
    seeds: usize,
    /// Runs at one place share half of their noise, and are one group.
    grouped: bool,
}

fn places(form: Form) -> Vec<Vec<f64>> {
    match form {
        Form::Offset => (0..15)
            .map(|i| vec![10f64.powf(4.0 + 0.4 * f64::from(i))])
            .collect(),
        _ => (0..8)
            .map(|i| 10f64.powf(6.0 + 0.5 * f64::from(i)))
            .flat_map(|n| [2.0, 8.0, 32.0, 128.0, 512.0].map(|ratio| vec![n, ratio * n]))
            .collect(),
    }
}

impl Design {
    fn table(&self, rng: &mut ChaCha8Rng) -> Table {
        let mut table = Table::new(self.form.variables().len());
        for (group, x) in places(self.form).iter().enumerate() {
            let shared = self.noise.draw(rng);
            for _ in 0..self.seeds {
                let own = self.noise.draw(rng);
                let noise = if self.grouped {
                    0.5 * (shared + own)
                } else {
                    own
                };
                table.push_point(Point {
                    x,
                    loss: self.form.loss(self.truth, x) * noise.exp(),
                    se: None,
                    group: self.grouped.then_some(group as u64),
                });
            }
        }
        table
    }

    /// For each parameter, how many of the quoted, percentile and profile intervals hold the truth.
    fn covered(&self) -> Vec<[usize; 3]> {
        let data_sets: Vec<Vec<[bool; 3]>> = (0..DATA_SETS)
            .into_par_iter()
            .map(|seed| {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                let options = FitOptions {
                    bootstrap: RESAMPLES,
                    seed,
                    ..FitOptions::default()
                };
                let fit = fit(self.form, &self.table(&mut rng), &options).unwrap();
                assert!(fit.converged, "data set {seed}");
                let holds = |[low, high]: [f64; 2], truth: f64| low <= truth && truth <= high;
                let of_parameter = |(parameter, truth): (&isoflop_law::Parameter, &f64)| {
                    let [low, high] = parameter.profile95.unwrap();
                    let profile = [
                        low.unwrap_or(f64::NEG_INFINITY),
                        high.unwrap_or(f64::INFINITY),
                    ];
                    [
                        holds(parameter.ci95.unwrap_or(profile), *truth),
                        holds(parameter.percentile95.unwrap(), *truth),
                        holds(profile, *truth),
                    ]
                };
                fit.parameters
                    .iter()
                    .zip(self.truth)
                    .map(of_parameter)
                    .collect()
            })
            .collect();
        (0..self.truth.len())
            .map(|parameter| {
                [0, 1, 2].map(|kind| data_sets.iter().filter(|set| set[parameter][kind]).count())
            })
            .collect()
    }
}

#[test]
#[ignore = "minutes of simulation"]
fn ninety_five_percent_intervals_cover_the_truth() {
    const CHINCHILLA: &[f64] = &[1.69, 406.4, 0.34, 410.7, 0.28];
    const OFFSET: &[f64] = &[1.69, 90.0, 0.3];
    let designs = [
        (Form::Chinchilla, CHINCHILLA, Noise::Normal, 4, false),
        (Form::Chinchilla, CHINCHILLA, Noise::Heavy, 4, false),
        (Form::Chinchilla, CHINCHILLA, Noise::Normal, 3, true),
        (Form::Offset, OFFSET, Noise::Normal, 4, false),
        (Form::Offset, OFFSET, Noise::Heavy, 4, false),
    ];
    let mut wrong = Vec::new();
    for (form, truth, noise, seeds, grouped) in designs {
        let design = Design {
            form,
            truth,
            noise,
            seeds,
            grouped,
        };
        let points = places(form).len() * seeds;
        println!("{form}, {points} points, {noise:?} noise, grouped: {grouped}");
        for (name, covered) in form.parameters().iter().zip(design.covered()) {
            let [quoted, percentile, profile] =
                covered.map(|count| 100.0 * count as f64 / DATA_SETS as f64);
            println!(
                "  {name:<6} quoted {quoted:.1}%  percentile {percentile:.1}%  profile {profile:.1}%"
            );
            if !(93.0..=97.0).contains(&quoted) {
                wrong.push(format!("{form} {noise:?} {name}: {quoted:.1}%"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
