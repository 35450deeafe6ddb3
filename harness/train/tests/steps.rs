//! Scores and steps against direct computation.

use isoflop_corpus::Corpus;
use isoflop_suite::{Definition, DeviceName, Plan};
use isoflop_train::{Scored, Trainer, cross_entropy, evaluate, open_device};

fn definition(text: &str) -> Definition {
    Definition::parse(text, "test.toml").unwrap()
}

const TINY: &str = "[corpus.grammar]\nwords = 60\nzipf = 1.1\ntokens = 20000\nvalidation_tokens = 9000\n\
    [evaluation]\ntokens = 2600\ncontext = 4\n[[sweep]]\nwidth = 16\ndepth = 1\nsequence_length = 16\n\
    batch = 8\ntokens = 4096\n";

/// The score, token by token: each with the context that its sequence gives it, and formulas written out.
#[test]
fn the_score_is_the_mean_over_the_documents_held_out() {
    let folder = tempfile::tempdir().unwrap();
    let definition = definition(TINY);
    let corpus = Corpus::prepare(&definition, folder.path(), folder.path()).unwrap();
    let plan = Plan::new(&definition, &corpus.facts).unwrap();
    let cell = &plan.cells[0].cell;
    let device = open_device(&DeviceName::Flex).unwrap();
    let trainer = Trainer::new(cell, &corpus, &device).unwrap();
    let score = evaluate(
        trainer.model(),
        cell,
        Scored::held_out(cell, &corpus),
        &device,
    );

    use burn::module::Module;
    use burn::tensor::{Int, Tensor, TensorData};
    let model = trainer.model().valid();
    let end = cell.evaluation.tokens as usize;
    // The first document begins too soon to have four tokens before it.
    let first = corpus.held_out[1].start as usize;
    let (mut place, mut losses) = (first, Vec::new());
    while place <= end {
        let start = (place - 5).min(end - 16);
        let tokens = corpus.validation.tokens(start..start + 17);
        let tokens: Vec<i32> = tokens.map(u32::cast_signed).collect();
        let ids = |from: &[i32]| {
            Tensor::<2, Int>::from_data(TensorData::new(from.to_vec(), [1, 16]), &device)
        };
        let row = cross_entropy(model.forward(ids(&tokens[..16])), ids(&tokens[1..]));
        let row: Vec<f32> = row.into_data().try_into_vec().unwrap();
        losses.extend(row[place - start - 1..].iter().map(|loss| f64::from(*loss)));
        place = start + 17;
    }
    assert_eq!(losses.len(), end - first + 1);
    assert_eq!(score.tokens as usize, losses.len());
    let mean = losses.iter().sum::<f64>() / losses.len() as f64;
    assert!((score.loss - mean).abs() < 1e-6);
    let mut left = losses.as_slice();
    let mut off = Vec::new();
    for (document, held_out) in score.documents.iter().zip(&corpus.held_out[1..]) {
        assert_eq!(
            (&document.id, document.tokens),
            (&held_out.id, held_out.tokens)
        );
        let (own, rest) = left.split_at(document.tokens as usize);
        left = rest;
        let sum: f64 = own.iter().sum();
        assert!((document.loss - sum / own.len() as f64).abs() < 1e-6);
        let oracle = held_out.oracle.unwrap() / own.len() as f64;
        assert!((document.oracle_loss.unwrap() - oracle).abs() < 1e-12);
        off.push(sum - mean * own.len() as f64);
    }
    assert!(left.is_empty() && off.len() > 1, "{} documents", off.len());
    let n = off.len() as f64;
    let sum: f64 = off.iter().map(|off| off * off).sum();
    let se = (n / (n - 1.0) * sum).sqrt() / losses.len() as f64;
    assert!((score.se.unwrap() - se).abs() < 1e-6);
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

/// Documents held out of a corpus are scored the same as a validation set beside it.
#[test]
fn a_validation_set_is_scored_as_the_documents_held_out_are() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for name in ["text", "same"] {
        std::fs::create_dir(folder.join(name)).unwrap();
    }
    for number in 0u64..600 {
        let line = |line: u64| format!("{number}: {}\n", (number * 99 + line) * 7919 % 100_003);
        let text: String = (0..20).map(line).collect();
        std::fs::write(folder.join(format!("text/{number}.txt")), text).unwrap();
    }
    const FILES: &str = "[corpus.files]\npaths = [\"text\"]\n[[sweep]]\nwidth = 16\ndepth = 1\n\
        sequence_length = 16\nbatch = 8\ntokens = 4096\n";
    let prepare = |text: &str| {
        let definition = definition(text);
        let corpus = Corpus::prepare(&definition, folder, &folder.join("cache")).unwrap();
        let plan = Plan::new(&definition, &corpus.facts).unwrap();
        (corpus, plan)
    };
    let (corpus, alone) = prepare(FILES);
    for document in &corpus.held_out {
        let (start, tokens) = (document.start as usize, document.tokens as usize);
        let text = &corpus.validation.bytes()[start..start + tokens - 1];
        std::fs::write(folder.join(format!("same/{}.txt", document.id)), text).unwrap();
    }
    // Fewer are cut into sections.
    assert!(corpus.held_out.len() >= 20);
    let (corpus, plan) = prepare(&format!(
        "{FILES}[validation.same.files]\npaths = [\"same\"]\n"
    ));
    // A set is part of what a cell is.
    assert_ne!(alone.cells[0].id, plan.cells[0].id);
    let cell = &plan.cells[0].cell;
    let device = open_device(&DeviceName::Flex).unwrap();
    let trainer = Trainer::new(cell, &corpus, &device).unwrap();
    let score = |text| evaluate(trainer.model(), cell, text, &device);
    let own = score(Scored::held_out(cell, &corpus));
    let set = score(Scored::set(&cell.evaluation.sets[0], &corpus).unwrap());
    assert_eq!(own, set);
}
