//! The check that a device passes before it is trusted: it trains small cells as `flex` does in f32 by Burn's own
//! operations, number by number, within what its precision explains. The fused operations by which `flex` itself trains
//! are held against these as well.
//!
//! What a precision explains is measured, not assumed: the same cells are trained on `flex` from
//! weights that are each rounded once more to that precision. How far each number moves by that, times
//! the count of roundings a number may meet, is what a device may differ by.

use std::fmt;
use std::path::Path;

use burn::tensor::Device;
use isoflop_corpus::Corpus;
use isoflop_suite::{Bytes, Cell, CorpusFacts, Definition, Plan, Precision, Seconds, Verdict};
use isoflop_train::{Named, TrainError, open_device};
use serde::{Deserialize, Serialize};

use crate::evidence::{Disturbance, Evidence, Rounding, outputs};
use crate::{AdapterFacts, Kind, Subject, computes};

/// Roundings in a row that a number may meet, in units of one rounding of every weight. Mesa's
/// driver in f32 and `flex` in 16-bit floats needed two.
const ROUNDINGS: f64 = 8.0;
/// Draws of rounded weights; the largest move counts.
const DRAWS: u64 = 3;
const GRADIENT_OF: &str = "the gradient of";
/// Memory that grows by less than this over the whole of a check is not growth.
const SLACK: Bytes = 4 << 20;

/// What the small cells are trained on.
const CORPUS: &str = r#"
    [corpus.grammar]
    words = 50
    zipf = 1.0
    tokens = 60_000
    validation_tokens = 8_000

    [evaluation]
    tokens = 4096
"#;

/// Small cells: a model as suites train it, and one with all that the first has not. A software
/// rasteriser, which compiles for minutes, is checked on the first alone.
const CELLS: [&str; 2] = [
    r#"
    [[sweep]]
    width = 32
    depth = 2
    sequence_length = 32
    batch = 4
    tokens = 6_400
    "#,
    r#"
    [model]
    feed_forward = "gelu"
    bias = true
    tied_head = true

    [training]
    micro_batch = 2

    [[sweep]]
    width = 64
    depth = 1
    sequence_length = 64
    batch = 4
    tokens = 12_800
    "#,
];

/// How far a device was from the reference, and how far it might be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// What differs: a layer's output, a gradient, a parameter, the loss of a step.
    pub of: String,
    /// Relative to the reference, in the Euclidean norm; `None` where a number was not finite.
    pub found: Option<f64>,
    /// What the precision explains.
    pub explained: f64,
}

impl Difference {
    /// How many times what is explained.
    fn excess(&self) -> f64 {
        self.found
            .map_or(f64::INFINITY, |found| found / self.explained)
    }

    fn is_wrong(&self) -> bool {
        self.excess() > 1.0
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.found {
            Some(found) => write!(
                f,
                "{} differs by {found:.1e}, limit {:.1e}",
                self.of, self.explained
            ),
            None => write!(f, "{} is not finite", self.of),
        }
    }
}

/// The outcome of a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// The precision checked.
    pub precision: Precision,
    /// What came of it.
    pub verdict: Verdict,
    /// Why, where it is not trusted.
    pub reason: Option<String>,
    /// The difference nearest to what is explained, or furthest beyond it.
    pub worst: Option<Difference>,
    /// The largest limit of any gradient: one that is wrong by more, relative to its norm, would have
    /// been found. `None` of a check that did not come to its end.
    #[serde(default)]
    pub catches: Option<f64>,
    /// Whether two runs alike gave the same numbers to the last bit.
    pub repeats: bool,
    /// Until the first step was done: kernels compiled and tuned; `None` of a check that did not come
    /// to its end.
    pub first_step: Option<Seconds>,
}

impl Check {
    /// A check that ended in a failure of the device.
    pub fn failed(precision: Precision, reason: String) -> Self {
        Check {
            verdict: Verdict::Untrusted,
            ..Check::unanswered(precision, reason)
        }
    }

    /// A check that the device did not answer in time: that says nothing of its numbers.
    pub fn unanswered(precision: Precision, reason: String) -> Self {
        Check {
            precision,
            verdict: Verdict::Untested,
            reason: Some(reason),
            worst: None,
            catches: None,
            repeats: false,
            first_step: None,
        }
    }

    /// How near it came to being wrong, or how wrong it was.
    fn excess(&self) -> f64 {
        match (&self.worst, self.verdict) {
            (_, Verdict::Untrusted) => f64::INFINITY,
            (Some(worst), _) => worst.excess(),
            (None, _) => 0.0,
        }
    }
}

/// Checks a device in a precision. Corpora are kept in `cache`.
///
/// # Errors
/// If the device cannot be opened or fails, or the reference cannot be made.
pub fn check(subject: &Subject, precision: Precision, cache: &Path) -> Result<Check, TrainError> {
    if !computes(&open_device(&subject.device())?, precision) {
        let reason = format!("the device does not compute in {precision}");
        return Ok(Check::failed(precision, reason));
    }
    let software = AdapterFacts::of(&subject.device())?.kind == Kind::Software;
    let mut checks = Vec::new();
    for text in &CELLS[..if software { 1 } else { 2 }] {
        checks.push(Small::new(text, cache)?.check(subject, precision)?);
    }
    let repeats = checks.iter().all(|check| check.repeats);
    let first_step = checks[0].first_step;
    let catches = checks.iter().filter_map(|check| check.catches);
    let catches = catches.reduce(f64::max);
    let worst = checks
        .into_iter()
        .max_by(|a, b| a.excess().total_cmp(&b.excess()));
    let worst = worst.expect("there is a cell to check");
    Ok(Check {
        repeats,
        first_step,
        catches,
        ..worst
    })
}

/// A small cell and its corpus.
struct Small {
    cell: Cell,
    corpus: Corpus,
}

impl Small {
    fn new(text: &str, cache: &Path) -> Result<Self, TrainError> {
        let text = format!("{CORPUS}{text}");
        let definition = Definition::parse(&text, "check.toml").expect("a definition of our own");
        let corpus = Corpus::prepare(&definition, cache, cache)
            .map_err(|error| TrainError::Device(error.to_string()))?;
        let facts: &CorpusFacts = &corpus.facts;
        let plan = Plan::new(&definition, facts).expect("a definition of our own");
        Ok(Small {
            cell: plan.cells[0].cell.clone(),
            corpus,
        })
    }

    fn check(&self, subject: &Subject, precision: Precision) -> Result<Check, TrainError> {
        let plain = Some(Disturbance::Plain);
        let reference = self.train(&Device::flex(), Precision::F32, plain)?;
        let device = open_device(&subject.device())?;
        let fault = subject.fault().map(Disturbance::Fault);
        let run = self.train(&device, precision, fault)?;
        let again = self.train(&device, precision, fault)?;
        let unit = precision.unit_roundoff();
        let mut rounded = Vec::new();
        for rounding in roundings(unit) {
            rounded.push(self.train(&Device::flex(), Precision::F32, Some(rounding))?);
        }
        let judge = Judge {
            reference,
            rounded,
            unit,
        };
        let mut check = judge.check(precision, &run, &again);
        if check.verdict == Verdict::Untrusted
            && let Some(first) = self.wrong_output(&device, precision, fault)?
        {
            check.reason = check.reason.map(|reason| format!("{first}; {reason}"));
            check.worst = Some(first);
        }
        Ok(check)
    }

    /// The first layer whose output disagrees, where one does.
    fn wrong_output(
        &self,
        device: &Device,
        precision: Precision,
        fault: Option<Disturbance>,
    ) -> Result<Option<Difference>, TrainError> {
        let outputs = |device: &Device, precision, disturbance| {
            outputs(&self.cell(precision), &self.corpus, device, disturbance)
        };
        let unit = precision.unit_roundoff();
        let mut rounded = Vec::new();
        for rounding in roundings(unit) {
            rounded.push(outputs(&Device::flex(), Precision::F32, Some(rounding))?);
        }
        let judge = Judge {
            reference: outputs(&Device::flex(), Precision::F32, Some(Disturbance::Plain))?,
            rounded,
            unit,
        };
        let found = outputs(device, precision, fault)?;
        let differences = judge.tensors("the output of", &found, |it| it);
        Ok(differences.into_iter().find(Difference::is_wrong))
    }

    fn train(
        &self,
        device: &Device,
        precision: Precision,
        disturbance: Option<Disturbance>,
    ) -> Result<Evidence, TrainError> {
        Evidence::collect(&self.cell(precision), &self.corpus, device, disturbance)
    }

    fn cell(&self, precision: Precision) -> Cell {
        let mut cell = self.cell.clone();
        cell.training.precision = precision;
        cell
    }
}

fn roundings(unit: f64) -> impl Iterator<Item = Disturbance> {
    (0..DRAWS).map(move |seed| Disturbance::Rounding(Rounding { unit, seed }))
}

/// Compares evidence with the reference.
struct Judge<E> {
    reference: E,
    /// The same from rounded weights.
    rounded: Vec<E>,
    unit: f64,
}

impl Judge<Evidence> {
    fn check(&self, precision: Precision, run: &Evidence, again: &Evidence) -> Check {
        let differences = self.differences(run);
        let repeats = same(run, again);
        let wrong = differences.iter().find(|it| it.is_wrong());
        let reason = wrong
            .map(Difference::to_string)
            .or_else(|| {
                let wrong = self.differences(again);
                let wrong = wrong.iter().find(|it| it.is_wrong())?;
                Some(format!("run a second time, {wrong}"))
            })
            .or_else(|| growth(&run.memory));
        let worst = differences
            .iter()
            .max_by(|a, b| a.excess().total_cmp(&b.excess()));
        let gradients = self.tensors(GRADIENT_OF, run, |it| &it.gradients);
        let catches = gradients.iter().map(|it| it.explained).fold(0.0, f64::max);
        Check {
            precision,
            verdict: match reason {
                Some(_) => Verdict::Untrusted,
                None => Verdict::Trusted,
            },
            reason,
            worst: wrong.or(worst).cloned(),
            catches: Some(catches),
            repeats,
            first_step: Some(run.first_step),
        }
    }

    /// Every difference, in the order in which the numbers are computed: the first that is too large
    /// is where the device goes wrong.
    fn differences(&self, run: &Evidence) -> Vec<Difference> {
        let mut all = vec![
            self.difference("the loss of the first batch".into(), run, |it| {
                vec![it.loss]
            }),
        ];
        all.extend(self.tensors(GRADIENT_OF, run, |it| &it.gradients));
        // The optimizer, by the device's own gradients: where one is near nothing, AdamW's step is as
        // large as any, and goes where rounding sends it.
        let steps = run.parameters.iter().zip(&run.expected);
        all.extend(steps.map(|(found, expected)| {
            let found = distance(&found.numbers(), &expected.numbers());
            Difference {
                of: format!("after a step, {}", expected.name),
                found: found.is_finite().then_some(found),
                explained: ROUNDINGS * Precision::F32.unit_roundoff(),
            }
        }));
        for step in 0..self.reference.curve.len() {
            // Small differences grow as training goes on; what the rounded runs have grown to so far
            // is explained.
            let mut difference =
                self.difference(format!("the loss of step {}", step + 1), run, |it| {
                    vec![it.curve[step]]
                });
            if let Some(before) = all
                .last()
                .filter(|it| it.of.starts_with("the loss of step"))
            {
                difference.explained = difference.explained.max(before.explained);
            }
            all.push(difference);
        }
        // In 16-bit floats a step whose gradient is not finite is skipped, and its loss says nothing of it.
        let wild = run.norms.iter().position(|norm| !norm.is_finite());
        if let Some(step) = wild {
            let found = Difference {
                of: format!("the gradient of step {}", step + 1),
                found: None,
                explained: self.unit,
            };
            // Where the loss of a step already went wrong, that is where the device did.
            let before = all.iter().position(Difference::is_wrong);
            all.insert(before.unwrap_or(all.len()), found);
        }
        all
    }
}

impl<E> Judge<E> {
    fn tensors(&self, what: &str, run: &E, of: impl Fn(&E) -> &Vec<Named>) -> Vec<Difference> {
        (0..of(&self.reference).len())
            .map(|i| {
                let name = format!("{what} {}", of(&self.reference)[i].name);
                self.difference(name, run, |it| of(it)[i].numbers())
            })
            .collect()
    }

    fn difference(&self, of: String, run: &E, numbers: impl Fn(&E) -> Vec<f64>) -> Difference {
        let reference = numbers(&self.reference);
        let moved = self
            .rounded
            .iter()
            .map(|it| distance(&numbers(it), &reference));
        let moved = moved.fold(self.unit, f64::max);
        let found = distance(&numbers(run), &reference);
        Difference {
            of,
            found: found.is_finite().then_some(found),
            explained: ROUNDINGS * moved,
        }
    }
}

/// The norm of a difference, relative to the reference's. Not finite if a number is not, or if there
/// are more or fewer of them.
fn distance(numbers: &[f64], reference: &[f64]) -> f64 {
    if numbers.len() != reference.len() {
        return f64::INFINITY;
    }
    let difference: f64 = numbers
        .iter()
        .zip(reference)
        .map(|(a, b)| (a - b).powi(2))
        .sum();
    let norm: f64 = reference.iter().map(|b| b * b).sum();
    (difference / norm.max(f64::MIN_POSITIVE)).sqrt()
}

fn same(run: &Evidence, again: &Evidence) -> bool {
    run.gradients == again.gradients
        && run.parameters == again.parameters
        && run.curve == again.curve
}

/// Memory that rose at every look, and by more than slack.
fn growth(memory: &[Bytes]) -> Option<String> {
    let (first, last) = (memory.first()?, memory.last()?);
    let rises = memory.windows(2).all(|pair| pair[1] > pair[0]);
    (rises && last - first > SLACK).then(|| {
        format!(
            "memory in use grew at every look, from {first} to {last} bytes over {} steps",
            10 * (memory.len() - 1)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn memory_that_rises_at_every_look_has_grown() {
        assert!(growth(&[10 * MIB, 12 * MIB, 14 * MIB, 20 * MIB]).is_some());
        // A pool that fills and is then used again has not.
        assert_eq!(growth(&[10 * MIB, 50 * MIB, 50 * MIB, 50 * MIB]), None);
        assert_eq!(growth(&[10 * MIB, 10 * MIB + 1, 10 * MIB + 2]), None);
        assert_eq!(growth(&[]), None);
    }

    fn layers(values: [f32; 3]) -> Vec<Named> {
        let named = |(name, value): (&str, f32)| Named {
            name: name.to_owned(),
            values: vec![value, 1.0],
            matrix: false,
        };
        let names = ["embedding", "blocks.0.attention", "head"];
        names.into_iter().zip(values).map(named).collect()
    }

    #[test]
    fn the_first_layer_that_disagrees_is_named() {
        let judge = Judge {
            reference: layers([1.0, 2.0, 3.0]),
            rounded: vec![layers([1.0, 2.001, 3.0]), layers([1.0, 1.9995, 3.0])],
            unit: 1e-6,
        };
        let wrong = |values| {
            let found = judge.tensors("the output of", &layers(values), |it| it);
            let first = found.into_iter().find(Difference::is_wrong);
            first.map(|it| it.of)
        };
        assert_eq!(wrong([1.0, 2.0, 3.0]), None);
        // Rounding moved the second by a thousandth, so eight thousandths are explained.
        assert_eq!(wrong([1.0, 2.007, 3.0]), None);
        assert_eq!(
            wrong([1.0, 2.02, 9.0]).as_deref(),
            Some("the output of blocks.0.attention")
        );
        assert_eq!(
            wrong([f32::NAN, 2.0, 3.0]).as_deref(),
            Some("the output of embedding")
        );
        let shorter = layers([1.0, 2.0, 3.0]).into_iter().map(|mut layer| {
            layer.values.pop();
            layer
        });
        let found = judge.tensors("the output of", &shorter.collect(), |it| it);
        assert!(found.iter().all(Difference::is_wrong));
    }
}
