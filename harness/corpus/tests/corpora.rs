//! Corpora against direct computation.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use isoflop_corpus::Corpus;
use isoflop_suite::Definition;

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

/// Files of the cache cut or with a bit turned, or gone: the same tokens again, and never others.
#[test]
fn a_damaged_cache_is_prepared_anew() {
    let place = tempfile::tempdir().unwrap();
    let wanted = definition(
        "[corpus.grammar]\nwords = 20\nzipf = 1.0\ntokens = 3000\nvalidation_tokens = 1000\n\
         [[sweep]]\nwidth = 16\ndepth = 1\ntokens = 1000\n",
    );
    let open = || Corpus::prepare(&wanted, place.path(), place.path()).unwrap();
    let tokens = |corpus: &Corpus| corpus.train.tokens(0..corpus.train.len()).to_vec();
    // The files that it maps are about to be cut.
    let (facts, expected) = {
        let whole = open();
        (whole.facts.clone(), tokens(&whole))
    };
    let entries = fs::read_dir(place.path()).unwrap();
    let folder = entries.map(|entry| entry.unwrap().path()).next().unwrap();
    for name in ["corpus.json", "train.tokens", "validation.tokens"] {
        let path = folder.join(name);
        let bytes = fs::read(&path).unwrap();
        let cut = (0..bytes.len())
            .step_by(311)
            .map(|end| bytes[..end].to_vec());
        let turned = (0..8 * bytes.len()).step_by(997).map(|bit| {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        });
        for damaged in cut.chain(turned) {
            fs::write(&path, &damaged).unwrap();
            let again = open();
            assert_eq!(again.facts, facts, "{name}");
            assert_eq!(tokens(&again), expected, "{name}");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(open().facts, facts, "{name} is gone");
    }
    // Nothing is left of what was damaged.
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

/// Only root can give a folder away, so only root tries this.
#[cfg(target_os = "linux")]
#[test]
fn a_cache_of_another_user_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let cache = place.path().join("cache");
    fs::create_dir(&cache).unwrap();
    if std::os::unix::fs::chown(&cache, Some(12345), None).is_err() {
        return;
    }
    let wanted = definition(
        "[corpus.grammar]\nwords = 20\nzipf = 1.0\ntokens = 3000\nvalidation_tokens = 1000",
    );
    let error = Corpus::prepare(&wanted, place.path(), &cache).unwrap_err();
    assert!(
        error.to_string().contains("belongs to another user"),
        "{error}"
    );
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 0);
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
