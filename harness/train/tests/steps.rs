//! Scores and steps against direct computation.

use isoflop_corpus::Corpus;
use isoflop_suite::{Definition, DeviceName, Plan};
use isoflop_train::{Trainer, cross_entropy, evaluate, open_device};

fn definition(text: &str) -> Definition {
    Definition::parse(text, "test.toml").unwrap()
}

const TINY: &str = "[corpus.grammar]\nwords = 60\nzipf = 1.1\ntokens = 20000\nvalidation_tokens = 9000\n\
    [evaluation]\ntokens = 900\ncontext = 4\n[[sweep]]\nwidth = 16\ndepth = 1\nsequence_length = 16\n\
    batch = 8\ntokens = 4096\n";

/// The score, from one sequence at a time and formulas written out.
#[test]
fn the_score_is_the_mean_over_the_held_out_sequences() {
    let folder = tempfile::tempdir().unwrap();
    let definition = definition(TINY);
    let corpus = Corpus::prepare(&definition, folder.path(), folder.path()).unwrap();
    let plan = Plan::new(&definition, &corpus.facts).unwrap();
    let cell = &plan.cells[0].cell;
    let device = open_device(&DeviceName::Flex).unwrap();
    let trainer = Trainer::new(cell, &corpus, &device).unwrap();
    let score = evaluate(trainer.model(), cell, &corpus.validation, &device);

    use burn::module::Module;
    use burn::tensor::{Int, Tensor, TensorData};
    let model = trainer.model().valid();
    let (sequences, windows) = (
        cell.evaluation.sequences,
        (corpus.validation.len() as u64 - 1) / 16,
    );
    let mut means = Vec::new();
    for i in 0..sequences {
        let start = (i * windows / sequences) as usize * 16;
        let tokens = corpus.validation.tokens(start..start + 17);
        let ids = |from: &[u8]| {
            let ids: Vec<i32> = from.iter().map(|token| i32::from(*token)).collect();
            Tensor::<2, Int>::from_data(TensorData::new(ids, [1, 16]), &device)
        };
        let losses = cross_entropy(model.forward(ids(&tokens[..16])), ids(&tokens[1..]));
        let losses: Vec<f32> = losses.into_data().try_into_vec().unwrap();
        means.push(losses[4..].iter().map(|loss| f64::from(*loss)).sum::<f64>() / 12.0);
    }
    let n = means.len() as f64;
    let mean = means.iter().sum::<f64>() / n;
    let variance = means.iter().map(|m| (m - mean) * (m - mean)).sum::<f64>() / (n - 1.0);
    assert!((score.loss - mean).abs() < 1e-6);
    assert!((score.se - (variance / n).sqrt()).abs() < 1e-6);
    assert_eq!(score.tokens, sequences * 12);
}

/// Gradients of a batch taken at once and in parts are the same but for rounding.
#[test]
fn accumulated_steps_are_the_whole_batch_s() {
    let folder = tempfile::tempdir().unwrap();
    let step = |micro: u64| {
        let text = format!("[training]\nmicro_batch = {micro}\n{TINY}");
        let definition = definition(&text);
        let corpus = Corpus::prepare(&definition, folder.path(), folder.path()).unwrap();
        let plan = Plan::new(&definition, &corpus.facts).unwrap();
        let device = open_device(&DeviceName::Flex).unwrap();
        let mut trainer = Trainer::new(&plan.cells[0].cell, &corpus, &device).unwrap();
        (0..5).map(|_| trainer.step().read()).collect::<Vec<_>>()
    };
    for (whole, parts) in step(8).into_iter().zip(step(2)) {
        assert!(
            (whole.0 - parts.0).abs() < 1e-4 && (whole.1 - parts.1).abs() < 1e-3,
            "{whole:?} {parts:?}"
        );
    }
}
