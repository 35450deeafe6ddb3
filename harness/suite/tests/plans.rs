//! Plans: what sweeps multiply out to, and what decides a cell's identity.

use isoflop_suite::{Cell, CorpusFacts, Definition, Evaluation, Plan, Tokenizer};
use proptest::prelude::*;

fn corpus() -> CorpusFacts {
    CorpusFacts {
        sets: Vec::new(),
        sha256: "ab".repeat(32),
        tokenizer: Tokenizer::Bytes,
        vocabulary: 256,
        train_tokens: 1_000_000_000_000,
        validation_tokens: 10_000_000,
        bytes_per_token: Some(1.0),
        held_out: vec![1 << 14; 60],
    }
}

fn plan(text: &str, corpus: &CorpusFacts) -> Plan {
    let text = format!("[corpus.files]\npaths = [\"a\"]\n{text}");
    Plan::new(&Definition::parse(&text, "s.toml").unwrap(), corpus).unwrap()
}

#[test]
fn a_list_is_crossed_with_the_axes_beside_it() {
    let sweep = "[[sweep]]\nlist = [{width = 32, depth = 1}, {width = 64, depth = [2, 3]}]\n\
                 tokens = [1e5, 2e5]\nseed = [0, 1]";
    let plan = plan(sweep, &corpus());
    assert_eq!(plan.cells.len(), 3 * 2 * 2);
    let ids: std::collections::HashSet<_> = plan.cells.iter().map(|cell| cell.id.clone()).collect();
    assert_eq!(ids.len(), 12);
}

#[test]
fn a_cell_of_two_sweeps_is_trained_once() {
    let one = "[[sweep]]\nwidth = 32\ndepth = 1\ntokens = 1e5\n";
    let plan = plan(&one.repeat(2), &corpus());
    assert_eq!((plan.cells.len(), plan.repeated), (1, 1));
}

#[test]
fn budgets_in_flops_make_slices_of_equal_compute() {
    let sweep = "[[sweep]]\nwidth = [64, 128, 256]\ndepth = 2\nflops = [1e13, 1e14]\n";
    for cell in plan(sweep, &corpus()).cells {
        let budget = cell.flops_budget.unwrap();
        // Steps are whole, so the budget is met to half a step.
        assert!(
            (cell.flops.six_n_total / budget - 1.0).abs()
                < 0.5 / cell.cell.training.steps as f64 + 1e-9
        );
    }
}

#[test]
fn a_processor_trains_on_the_part_of_a_batch_that_its_cache_holds() {
    let parts = |settings: &str| {
        let sweep = format!("[[sweep]]\ndepth = 2\ntokens = 1e6\n{settings}\n");
        let planned = plan(&sweep, &corpus());
        let cells = planned.cells.iter();
        cells
            .map(|it| it.cell.sequences_in_cache())
            .collect::<Vec<_>>()
    };
    // Hidden units: 88, 168, 344 and 680.
    assert_eq!(
        parts("width = [32, 64, 128, 256]\nsequence_length = 128\nbatch = 16"),
        [16, 4, 4, 16]
    );
    assert_eq!(parts("width = 64\nsequence_length = 128\nbatch = 15"), [3]);
    assert_eq!(parts("width = 64\nsequence_length = 128\nbatch = 1"), [1]);
    assert_eq!(parts("width = 64\nsequence_length = 1024\nbatch = 2"), [1]);
    // Parts are of the fused operations, and those are in f32.
    assert_eq!(
        parts("width = 64\nsequence_length = 128\nbatch = 16\nprecision = \"f16\""),
        [16]
    );
}

#[test]
fn budgets_in_tokens_per_parameter_count_all_parameters() {
    let plan = plan(
        "[[sweep]]\nwidth = 64\ndepth = 2\ntokens_per_parameter = 20\n",
        &corpus(),
    );
    let cell = &plan.cells[0];
    let ratio = cell.cell.tokens() as f64 / cell.parameters.total() as f64;
    assert!((ratio / 20.0 - 1.0).abs() < 1e-3);
}

/// The identity is part of the file format: a change of it makes every stored run a stranger.
#[test]
fn the_identity_of_a_cell_is_stable() {
    let plan = plan(
        "[[sweep]]\nwidth = 64\ndepth = 2\ntokens = 1e6\n",
        &corpus(),
    );
    assert_eq!(plan.cells[0].id.as_str(), "c84b36308f564523");
    // One of a version that scored sequences at equal distances keeps the identity that it had.
    let mut before = plan.cells[0].cell.clone();
    before.evaluation = Evaluation {
        sets: Vec::new(),
        tokens: 0,
        sequences: 512,
        context: 0,
    };
    assert_eq!(before.id().as_str(), "bc9991c640d86ef8");
    let text = serde_json::to_string(&before).unwrap();
    assert!(
        text.contains(r#""evaluation":{"sequences":512,"context":0}"#),
        "{text}"
    );
    assert_eq!(serde_json::from_str::<Cell>(&text).unwrap(), before);
}

#[test]
fn the_identity_knows_the_corpus_and_nothing_of_its_place() {
    let sweep = "[[sweep]]\nwidth = 64\ndepth = 2\ntokens = 1e6\n";
    let here = plan(sweep, &corpus());
    let elsewhere = plan(&format!("# moved\n{sweep}"), &corpus());
    assert_eq!(here.cells[0].id, elsewhere.cells[0].id);
    let other = CorpusFacts {
        sha256: "cd".repeat(32),
        ..corpus()
    };
    assert_ne!(here.cells[0].id, plan(sweep, &other).cells[0].id);
}

proptest! {
    /// Whatever the settings, a plan's cells hold together.
    #[test]
    fn cells_hold_together(width in 1u64..64, depth in 1u64..9, tokens in 1u64..10_000_000, batch in 1u64..40, micro in 1u64..40) {
        let width = 16 * width;
        let text = format!(
            "[corpus.files]\npaths = [\"a\"]\n[training]\nmicro_batch = {micro}\n[[sweep]]\n\
             width = {width}\ndepth = {depth}\nbatch = {batch}\ntokens = {tokens}"
        );
        let plan = Plan::new(&Definition::parse(&text, "s.toml").unwrap(), &corpus()).unwrap();
        let planned = &plan.cells[0];
        let (model, training) = (&planned.cell.model, &planned.cell.training);
        prop_assert_eq!(model.heads * model.head_width, model.width);
        prop_assert_eq!(training.batch % training.micro_batch, 0);
        prop_assert!(training.micro_batch <= micro);
        prop_assert!(training.steps >= 1);
        prop_assert!(training.schedule.warmup_steps + training.schedule.decay_steps <= training.steps);
        let error = (planned.cell.tokens() as f64 - tokens as f64).abs();
        let step = (training.batch * model.sequence_length) as f64;
        prop_assert!(error <= step / 2.0 || training.steps == 1);
    }

    /// No text makes a definition panic.
    #[test]
    fn no_definition_panics(text in "[\\[\\]a-z_=\"0-9. \n]{0,200}") {
        if let Ok(definition) = Definition::parse(&text, "s.toml") {
            let _ = Plan::new(&definition, &corpus());
        }
    }
}
