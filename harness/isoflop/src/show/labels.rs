//! A cell in a few words: its size, its budget, and whatever else tells it from the others.

use isoflop_suite::PlannedCell;

use super::si;

type Of = fn(&PlannedCell) -> String;

/// Settings that a suite may vary, beside width, depth and tokens.
const SETTINGS: [(&str, Of); 10] = [
    ("head width", |it| it.cell.model.head_width.to_string()),
    ("hidden", |it| it.cell.model.hidden.to_string()),
    ("length", |it| it.cell.model.sequence_length.to_string()),
    ("batch", |it| it.cell.training.batch.to_string()),
    ("micro-batch", |it| it.cell.training.micro_batch.to_string()),
    ("rate", |it| {
        format!("{:.2e}", it.cell.training.schedule.learning_rate)
    }),
    ("precision", |it| it.cell.training.precision.to_string()),
    ("seed", |it| it.cell.seed.to_string()),
    ("order", |it| {
        let own = it.cell.order_seed;
        own.map_or_else(|| "-".to_owned(), |seed| seed.to_string())
    }),
    ("unique", |it| {
        it.cell
            .unique_tokens
            .map_or_else(|| "all".to_owned(), |it| si(it as f64))
    }),
];

/// What tells the cells of a suite apart.
pub struct Labels {
    varying: Vec<(&'static str, Of)>,
}

impl Labels {
    /// Labels of these cells: a setting is shown where cells of the same width, depth and tokens differ in it.
    pub fn of(cells: &[PlannedCell]) -> Self {
        let size = |it: &PlannedCell| (it.cell.model.width, it.cell.model.depth, it.cell.tokens());
        let mut order: Vec<&PlannedCell> = cells.iter().collect();
        order.sort_by_key(|it| size(it));
        let varies = |(_, of): &(&str, Of)| {
            let mut groups = order.chunk_by(|a, b| size(a) == size(b));
            groups.any(|group| group.iter().any(|it| of(it) != of(group[0])))
        };
        Labels {
            varying: SETTINGS.into_iter().filter(varies).collect(),
        }
    }

    /// A cell's label.
    pub fn label(&self, planned: &PlannedCell) -> String {
        let model = &planned.cell.model;
        let mut text = format!(
            "width {:>4} depth {:>2}  N {:>6}  D {:>6}",
            model.width,
            model.depth,
            si(planned.parameters.total() as f64),
            si(planned.cell.tokens() as f64)
        );
        for (name, of) in &self.varying {
            text += &format!("  {name} {}", of(planned));
        }
        text
    }

    /// The settings shown, by name, and each one's value of a cell.
    pub fn settings(&self) -> impl Iterator<Item = (&'static str, Of)> {
        self.varying.iter().copied()
    }
}
