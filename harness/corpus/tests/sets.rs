//! Named validation sets beside a corpus.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use isoflop_corpus::{Corpus, TokenStream};
use isoflop_suite::Definition;

fn prepare(text: &str, folder: &Path) -> Corpus {
    let definition = Definition::parse(text, "test.toml").unwrap();
    Corpus::prepare(&definition, folder, &folder.join("cache")).unwrap()
}

/// Lines of numbers, which no other text has.
fn text(number: u64, lines: u64) -> String {
    (0..lines).fold(String::new(), |mut text, line| {
        let digits = (number * 1000 + line + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let _ = writeln!(text, "line {digits:x} of {number}");
        text
    })
}

/// A corpus of sixty files, and two folders with thirty documents each: `other` of its own, `known` copied from the corpus's
/// training part.
fn write(folder: &Path) {
    for name in ["text", "other", "known"] {
        fs::create_dir(folder.join(name)).unwrap();
    }
    for number in 0..60 {
        let path = folder.join(format!("text/{number}.txt"));
        fs::write(path, text(number, 30 + number % 20)).unwrap();
    }
    let plain = prepare("[corpus.files]\npaths = [\"text\"]", folder);
    let trained = documents(&plain.train);
    for (number, copied) in trained.into_iter().take(30).enumerate() {
        fs::write(folder.join(format!("known/{number}.txt")), copied).unwrap();
        let own = text(1000 + number as u64, 40);
        fs::write(folder.join(format!("other/{number}.txt")), own).unwrap();
    }
    // The same text again is no other document.
    fs::write(folder.join("other/copy.txt"), text(1003, 40)).unwrap();
}

fn documents(stream: &TokenStream) -> Vec<String> {
    let text = String::from_utf8(stream.bytes().to_vec()).unwrap();
    let all = text.strip_prefix('\0').unwrap().strip_suffix('\0').unwrap();
    all.split('\0').map(str::to_owned).collect()
}

const CORPUS: &str = "files = { paths = [\"text\"] }\n";
const SETS: &str = "[validation.other.files]\npaths = [\"other\"]\n[validation.known.files]\npaths = [\"known\"]\n";

#[test]
fn a_set_is_all_its_documents_and_tells_what_is_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder);
    let alone = prepare(&format!("[corpus]\n{CORPUS}"), folder);
    let corpus = prepare(&format!("[corpus]\n{CORPUS}{SETS}"), folder);
    // The corpus is the same with them and without.
    assert_eq!(alone.facts.sha256, corpus.facts.sha256);
    let (other, known) = (corpus.set("other").unwrap(), corpus.set("known").unwrap());
    assert_eq!((other.census.documents, other.census.copies), (30, 1));
    let mut found = documents(&other.tokens);
    found.sort();
    let mut own: Vec<String> = (1000..1030).map(|number| text(number, 40)).collect();
    own.sort();
    assert_eq!(found, own);
    assert_eq!(other.census.leak, 0.0);
    assert_eq!(known.census.leak, 1.0);
    // Where each of its documents stands.
    for (document, text) in other.documents.iter().zip(documents(&other.tokens)) {
        let (start, tokens) = (document.start as usize, document.tokens as usize);
        assert_eq!(
            &other.tokens.bytes()[start..start + tokens - 1],
            text.as_bytes()
        );
    }
    // What a plan knows of them is in the order of their names.
    let facts = &corpus.facts.sets;
    assert_eq!(
        (facts[0].name.as_str(), facts[1].name.as_str()),
        ("known", "other")
    );
    assert_ne!(facts[0].sha256, facts[1].sha256);
}

/// Byte pairs of a set are those of the corpus: a text of both has the same tokens in both.
#[test]
fn a_set_has_the_tokens_of_the_corpus() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder);
    let corpus = prepare(
        &format!("[corpus]\nvocabulary = 400\n{CORPUS}{SETS}"),
        folder,
    );
    let known = corpus.set("known").unwrap();
    let trained: Vec<u32> = corpus.train.tokens(0..corpus.train.len()).collect();
    for document in &known.documents {
        let (start, tokens) = (document.start as usize, document.tokens as usize);
        let tokens: Vec<u32> = known.tokens.tokens(start..start + tokens).collect();
        let found = trained
            .windows(tokens.len())
            .any(|window| window == tokens.as_slice());
        assert!(found, "{}", document.name);
    }
    assert_eq!(known.census.leak, 1.0);
    // Digits share runs of tokens here and there.
    let other = corpus.set("other").unwrap();
    assert!(other.census.leak < 0.1, "{}", other.census.leak);
    let bytes: u64 = other.documents.iter().map(|it| it.bytes).sum();
    let all: usize = (1000..1030).map(|number| text(number, 40).len() + 1).sum();
    assert_eq!(bytes as usize, all);
}

#[test]
fn shards_have_sets_of_shards() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let shard = |seed: u64| -> Vec<u8> {
        let mut state = seed;
        let mut token = |at: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let is_end = at % 200 == 199;
            if is_end {
                500
            } else {
                (state >> 40) as u16 % 500
            }
        };
        (0..20_000).flat_map(|at| token(at).to_le_bytes()).collect()
    };
    fs::write(folder.join("train.bin"), shard(1)).unwrap();
    fs::write(folder.join("val.bin"), shard(2)).unwrap();
    let corpus = prepare(
        "[corpus.shards]\npaths = [\"train.bin\"]\nend = 500\nvocabulary = 501\n\
         [validation.val.shards]\npaths = [\"val.bin\"]\n",
        folder,
    );
    let set = corpus.set("val").unwrap();
    assert_eq!(set.documents.len(), 100);
    assert_eq!(set.tokens.len(), 20_001);
    assert_eq!(set.census.leak, 0.0);
}

#[test]
fn what_is_wrong_with_a_set_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder);
    let refused = |text: &str| {
        let definition = Definition::parse(text, "test.toml").map_err(|error| error.to_string())?;
        let prepared = Corpus::prepare(&definition, folder, &folder.join("cache"));
        prepared.map(|_| ()).map_err(|error| error.to_string())
    };
    let files = format!("[corpus]\n{CORPUS}");
    for (text, says) in [
        (
            format!("{files}[validation.bad-name.files]\npaths = [\"other\"]\n"),
            "cannot be the name",
        ),
        (
            format!("{files}[validation.x_se.files]\npaths = [\"other\"]\n"),
            "no `_se` at the end",
        ),
        (format!("{files}[validation.x]\n"), "exactly one source"),
        (
            format!("{files}[validation.x.shards]\npaths = [\"other\"]\n"),
            "of another kind",
        ),
        (
            "[corpus.grammar]\nwords = 9\nzipf = 1.0\ntokens = 9\nvalidation_tokens = 9\n\
                 [validation.x.files]\npaths = [\"other\"]\n"
                .to_owned(),
            "of a grammar none",
        ),
        (
            format!("{files}[validation.x.files]\npaths = [\"nowhere\"]\n"),
            "the validation set `x`: ",
        ),
        (
            format!("{files}[validation.x.files]\npath = [\"nowhere\"]\n"),
            "path",
        ),
    ] {
        let error = refused(&text).unwrap_err();
        assert!(error.contains(says), "{says}: {error}");
    }
}
