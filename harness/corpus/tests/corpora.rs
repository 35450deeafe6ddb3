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
