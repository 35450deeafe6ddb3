//! How noisy a loss is, by what makes it so: from replicates, which are trained alike but for their seeds.

use std::collections::HashMap;

use isoflop_ledger::{Columns, LedgerError, names};

use crate::status::{is_finished, statuses};

/// Standard deviations of log losses of runs that differ in a seed alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// Runs that have a replicate.
    pub runs: usize,
    /// Different cells that they are replicates of.
    pub cells: usize,
    /// What initial weights add; `None` where no replicates differ in these.
    pub weights: Option<f64>,
    /// What the order of the data adds; `None` where no replicates differ in it.
    pub order: Option<f64>,
    /// What the tokens that they are scored on add to their differences: the cells' own standard error.
    pub evaluation: Option<f64>,
}

/// Three kinds of pairs of replicates: those that differ in their weights alone, in their order alone, and in both.
#[derive(Debug, Clone, Copy, Default)]
struct Pairs {
    /// Sums of half the squared differences.
    sums: [f64; 3],
    counts: [f64; 3],
}

impl Pairs {
    fn add(&mut self, kind: usize, apart: f64) {
        self.sums[kind] += 0.5 * apart * apart;
        self.counts[kind] += 1.0;
    }

    fn mean(&self, kind: usize) -> Option<f64> {
        (self.counts[kind] > 0.0).then(|| self.sums[kind] / self.counts[kind])
    }

    /// The variances of weights and of order: half the mean squared difference of pairs that differ in one of them is
    /// the variance of that and of the evaluation, and of pairs that differ in both is the variance of all three.
    fn variances(&self, evaluation: f64) -> [Option<f64>; 2] {
        let [one, other, both] = [0, 1, 2].map(|kind| self.mean(kind));
        let of = |alone: Option<f64>, beside: Option<f64>| {
            let by_itself = alone.map(|it| it - evaluation);
            let by_both = both.zip(beside).map(|(both, beside)| both - beside);
            by_itself.or(by_both).map(|it| it.max(0.0))
        };
        [of(one, other), of(other, one)]
    }
}

/// The noise of a suite's losses; `None` where no cell has a replicate.
///
/// # Errors
/// If a column holds no numbers.
pub fn noise(columns: &Columns) -> Result<Option<Noise>, LedgerError> {
    let needed = ["replicate", "seed", "order_seed", names::LOSS];
    if needed.iter().any(|name| !columns.has(name)) {
        return Ok(None);
    }
    let of_cell = columns.words("replicate");
    let [weights, order] = ["seed", "order_seed"].map(|name| columns.words(name));
    let losses = columns.numbers(names::LOSS)?;
    let errors = match columns.has(names::LOSS_SE_OWN) {
        true => columns.numbers(names::LOSS_SE_OWN)?,
        false => vec![None; columns.rows()],
    };
    let statuses = statuses(columns);
    let mut cells: HashMap<&str, Vec<usize>> = HashMap::new();
    for row in (0..columns.rows()).filter(|row| is_finished(&statuses[*row])) {
        if losses[row].is_some_and(|loss| loss > 0.0) {
            cells.entry(&of_cell[row]).or_default().push(row);
        }
    }
    cells.retain(|_, rows| rows.len() > 1);
    if cells.is_empty() {
        return Ok(None);
    }
    let log = |row: usize| losses[row].map_or(f64::NAN, f64::ln);
    let mut pairs = Pairs::default();
    let mut own = Vec::new();
    for rows in cells.values() {
        own.extend(
            rows.iter()
                .filter_map(|row| Some(errors[*row]? / losses[*row]?)),
        );
        for (at, a) in rows.iter().enumerate() {
            for b in &rows[..at] {
                let kind = match (weights[*a] == weights[*b], order[*a] == order[*b]) {
                    (false, true) => 0,
                    (true, false) => 1,
                    (false, false) => 2,
                    (true, true) => continue,
                };
                pairs.add(kind, log(*a) - log(*b));
            }
        }
    }
    let evaluation = own.iter().map(|it| it * it).sum::<f64>() / own.len().max(1) as f64;
    let [weights, order] = pairs.variances(evaluation);
    Ok(Some(Noise {
        runs: cells.values().map(Vec::len).sum(),
        cells: cells.len(),
        weights: weights.map(f64::sqrt),
        order: order.map(f64::sqrt),
        evaluation: (!own.is_empty()).then(|| evaluation.sqrt()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use isoflop_ledger::read_table;
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    /// A number with a mean of zero and a variance of one.
    fn unit(rng: &mut ChaCha8Rng) -> f64 {
        let sum: f64 = (0..12).map(|_| rng.random::<f64>()).sum();
        sum - 6.0
    }

    #[test]
    fn parts_are_what_was_put_in() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut text = String::from("replicate,seed,order_seed,loss,loss_se_own\n");
        for cell in 0..60 {
            let weights: Vec<f64> = (0..5).map(|_| 0.02 * unit(&mut rng)).collect();
            let orders: Vec<f64> = (0..5).map(|_| 0.01 * unit(&mut rng)).collect();
            for (seed, of_weights) in weights.iter().enumerate() {
                for (order_seed, of_order) in orders.iter().enumerate() {
                    let log = 0.7 + of_weights + of_order + 0.004 * unit(&mut rng);
                    let loss = log.exp();
                    text += &format!("c{cell},{seed},{order_seed},{loss},{}\n", 0.004 * loss);
                }
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cells.csv");
        std::fs::write(&path, text).unwrap();
        let columns = Columns::new(read_table(&path).unwrap().frame);
        let found = noise(&columns).unwrap().unwrap();
        assert_eq!((found.runs, found.cells), (1500, 60));
        let [weights, order] = [found.weights, found.order].map(Option::unwrap);
        assert!((weights - 0.02).abs() < 0.002, "{weights}");
        assert!((order - 0.01).abs() < 0.001, "{order}");
        assert!((found.evaluation.unwrap() - 0.004).abs() < 1e-6);
    }
}
