//! Every published law on data of its own: found again to the last digits without noise, and with noise in the share of
//! intervals that hold the truth. The second takes an hour, so it is asked for, of some laws by `LAWS=experts-rate,over-training`:
//!
//! ```text
//! cargo test --release --test library -- --ignored --nocapture
//! ```

use std::ops::{Range, RangeInclusive};

use isoflop_law::{Equation, FitOptions, Form, Objective, Published, Table, fit, library};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use rayon::prelude::*;

/// A law, and runs that its authors could have made.
struct Case {
    name: &'static str,
    /// Parameters that were not published, or not so that runs tell them.
    truth: &'static [(&'static str, f64)],
    runs: usize,
    bounds: &'static [(&'static str, [f64; 2])],
}

const fn case(
    name: &'static str,
    runs: usize,
    truth: &'static [(&'static str, f64)],
    bounds: &'static [(&'static str, [f64; 2])],
) -> Case {
    Case {
        name,
        truth,
        runs,
        bounds,
    }
}

const CASES: &[Case] = &[
    case(
        "broken-two",
        120,
        &[
            ("a", 0.5),
            ("b", 30.0),
            ("c0", 0.1),
            ("c1", 0.3),
            ("d1", 1e5),
            ("f1", 0.4),
            ("c2", -0.2),
            ("d2", 1e9),
            ("f2", 0.3),
        ],
        &[],
    ),
    case(
        "broken-three",
        200,
        &[
            ("a", 0.5),
            ("b", 30.0),
            ("c0", 0.05),
            ("c1", 0.35),
            ("d1", 1e4),
            ("f1", 0.3),
            ("c2", -0.3),
            ("d2", 3e7),
            ("f2", 0.3),
            ("c3", 0.4),
            ("d3", 1e11),
            ("f3", 0.3),
        ],
        // Twelve parameters in one variable: breaks that are no steps and no slopes over all of it.
        &[
            ("f1", [0.05, 2.0]),
            ("f2", [0.05, 2.0]),
            ("f3", [0.05, 2.0]),
        ],
    ),
    case(
        "data-mixing-two",
        20,
        &[("c", 2.0), ("k", 1.3), ("t", -1.6)],
        &[],
    ),
    case(
        "data-mixing",
        60,
        &[
            ("c", 1.8),
            ("k", 1.1),
            ("t1", -1.4),
            ("t2", 0.3),
            ("t3", -0.2),
            ("t4", 0.6),
            ("t5", -0.7),
        ],
        &[],
    ),
    case("experts-rate", 24, &[], &[]),
    case("fine-grained-experts", 100, &[], &[]),
    case("fine-tuning-pretraining", 60, &[], &[]),
    case("fine-tuning", 60, &[], &[]),
    case("gemstones", 200, &[], &[]),
    case("joint-experts", 200, &[], &[]),
    case("over-training-error", 40, &[], &[]),
    case("over-training", 60, &[], &[]),
    case("porian-batch", 16, &[], &[]),
    case("porian-rate", 16, &[], &[]),
    case("porian-size", 16, &[], &[]),
    case(
        "precision-after",
        60,
        &[
            ("C_T", 0.05),
            ("gamma_post", 0.6),
            ("gamma_D", 0.5),
            ("gamma_N", 0.5),
        ],
        &[],
    ),
    case(
        "precision-weights",
        120,
        &[
            ("E", 2.7),
            ("A", 4.4e3),
            ("alpha", 0.49),
            ("B", 1.8e4),
            ("beta", 0.52),
            ("gamma_w", 2.7),
        ],
        &[],
    ),
    case(
        "precision",
        240,
        &[
            ("E", 2.7),
            ("A", 4.4e3),
            ("alpha", 0.49),
            ("B", 1.8e4),
            ("beta", 0.52),
            ("gamma_w", 2.7),
            ("gamma_a", 2.2),
            ("gamma_kv", 0.95),
        ],
        &[],
    ),
    case("repeated-data", 180, &[("beta", 0.34)], &[]),
    case(
        "routed-experts",
        100,
        &[
            ("a", -0.082),
            ("b", -0.108),
            ("c", 0.009),
            ("d", 1.104),
            ("e_start", 1.85),
            ("e_max", 314.0),
        ],
        &[],
    ),
    case("sparsity", 120, &[], &[]),
    case("step-batch", 16, &[("k", 0.58), ("a", 0.571)], &[]),
    case(
        "step-rate",
        30,
        &[("k", 1.79), ("a", 0.713), ("b", 0.307)],
        &[],
    ),
    case(
        "tied-exponents",
        40,
        &[("E", 1.7), ("A", 400.0), ("B", 1200.0), ("alpha", 0.34)],
        &[],
    ),
    case("vocabulary-compute", 16, &[], &[]),
    case("vocabulary-size", 16, &[], &[]),
    case("vocabulary", 200, &[("beta", 0.3)], &[]),
];

/// What each variable ranges over, by its name.
fn range(law: &str, variable: &str) -> [f64; 2] {
    match (law, variable) {
        ("sparsity", "N") => [0.5, 200.0],
        ("sparsity", "D") => [0.25, 10.0],
        (_, "x") => [1e2, 1e13],
        (_, "N" | "active" | "nonvocabulary") => [1e7, 3e9],
        (_, "D") => [1e9, 1e12],
        (_, "U") => [3e8, 3e11],
        (_, "C") => [1e17, 1e22],
        (_, "M") => [5.0, 640.0],
        (_, "W") => [256.0, 4096.0],
        (_, "H") => [3.0, 80.0],
        (_, "vocabulary") => [4e3, 1e5],
        (_, "experts") => [1.0, 128.0],
        (_, "granularity") => [1.0, 32.0],
        (_, "examples") => [1e4, 1e7],
        (_, "loss") => [2.0, 4.0],
        (_, name) if name.starts_with("bits") => [3.0, 16.0],
        (_, "sparsity") => [0.01, 0.9],
        (_, name) if name.starts_with("share") => [0.02, 0.9],
        (_, name) => panic!("{law}: {name}"),
    }
}

impl Case {
    fn law(&self) -> (Published, Form) {
        let mut all = library().unwrap().into_iter();
        let law = all.find(|law| law.name == self.name).unwrap();
        let equation = Equation::of(&law).unwrap();
        let variables = equation.variables().unwrap().to_vec();
        let form = Form::Written(equation.law(&variables).unwrap());
        (law, form)
    }

    fn truth(&self, law: &Published, form: Form) -> Vec<f64> {
        let value = |name: &&str| {
            let own = self.truth.iter().find(|(own, _)| own == name);
            let own = own.map(|(_, value)| *value);
            own.or(law.parameters[*name].value)
                .unwrap_or_else(|| panic!("{}: {name}", self.name))
        };
        form.parameters().iter().map(value).collect()
    }

    /// Runs spread evenly over the logarithms of the variables (Kronecker's sequence), with a relative scatter.
    fn table(&self, form: Form, truth: &[f64], noise: &mut dyn FnMut() -> f64) -> Table {
        /// Square roots of primes, less their whole parts.
        const STEPS: [f64; 5] = [
            0.414_213_562,
            0.732_050_808,
            0.236_067_977,
            0.645_751_311,
            0.316_624_79,
        ];
        let plain = vec![false; form.variables().len()];
        let mut table = Table::of_equation(&plain, self.name == "vocabulary");
        for run in 0..self.runs {
            let at = |variable: usize| {
                let share = ((run + 1) as f64 * STEPS[variable]).fract();
                let [low, high] = range(self.name, form.variables()[variable]);
                low * (high / low).powf(share)
            };
            let mut x: Vec<f64> = (0..form.variables().len()).map(at).collect();
            let place = |name: &str| form.variables().iter().position(|it| *it == name);
            if self.name == "gemstones" {
                let [w, h, n] = ["W", "H", "N"].map(|name| place(name).unwrap());
                x[n] = 12.0 * x[h] * x[w] * x[w] + 50_000.0 * x[w];
            }
            if let Some(u) = place("U") {
                // No more tokens are unique than are seen, and in a third of the runs as many.
                x[u] = x[place("D").unwrap()] / [1.0, 4.0, 20.0][run % 3];
            }
            table.push(&x, form.loss(truth, &x) * noise().exp());
        }
        table
    }

    fn options(&self, bootstrap: usize) -> FitOptions {
        let bounds = self.bounds.iter();
        // The loss over that of single tokens lies below zero.
        let objective = if self.name == "vocabulary" {
            Objective::Huber { delta: 1e-2 }
        } else {
            Objective::default()
        };
        FitOptions {
            objective,
            bootstrap,
            bounds: bounds
                .map(|(name, ends)| ((*name).to_owned(), *ends))
                .collect(),
            ..FitOptions::default()
        }
    }
}

#[test]
fn every_published_law_has_a_case() {
    let cases: Vec<&str> = CASES.iter().map(|case| case.name).collect();
    for law in library().unwrap().iter().filter(|law| !law.built_in) {
        assert!(cases.contains(&law.name.as_str()), "{}", law.name);
    }
}

/// Breaks by where they lie: their numbers are arbitrary.
fn sorted_breaks(form: Form, mut values: Vec<f64>) -> Vec<f64> {
    let place = |name: String| form.parameters().iter().position(|it| *it == name);
    let breaks: Vec<[usize; 3]> = (1..)
        .map_while(|k| {
            Some([
                place(format!("c{k}"))?,
                place(format!("d{k}"))?,
                place(format!("f{k}"))?,
            ])
        })
        .collect();
    let mut found: Vec<[f64; 3]> = breaks.iter().map(|at| at.map(|it| values[it])).collect();
    found.sort_by(|a, b| a[1].total_cmp(&b[1]));
    for (at, of) in breaks.iter().zip(found) {
        for (place, value) in at.iter().zip(of) {
            values[*place] = value;
        }
    }
    values
}

#[test]
fn parameters_are_found_again_without_noise() {
    for case in CASES {
        let (law, form) = case.law();
        let truth = case.truth(&law, form);
        let table = case.table(form, &truth, &mut || 0.0);
        let found = fit(form, &table, &case.options(0)).unwrap();
        assert!(found.converged, "{}: {:?}", case.name, found.trouble);
        let values = found.parameters.iter().map(|it| it.value).collect();
        let values = sorted_breaks(form, values);
        for (at, (value, truth)) in values.iter().zip(&truth).enumerate() {
            let off = (value / truth - 1.0).abs();
            let name = form.parameters()[at];
            assert!(off < 1e-6, "{}: {name} is {value} for {truth}", case.name);
        }
    }
}

const DATA_SETS: u64 = 400;
/// As many in all where these leave it open: the standard error of a share is half a point then.
const MORE_SETS: u64 = 2000;
const RESAMPLES: usize = 400;
/// Standard deviation of log losses.
const NOISE: f64 = 0.003;
/// Intervals of 95% hold the truth in so many of 100 data sets.
const GOOD: RangeInclusive<f64> = 93.0..=97.0;

/// Data sets in which a parameter has an interval, and those of them whose interval holds the truth.
#[derive(Default, Clone, Copy)]
struct Held {
    told: u32,
    held: u32,
}

impl Held {
    fn share(self) -> f64 {
        100.0 * f64::from(self.held) / f64::from(self.told)
    }

    /// Whether it is further from what is good than a standard error of a share.
    fn is_outside(self) -> bool {
        let room = (95.0 * 5.0 / f64::from(self.told)).sqrt();
        !(GOOD.start() - room..=GOOD.end() + room).contains(&self.share())
    }
}

impl Case {
    /// Adds what became of these data sets, parameter by parameter, and returns how many converged.
    fn simulate(&self, sets: Range<u64>, held: &mut [Held]) -> usize {
        let (law, form) = self.law();
        let truth = self.truth(&law, form);
        // What is asked is how sure a fit is, and not whether the search finds it.
        let starts = form.parameters().iter().zip(&truth);
        let options = FitOptions {
            starts: starts
                .map(|(name, value)| ((*name).to_owned(), *value))
                .collect(),
            ..self.options(RESAMPLES)
        };
        let found: Vec<Vec<Option<bool>>> = sets
            .into_par_iter()
            .filter_map(|set| {
                let mut rng = ChaCha8Rng::seed_from_u64(set);
                let normal = Normal::new(0.0, NOISE).unwrap();
                let table = self.table(form, &truth, &mut || normal.sample(&mut rng));
                let found = fit(form, &table, &options)
                    .ok()
                    .filter(|fit| fit.converged)?;
                let each = found.parameters.iter().zip(&truth);
                let holds = |(it, truth): (&isoflop_law::Parameter, &f64)| {
                    it.ci95.map(|[low, high]| low <= *truth && *truth <= high)
                };
                Some(each.map(holds).collect())
            })
            .collect();
        for set in &found {
            for (sum, holds) in held.iter_mut().zip(set) {
                sum.told += u32::from(holds.is_some());
                sum.held += u32::from(*holds == Some(true));
            }
        }
        found.len()
    }
}

/// For each law and parameter: of the data sets in which it has an interval, the share whose interval holds the truth. A law
/// for which that is clearly not 93 to 97 of 100 says why in its file; near these bounds either may be.
#[test]
#[ignore = "an hour of simulation"]
fn intervals_hold_the_truth() {
    let asked = std::env::var("LAWS").unwrap_or_default();
    let mut wrong = Vec::new();
    for case in CASES {
        if !asked.is_empty() && !asked.split(',').any(|name| name == case.name) {
            continue;
        }
        let (law, form) = case.law();
        let names = form.parameters();
        let mut held = vec![Held::default(); names.len()];
        let mut sets = case.simulate(0..DATA_SETS, &mut held);
        if held.iter().any(|it| !GOOD.contains(&it.share())) {
            sets += case.simulate(DATA_SETS..MORE_SETS, &mut held);
        }
        let each = names.iter().zip(&held);
        let shares: Vec<String> = each
            .clone()
            .map(|(name, it)| match sets - it.told as usize {
                0 => format!("{name} {:.1}", it.share()),
                untold => format!("{name} {:.1} ({untold} without)", it.share()),
            })
            .collect();
        println!("{}: of {sets} sets, {}", case.name, shares.join(", "));
        let outside = each.filter(|(_, it)| it.is_outside());
        let outside: Vec<String> = outside
            .map(|(name, it)| format!("{name} {:.1}", it.share()))
            .collect();
        match &law.intervals {
            None if !outside.is_empty() => {
                wrong.push(format!("{}: {}", case.name, outside.join(", ")))
            }
            // Near the bounds another table more would change it.
            Some(_) if held.iter().all(|it| GOOD.contains(&it.share())) => {
                wrong.push(format!("{}: its file says otherwise", case.name))
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
