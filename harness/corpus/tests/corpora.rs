//! Corpora against direct computation.

use std::fs;
use std::path::Path;

use isoflop_corpus::Corpus;
use isoflop_suite::Definition;
use sha2::{Digest, Sha256};

fn definition(text: &str) -> Definition {
    Definition::parse(text, "test.toml").unwrap()
}

/// Files of a few kilobytes each, whose lines are their own.
fn write_text(folder: &Path) -> Vec<String> {
    fs::create_dir(folder.join("text")).unwrap();
    let texts: Vec<String> = (0..60)
        .map(|file| {
            let lines = (0..40 + file * 7 % 50)
                .map(|i| format!("line {} of {file}\n", i * 7919 + file * 31));
            lines.collect()
        })
        .collect();
    for (file, text) in texts.iter().enumerate() {
        fs::write(folder.join(format!("text/{file:02}.txt")), text).unwrap();
    }
    texts
}

fn documents(stream: &isoflop_corpus::TokenStream) -> Vec<String> {
    let text = String::from_utf8(stream.bytes().to_vec()).unwrap();
    let all = text.strip_prefix('\0').unwrap().strip_suffix('\0').unwrap();
    all.split('\0').map(str::to_owned).collect()
}

const FILES: &str = "[corpus.files]\npaths = [\"text\"]";

#[test]
fn every_document_is_in_one_part() {
    let folder = tempfile::tempdir().unwrap();
    let texts = write_text(folder.path());
    // A copy, of which nothing is left, and a file that is no text.
    fs::write(folder.path().join("text/99.txt"), &texts[3]).unwrap();
    fs::write(folder.path().join("text/a.png"), b"\x89PNG\0\0").unwrap();
    fs::write(folder.path().join("text/b.txt"), b"caf\xe9").unwrap();
    let cache = folder.path().join("cache");
    let corpus = Corpus::prepare(&definition(FILES), folder.path(), &cache).unwrap();
    let (trained, held_out) = (documents(&corpus.train), documents(&corpus.validation));
    assert_eq!(trained.len() + held_out.len(), 60);
    assert!(held_out.len() >= 2, "{}", held_out.len());
    let share =
        corpus.validation.len() as f64 / (corpus.train.len() + corpus.validation.len()) as f64;
    assert!((0.02..0.08).contains(&share), "{share}");
    let mut all: Vec<String> = trained.into_iter().chain(held_out.clone()).collect();
    all.sort();
    let mut expected = texts;
    expected.sort();
    assert_eq!(all, expected);
    // What is said of the documents held out is what stands there.
    for (document, text) in corpus.held_out.iter().zip(&held_out) {
        let (start, end) = (
            document.start as usize,
            (document.start + document.tokens) as usize,
        );
        assert_eq!(&corpus.validation.bytes()[start..end - 1], text.as_bytes());
    }
    let census = corpus.census.unwrap();
    assert_eq!((census.documents, census.copies), (60, 1));
    assert_eq!(census.skipped["file binary"], (1, "text/a.png".to_owned()));
    assert_eq!(
        census.skipped["file not UTF-8"],
        (1, "text/b.txt".to_owned())
    );
}

/// A text without pattern, of so many bytes.
fn noise(bytes: usize, seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let letter = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'a' + (state % 26) as u8)
    };
    (0..bytes).map(letter).collect()
}

/// Files that share long licences at random places in them: no licence is trained on and held out.
#[test]
fn what_files_share_is_not_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("text")).unwrap();
    let licences: Vec<String> = (0..40)
        .map(|it| noise(3000 + 500 * it, 1000 + it as u64))
        .collect();
    let mut texts = Vec::new();
    for file in 0..400 {
        let own = noise(4000 + file * 37 % 3000, file as u64 + 1);
        let at = file * 811 % 4000;
        let text = format!("{}{}{}", &own[..at], licences[file % 40], &own[at..]);
        fs::write(folder.path().join(format!("text/{file:03}.txt")), &text).unwrap();
        texts.push(text);
    }
    let cache = folder.path().join("cache");
    let corpus = Corpus::prepare(&definition(FILES), folder.path(), &cache).unwrap();
    let census = corpus.census.as_ref().unwrap();
    assert_eq!((census.documents, census.groups), (400, 40));
    assert_eq!(census.leak, 0.0);
    let held_out = documents(&corpus.validation);
    assert!(held_out.len() >= 10, "{}", held_out.len());
    let trained = documents(&corpus.train).concat();
    for text in &held_out {
        let licence = licences
            .iter()
            .find(|it| text.contains(it.as_str()))
            .unwrap();
        assert!(!trained.contains(licence.as_str()));
    }
    // The split of before went by blocks of 16 KiB of all files one after the other.
    let stream: String = texts.iter().flat_map(|text| [text, "\0"]).collect();
    let blocks: Vec<&[u8]> = stream.as_bytes().chunks(16 * 1024).collect();
    let is_held = |block: &&[u8]| {
        let digest = Sha256::digest(*block);
        u64::from_le_bytes(digest[..8].try_into().unwrap()).is_multiple_of(20)
    };
    let (held, kept): (Vec<&[u8]>, Vec<&[u8]>) = blocks.iter().partition(|block| is_held(block));
    let (held, kept) = (held.concat(), String::from_utf8(kept.concat()).unwrap());
    let held = String::from_utf8(held).unwrap();
    let leaked = licences.iter().any(|licence| {
        let pieces = [0, 500, 1000, 2000].map(|at| &licence[at..at + 50]);
        pieces
            .iter()
            .any(|piece| held.contains(piece) && kept.contains(piece))
    });
    assert!(leaked, "it would have failed the same test");
}

#[test]
fn a_file_may_hold_several_documents() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..50)
        .map(|it| format!("{}\n\n", noise(300, it + 1)))
        .collect();
    fs::write(folder.path().join("all.txt"), &text).unwrap();
    let one = "[corpus.files]\npaths = [\"all.txt\"]";
    let cache = folder.path().join("cache");
    // Where nothing is said, a large file is cut at the ends of lines.
    let corpus = Corpus::prepare(&definition(one), folder.path(), &cache).unwrap();
    assert_eq!(corpus.census.unwrap().section, Some(1024));
    let cut = documents(&corpus.validation);
    assert!(
        cut.iter().all(|it| it.ends_with('\n') && it.len() > 1024),
        "{cut:?}"
    );
    let several = format!("{one}\nseparator = \"\\n\\n\"");
    let corpus = Corpus::prepare(&definition(&several), folder.path(), &cache).unwrap();
    assert_eq!(corpus.census.unwrap().documents, 50);
}

/// A link back to a folder above is not followed for ever; one to a file is.
#[cfg(unix)]
#[test]
fn links_are_followed_and_loops_are_not() {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path());
    fs::create_dir(folder.path().join("blobs")).unwrap();
    fs::write(folder.path().join("blobs/x"), noise(5000, 99)).unwrap();
    std::os::unix::fs::symlink("../blobs/x", folder.path().join("text/linked.txt")).unwrap();
    std::os::unix::fs::symlink("..", folder.path().join("text/up")).unwrap();
    fs::create_dir(folder.path().join("text/.git")).unwrap();
    fs::write(folder.path().join("text/.git/config"), noise(5000, 98)).unwrap();
    let cache = tempfile::tempdir().unwrap();
    let corpus = Corpus::prepare(&definition(FILES), folder.path(), cache.path()).unwrap();
    let mut all = documents(&corpus.train);
    all.extend(documents(&corpus.validation));
    assert!(all.contains(&noise(5000, 99)));
    assert!(!all.contains(&noise(5000, 98)));
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
    let tokens = |corpus: &Corpus| corpus.train.bytes().to_vec();
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
    assert!(
        error.to_string().contains("1 documents in 1 groups"),
        "{error}"
    );
}

#[test]
fn a_package_that_is_not_locked_is_named() {
    let definition = definition("[corpus.cargo]\ncrates = [\"no-such-package\"]");
    let error = Corpus::prepare(&definition, Path::new("."), Path::new("unused")).unwrap_err();
    assert!(error.to_string().contains("no-such-package"));
}

/// The ids that the Python package `tokenizers` (0.23) gives for texts of every kind of character, with a vocabulary that it
/// trained.
#[test]
fn a_tokenizer_s_file_encodes_as_its_package_does() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("text")).unwrap();
    let encoded = fs::read(data.join("encoded.json")).unwrap();
    let encoded: Vec<serde_json::Value> = serde_json::from_slice(&encoded).unwrap();
    for (at, case) in encoded.iter().enumerate() {
        let text = case["text"].as_str().unwrap();
        fs::write(folder.path().join(format!("text/{at:02}.txt")), text).unwrap();
    }
    // So many files that none is cut.
    for more in 0..20u64 {
        fs::write(
            folder.path().join(format!("text/more-{more:02}.txt")),
            noise(400, more + 1),
        )
        .unwrap();
    }
    fs::copy(
        data.join("tokenizer.json"),
        folder.path().join("tokenizer.json"),
    )
    .unwrap();
    let text = format!("[corpus]\ntokenizer = \"tokenizer.json\"\n{FILES}");
    let cache = folder.path().join("cache");
    let corpus = Corpus::prepare(&definition(&text), folder.path(), &cache).unwrap();
    assert_eq!(corpus.facts.vocabulary, 400);
    let ids = |stream: &isoflop_corpus::TokenStream| -> Vec<Vec<u32>> {
        let all: Vec<u32> = stream.tokens(1..stream.len()).collect();
        all.split_inclusive(|id| *id == 0)
            .map(<[u32]>::to_vec)
            .collect()
    };
    let all: Vec<u32> = [&corpus.train, &corpus.validation]
        .into_iter()
        .flat_map(|stream| ids(stream).concat())
        .collect();
    for case in &encoded {
        let wanted: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        let found = all.windows(wanted.len()).any(|ids| ids == wanted);
        assert!(found, "{}", case["text"]);
    }
}

/// Byte pairs: every text comes back, and the same text makes the same tokens.
#[test]
fn a_vocabulary_is_trained_on_the_training_part() {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path());
    let text = format!("[corpus]\nvocabulary = 400\n{FILES}");
    let prepare = |cache: &str| {
        Corpus::prepare(
            &definition(&text),
            folder.path(),
            &folder.path().join(cache),
        )
        .unwrap()
    };
    let corpus = prepare("one");
    assert_eq!(corpus.facts.vocabulary, 400);
    assert_eq!(corpus.facts.sha256, prepare("two").facts.sha256);
    let bytes = Corpus::prepare(
        &definition(FILES),
        folder.path(),
        &folder.path().join("bytes"),
    )
    .unwrap();
    let folders = fs::read_dir(folder.path().join("one")).unwrap();
    let kept = folders
        .map(|it| it.unwrap().path().join("tokenizer.json"))
        .next()
        .unwrap();
    let tokenizer = tokenizers::Tokenizer::from_file(kept).unwrap();
    for (document, plain) in corpus.held_out.iter().zip(documents(&bytes.validation)) {
        let (start, end) = (
            document.start as usize,
            (document.start + document.tokens) as usize,
        );
        let ids: Vec<u32> = corpus.validation.tokens(start..end - 1).collect();
        assert_eq!(tokenizer.decode(&ids, false).unwrap(), plain);
        assert_eq!(document.bytes as usize, plain.len() + 1);
        assert!(
            ids.len() < plain.len() / 2,
            "{} of {}",
            ids.len(),
            plain.len()
        );
    }
    let sums = corpus.held_out.iter().map(|it| (it.bytes, it.tokens));
    let (bytes, tokens) = sums.fold((0, 0), |all, it| (all.0 + it.0, all.1 + it.1));
    assert_eq!(
        corpus.facts.bytes_per_token,
        Some(bytes as f64 / tokens as f64)
    );
}

#[test]
fn a_tokenizer_that_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path());
    fs::write(folder.path().join("broken.json"), "{\"version\": 1").unwrap();
    let text = format!("[corpus]\ntokenizer = \"broken.json\"\n{FILES}");
    let cache = folder.path().join("cache");
    let error = Corpus::prepare(&definition(&text), folder.path(), &cache).unwrap_err();
    assert!(error.to_string().contains("broken.json"), "{error}");
    for (wrong, says) in [
        ("vocabulary = 100", "out of range"),
        ("tokenizer = \"gpt2\"", "does not fit the corpus"),
        ("tokenizer = \"symbols\"", "does not fit the corpus"),
        (
            "tokenizer = \"bytes\"\nvocabulary = 400",
            "keep one of the two",
        ),
    ] {
        let text = format!("[corpus]\n{wrong}\n{FILES}");
        let error = Definition::parse(&text, "test.toml")
            .unwrap_err()
            .to_string();
        assert!(error.contains(says), "{wrong}: {error}");
    }
}
