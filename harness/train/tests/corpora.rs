//! Corpora against direct computation.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use isoflop_suite::{Definition, Plan};
use isoflop_train::{Corpus, DeviceName, Trainer, cross_entropy, evaluate, open_device};

const BLOCK: usize = 16 * 1024;

fn definition(text: &str) -> Definition {
    Definition::parse(text, "test.toml").unwrap()
}

/// Text of numbered sentences, with one long passage that comes twice.
fn write_text(folder: &Path) -> Vec<u8> {
    let passage: String = (0..4000)
        .map(|i| format!("sentence {i} of the passage. "))
        .collect();
    let aligned = &passage[..4 * BLOCK];
    let rest: String = (0..40_000)
        .map(|i| format!("line {} is here\n", i * 7))
        .collect();
    // The copies begin where a block does.
    let text = format!("{aligned}{}{aligned}", &rest[..20 * BLOCK]);
    fs::create_dir(folder.join("text")).unwrap();
    fs::write(folder.join("text/a.txt"), &text).unwrap();
    fs::write(folder.join("text/b.txt"), &rest).unwrap();
    [text.as_bytes(), b"\0", rest.as_bytes(), b"\0"].concat()
}

#[test]
fn parts_hold_all_of_the_text_and_share_no_block() {
    let folder = tempfile::tempdir().unwrap();
    let whole = write_text(folder.path());
    let definition = definition("[corpus.files]\npaths = [\"text\"]");
    let corpus = Corpus::prepare(&definition, folder.path(), &folder.path().join("cache")).unwrap();
    let (train, validation) = (&corpus.train, &corpus.validation);
    assert_eq!(train.len() + validation.len(), whole.len());

    let blocks = |tokens: &[u8]| tokens.chunks(BLOCK).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let trained: HashSet<_> = blocks(train.tokens(0..train.len())).into_iter().collect();
    let held_out = blocks(validation.tokens(0..validation.len()));
    assert!(held_out.iter().all(|block| !trained.contains(block)));
    let mut together: Vec<_> = blocks(train.tokens(0..train.len()))
        .into_iter()
        .chain(held_out)
        .collect();
    let mut expected = blocks(&whole);
    together.sort();
    expected.sort();
    assert_eq!(together, expected);
}

#[test]
fn the_hash_is_of_the_text_and_not_of_its_place() {
    let hash = |folder: &Path, cache: &Path| {
        let definition = definition("[corpus.files]\npaths = [\"text\"]");
        Corpus::prepare(&definition, folder, cache)
            .unwrap()
            .facts
            .sha256
    };
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_text(one.path());
    write_text(two.path());
    let cache = one.path().join("cache");
    let first = hash(one.path(), &cache);
    assert_eq!(first, hash(one.path(), &cache), "from the cache");
    assert_eq!(first, hash(two.path(), &two.path().join("cache")));
    fs::write(two.path().join("text/c.txt"), "one more file").unwrap();
    assert_ne!(first, hash(two.path(), &two.path().join("cache")));
}

/// Files of the cache cut or with a bit turned: an error that names the folder, and no other tokens.
#[test]
fn a_damaged_cache_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let wanted = definition(
        "[corpus.grammar]\nwords = 20\nzipf = 1.0\ntokens = 3000\nvalidation_tokens = 1000\n\
         [[sweep]]\nwidth = 16\ndepth = 1\ntokens = 1000\n",
    );
    let open = || Corpus::prepare(&wanted, place.path(), place.path());
    let facts = open().unwrap().facts;
    let entries = fs::read_dir(place.path()).unwrap();
    let folder = entries.map(|entry| entry.unwrap().path()).next().unwrap();
    for name in ["corpus.json", "train.tokens", "validation.tokens"] {
        let path = folder.join(name);
        let whole = fs::read(&path).unwrap();
        let cut = (0..whole.len())
            .step_by(37)
            .map(|end| whole[..end].to_vec());
        let turned = (0..8 * whole.len()).step_by(13).map(|bit| {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        });
        for bytes in cut.chain(turned) {
            fs::write(&path, &bytes).unwrap();
            match open() {
                Err(error) => {
                    let named = error.to_string().contains(&folder.display().to_string());
                    assert!(named, "{error}");
                }
                // White space of the record.
                Ok(corpus) => {
                    assert_eq!((name, &corpus.facts), ("corpus.json", &facts));
                }
            }
        }
        fs::write(&path, &whole).unwrap();
    }
    open().unwrap();
}

#[test]
fn too_little_text_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.txt"), "short").unwrap();
    let definition = definition("[corpus.files]\npaths = [\"a.txt\"]");
    let error =
        Corpus::prepare(&definition, folder.path(), &folder.path().join("cache")).unwrap_err();
    assert!(error.to_string().contains("too few to split"), "{error}");
}

#[test]
fn a_package_that_is_not_locked_is_named() {
    let definition = definition("[corpus.cargo]\ncrates = [\"no-such-package\"]");
    let error = Corpus::prepare(&definition, Path::new("."), Path::new("unused")).unwrap_err();
    assert!(error.to_string().contains("no-such-package"));
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
