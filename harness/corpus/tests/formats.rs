//! The files that people keep text and tokens in, each against the same documents in plain files.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use isoflop_corpus::{Corpus, TokenStream};
use isoflop_suite::Definition;
use polars::prelude::{Column, DataFrame, ParquetWriter};

fn prepare(corpus: &str, folder: &Path) -> Result<Corpus, String> {
    let definition = Definition::parse(corpus, "test.toml").map_err(|error| error.to_string())?;
    Corpus::prepare(&definition, folder, &folder.join("cache")).map_err(|error| error.to_string())
}

fn refusal(corpus: &str, folder: &Path) -> String {
    let refused = prepare(corpus, folder).unwrap_err();
    refused.replace(&folder.display().to_string(), "FOLDER")
}

/// Documents with quotes, line ends and letters of several alphabets.
fn texts() -> Vec<String> {
    let text = |number: u64| {
        let lines = (0..12 + number % 9).map(|line| {
            format!(
                "{line}: \"é\" of {}\tживёт {}\r\n",
                number * 7919,
                (number + line) * 104_729
            )
        });
        lines.collect()
    };
    (0..80).map(text).collect()
}

fn json_lines(texts: &[String]) -> String {
    let line = |(number, text): (usize, &String)| {
        serde_json::json!({"id": number, "meta": {"text": "not this"}, "text": text}).to_string()
            + "\n"
    };
    texts.iter().enumerate().map(line).collect()
}

fn write_parquet(path: &Path, texts: &[String], rows_per_group: usize) {
    let numbers: Vec<u64> = (0..texts.len() as u64).collect();
    let columns = vec![
        Column::new("number".into(), numbers),
        Column::new("text".into(), texts),
    ];
    let mut table = DataFrame::new(texts.len(), columns).unwrap();
    let writer = ParquetWriter::new(fs::File::create(path).unwrap());
    writer
        .with_row_group_size(Some(rows_per_group))
        .finish(&mut table)
        .unwrap();
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn the_same_texts_are_the_same_corpus_however_they_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let texts = texts();
    fs::create_dir(folder.join("plain")).unwrap();
    for (number, text) in texts.iter().enumerate() {
        fs::write(folder.join(format!("plain/{number:03}.txt")), text).unwrap();
    }
    let lines = json_lines(&texts);
    let (first, second) = lines.split_at(lines.match_indices('\n').nth(33).unwrap().0 + 1);
    fs::write(folder.join("all.jsonl"), &lines).unwrap();
    // Two members of gzip, and two frames of Zstandard, one after the other, are one file.
    fs::write(
        folder.join("all.json.gz"),
        [gzip(first.as_bytes()), gzip(second.as_bytes())].concat(),
    )
    .unwrap();
    let frames = [first, second].map(|it| zstd::encode_all(it.as_bytes(), 3).unwrap());
    fs::write(folder.join("all.jsonl.zst"), frames.concat()).unwrap();
    fs::write(folder.join("part-0.ndjson"), first).unwrap();
    fs::write(folder.join("part-1.ndjson"), second).unwrap();
    write_parquet(&folder.join("all.parquet"), &texts, 7);
    fs::write(
        folder.join("all.txt.gz"),
        gzip(texts.join("<|end|>").as_bytes()),
    )
    .unwrap();
    let plain = prepare("[corpus.files]\npaths = [\"plain\"]", folder).unwrap();
    assert_eq!(plain.census.as_ref().unwrap().documents, 80);
    for paths in [
        "paths = [\"all.jsonl\"]",
        "paths = [\"all.json.gz\"]",
        "paths = [\"all.jsonl.zst\"]",
        "paths = [\"part-?.ndjson\"]",
        "paths = [\"all.parquet\"]",
        "paths = [\"all.txt.gz\"]\nseparator = \"<|end|>\"",
        "paths = [\"plain/*.txt\"]",
    ] {
        let corpus = prepare(&format!("[corpus.files]\n{paths}"), folder).unwrap();
        assert_eq!(corpus.facts.sha256, plain.facts.sha256, "{paths}");
        assert_eq!(corpus.facts.bytes_per_token, Some(1.0));
    }
    // The row of a document that is held out is where its text stands.
    let corpus = prepare("[corpus.files]\npaths = [\"all.parquet\"]", folder).unwrap();
    for document in &corpus.held_out {
        let row: usize = document
            .name
            .strip_prefix("all.parquet:")
            .unwrap()
            .parse()
            .unwrap();
        let place = document.start as usize..(document.start + document.tokens - 1) as usize;
        assert_eq!(&corpus.validation.bytes()[place], texts[row - 1].as_bytes());
    }
}

#[test]
fn rows_that_hold_no_text_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = json_lines(&texts());
    lines += "{\"text\": \"\"}\n\n{\"text\": null}\n{\"text\": \"a\\u0000b\"}\n";
    fs::write(folder.path().join("all.jsonl"), lines).unwrap();
    let corpus = prepare("[corpus.files]\npaths = [\"all.jsonl\"]", folder.path()).unwrap();
    let census = corpus.census.unwrap();
    assert_eq!(census.documents, 80);
    assert_eq!(census.skipped["row empty"], (2, "all.jsonl:81".to_owned()));
    assert_eq!(census.skipped["row binary"], (1, "all.jsonl:84".to_owned()));
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let good = json_lines(&texts());
    let said = |name: &str, content: &[u8], more: &str| {
        fs::write(folder.join(name), content).unwrap();
        refusal(
            &format!("[corpus.files]\npaths = [\"{name}\"]\n{more}"),
            folder,
        )
    };
    let with = |last: &str| format!("{good}{last}");
    let text = said(
        "a.jsonl",
        with("{\"content\": \"x\", \"id\": 3}\n").as_bytes(),
        "",
    );
    assert_eq!(
        text,
        "FOLDER/a.jsonl, line 81: there is no `text`, only `content`, `id`\n  help: name the one with the text: `column = \
         \"...\"` in [corpus]'s table"
    );
    let text = said("b.jsonl", with("{\"text\": 5}").as_bytes(), "");
    assert_eq!(text, "FOLDER/b.jsonl, line 81: `text` is no text but 5");
    let text = said("c.jsonl", with("{\"text\": \"cut o").as_bytes(), "");
    assert!(
        text.starts_with("FOLDER/c.jsonl, line 81: the JSON ends too early"),
        "{text}"
    );
    assert!(text.contains("cut off"), "{text}");
    let bad = [good.as_bytes(), b"{\"text\": \"caf\xe9\"}\n"].concat();
    let text = said("d.jsonl", &bad, "");
    assert!(
        text.starts_with("FOLDER/d.jsonl, line 81: it is no JSON object"),
        "{text}"
    );
    let text = said("e.jsonl", with("[1, 2]\n").as_bytes(), "");
    assert!(
        text.contains("line 81") && text.contains("expected an object"),
        "{text}"
    );
    for (name, whole) in [
        ("f.jsonl.gz", gzip(good.as_bytes())),
        ("g.jsonl.zst", zstd::encode_all(good.as_bytes(), 3).unwrap()),
    ] {
        let text = said(name, &whole[..whole.len() / 2], "");
        assert!(
            text.starts_with(&format!("FOLDER/{name} cannot be unpacked")),
            "{text}"
        );
    }
    write_parquet(&folder.join("whole.parquet"), &texts(), 30);
    let whole = fs::read(folder.join("whole.parquet")).unwrap();
    let text = said("h.parquet", &whole[..whole.len() / 2], "");
    assert!(text.starts_with("FOLDER/h.parquet: "), "{text}");
    let text = said("i.parquet", &whole, "column = \"body\"");
    assert!(
        text.contains("there is no column `body`, only `number`, `text`"),
        "{text}"
    );
    let text = said("j.parquet", &whole, "column = \"number\"");
    assert_eq!(text, "FOLDER/j.parquet: `number` holds no texts but u64");
    let text = refusal("[corpus.files]\npaths = [\"no/*.txt\"]", folder);
    assert_eq!(text, "`no/*.txt` in [corpus]'s paths: no file fits it");
    // Damage anywhere is told and no panic.
    for place in (0..whole.len()).step_by(whole.len() / 60) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0xff;
        fs::write(folder.join("damaged.parquet"), damaged).unwrap();
        let _ = prepare("[corpus.files]\npaths = [\"damaged.parquet\"]", folder);
    }
}

/// Documents of tokens below 50,256, of which the end is 50,256.
fn documents() -> Vec<Vec<u16>> {
    let mut state = 1u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % 50_256) as u16
    };
    (0..100)
        .map(|number| (0..150 + number).map(|_| next()).collect())
        .collect()
}

const END: u16 = 50_256;
const SHARDS: &str = "end = 50256\nvocabulary = 50257";

fn bytes(tokens: &[u16]) -> Vec<u8> {
    tokens
        .iter()
        .flat_map(|token| token.to_le_bytes())
        .collect()
}

/// As llm.c writes them.
fn with_header(tokens: &[u16]) -> Vec<u8> {
    let mut header = vec![0u8; 1024];
    header[..4].copy_from_slice(&20_240_520u32.to_le_bytes());
    header[4..8].copy_from_slice(&1u32.to_le_bytes());
    header[8..12].copy_from_slice(&(tokens.len() as u32).to_le_bytes());
    header.extend(bytes(tokens));
    header
}

/// As `numpy.save` writes them.
fn npy(descr: &str, shape: usize, content: Vec<u8>) -> Vec<u8> {
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape},), }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(content);
    file
}

fn parts(stream: &TokenStream) -> Vec<Vec<u16>> {
    let tokens: Vec<u16> = stream.tokens(0..stream.len()).map(|it| it as u16).collect();
    let all = tokens
        .strip_prefix(&[END])
        .unwrap()
        .strip_suffix(&[END])
        .unwrap();
    all.split(|token| *token == END)
        .map(<[u16]>::to_vec)
        .collect()
}

#[test]
fn shards_are_the_same_tokens_however_they_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let documents = documents();
    // The end after each document, and before each.
    let after: Vec<u16> = documents
        .iter()
        .flat_map(|it| [it.as_slice(), &[END]].concat())
        .collect();
    let before: Vec<u16> = documents
        .iter()
        .flat_map(|it| [&[END], it.as_slice()].concat())
        .collect();
    let wide: Vec<u8> = after
        .iter()
        .flat_map(|token| u32::from(*token).to_le_bytes())
        .collect();
    fs::write(folder.join("raw.bin"), bytes(&after)).unwrap();
    fs::write(folder.join("olmo.npy"), bytes(&before)).unwrap();
    fs::write(folder.join("llm.bin"), with_header(&before)).unwrap();
    fs::write(
        folder.join("saved.npy"),
        npy("<u2", after.len(), bytes(&after)),
    )
    .unwrap();
    fs::write(
        folder.join("wide.npy"),
        npy("<u4", after.len(), wide.clone()),
    )
    .unwrap();
    fs::write(folder.join("wide.bin"), wide).unwrap();
    let first = prepare(
        &format!("[corpus.shards]\npaths = [\"raw.bin\"]\n{SHARDS}"),
        folder,
    )
    .unwrap();
    assert_eq!(
        (first.facts.vocabulary, first.facts.bytes_per_token),
        (50_257, None)
    );
    let mut all: Vec<Vec<u16>> = [&first.train, &first.validation]
        .into_iter()
        .flat_map(parts)
        .collect();
    let mut expected = documents.clone();
    all.sort();
    expected.sort();
    assert_eq!(all, expected);
    for paths in [
        "paths = [\"olmo.npy\"]",
        "paths = [\"llm.bin\"]",
        "paths = [\"saved.npy\"]",
        "paths = [\"wide.npy\"]",
        "paths = [\"wide.bin\"]\ndtype = \"u32\"",
    ] {
        let corpus = prepare(&format!("[corpus.shards]\n{paths}\n{SHARDS}"), folder).unwrap();
        assert_eq!(corpus.facts.sha256, first.facts.sha256, "{paths}");
    }
}

#[test]
fn what_two_shards_share_is_not_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let mut documents = documents();
    let licence = documents[0].repeat(6);
    for document in documents.iter_mut().take(30) {
        document.extend(&licence);
    }
    let tokens: Vec<u16> = documents
        .iter()
        .flat_map(|it| [it.as_slice(), &[END]].concat())
        .collect();
    fs::write(folder.path().join("a.bin"), bytes(&tokens)).unwrap();
    let corpus = prepare(
        &format!("[corpus.shards]\npaths = [\"a.bin\"]\n{SHARDS}"),
        folder.path(),
    )
    .unwrap();
    let census = corpus.census.unwrap();
    assert_eq!((census.documents, census.groups, census.run), (100, 71, 12));
    assert_eq!(census.leak, 0.0);
}

#[test]
fn what_is_wrong_with_a_shard_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let tokens: Vec<u16> = documents()
        .iter()
        .flat_map(|it| [it.as_slice(), &[END]].concat())
        .collect();
    let said = |name: &str, content: &[u8], more: &str| {
        fs::write(folder.join(name), content).unwrap();
        refusal(
            &format!("[corpus.shards]\npaths = [\"{name}\"]\n{more}"),
            folder,
        )
    };
    let text = said("a.bin", &bytes(&tokens), "end = 1000\nvocabulary = 30000");
    let position = 1 + tokens.iter().position(|it| *it >= 30_000).unwrap();
    let token = tokens[position - 1];
    assert!(
        text.starts_with(&format!(
            "FOLDER/a.bin: token {position} is {token}, and the vocabulary has 30000\n  help: "
        )),
        "{text}"
    );
    let text = said("b.bin", &bytes(&tokens)[1..], SHARDS);
    assert!(text.contains("are not tokens of 2 bytes"), "{text}");
    let cut = with_header(&tokens);
    let text = said("c.bin", &cut[..cut.len() - 10], SHARDS);
    assert!(
        text.contains(&format!(
            "are not {} tokens of 2 bytes, as it says",
            tokens.len()
        )),
        "{text}"
    );
    let text = said("d.npy", &npy("<f4", 3, vec![0; 12]), SHARDS);
    assert!(text.contains("NumPy's type `<f4`"), "{text}");
    let text = said("e.npy", &npy("<u2", 3, vec![0; 12])[..40], SHARDS);
    assert!(text.contains("NumPy header is damaged"), "{text}");
    let text = said("f.bin", &bytes(&tokens), "end = 5");
    assert!(
        text.contains("does not say which token ends a document"),
        "{text}"
    );
    let text = said("g.bin", &bytes(&tokens), "end = 5\nvocabulary = 5");
    assert!(
        text.contains("`end = 5` is no token of a vocabulary of 5"),
        "{text}"
    );
    let text = said("h.bin", &[], SHARDS);
    assert!(text.contains("1 file empty, the first h.bin"), "{text}");
}

#[test]
fn patterns_read_each_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (number, text) in texts().iter().enumerate() {
        let place = folder.join(["g", "g/sub", "g/sub/deep"][number % 3]);
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join(format!("{number}.txt")), text).unwrap();
    }
    fs::create_dir_all(folder.join("g/.git")).unwrap();
    fs::write(folder.join("g/.git/config"), "of no interest").unwrap();
    let whole = prepare("[corpus.files]\npaths = [\"g\"]", folder).unwrap();
    for paths in ["g/**", "g/**/*", "g/**/*.txt", "g/*"] {
        let corpus = prepare(&format!("[corpus.files]\npaths = [\"{paths}\"]"), folder).unwrap();
        let census = corpus.census.unwrap();
        assert_eq!((census.documents, census.copies), (80, 0), "{paths}");
        assert_eq!(corpus.facts.sha256, whole.facts.sha256, "{paths}");
    }
    let twice = prepare("[corpus.files]\npaths = [\"g\", \"g/*.txt\"]", folder).unwrap();
    assert_eq!(twice.census.unwrap().copies, 0);
}

#[test]
fn what_programs_write_around_a_text_is_none_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let lines = json_lines(&texts());
    fs::write(folder.join("plain.jsonl"), &lines).unwrap();
    let windows = format!("\u{feff}{}", lines.replace('\n', "\r\n"));
    fs::write(folder.join("marked.jsonl"), windows).unwrap();
    let half = format!("{lines}{{\"text\": \"half of a pair \\ud83d\"}}\n");
    fs::write(folder.join("half.jsonl"), half).unwrap();
    let of =
        |name: &str| prepare(&format!("[corpus.files]\npaths = [\"{name}\"]"), folder).unwrap();
    let plain = of("plain.jsonl");
    assert_eq!(of("marked.jsonl").facts.sha256, plain.facts.sha256);
    let half = of("half.jsonl");
    assert_eq!(half.facts.sha256, plain.facts.sha256);
    let skipped = &half.census.unwrap().skipped;
    assert_eq!(
        skipped["row with a broken escape"],
        (1, "half.jsonl:81".to_owned())
    );
    fs::write(folder.join("pretty.json"), "{\n  \"text\": \"x\"\n}\n").unwrap();
    let text = refusal(
        "[corpus.files]\npaths = [\"pretty.json\"]\ncolumn = \"text\"",
        folder,
    );
    assert!(
        text.ends_with("help: each line is an object of its own"),
        "{text}"
    );
}

#[test]
fn shards_are_what_they_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let documents = documents();
    let after: Vec<u16> = documents
        .iter()
        .flat_map(|it| [it.as_slice(), &[END]].concat())
        .collect();
    let wide: Vec<u8> = after
        .iter()
        .flat_map(|token| u32::from(*token).to_le_bytes())
        .collect();
    // Other files of the folder are no tokens.
    fs::create_dir(folder.join("data")).unwrap();
    fs::write(folder.join("data/train.bin"), bytes(&after)).unwrap();
    fs::write(
        folder.join("data/input.txt"),
        "what the tokens were made of, of an even length",
    )
    .unwrap();
    let read = prepare(
        &format!("[corpus.shards]\npaths = [\"data\"]\n{SHARDS}"),
        folder,
    )
    .unwrap();
    assert_eq!(read.census.unwrap().documents, 100);
    // A vocabulary that two bytes cannot hold is kept in four.
    fs::write(folder.join("wide.bin"), &wide).unwrap();
    let large = "[corpus.shards]\npaths = [\"wide.bin\"]\nend = 50256\nvocabulary = 128256";
    assert_eq!(
        prepare(large, folder).unwrap().census.unwrap().documents,
        100
    );
    let text = refusal(
        &format!("[corpus.shards]\npaths = [\"wide.bin\"]\n{SHARDS}"),
        folder,
    );
    assert!(
        text.contains("every second of its numbers is 0") && text.contains("dtype = \"u32\""),
        "{text}"
    );
    // Letters: a byte each, and no text.
    let letters: Vec<u16> = after
        .iter()
        .map(|token| if *token == END { 0 } else { 1 + token % 64 })
        .collect();
    fs::write(folder.join("letters.bin"), bytes(&letters)).unwrap();
    let small = "[corpus.shards]\npaths = [\"letters.bin\"]\nend = 0\nvocabulary = 65";
    let corpus = prepare(small, folder).unwrap();
    assert_eq!(
        (
            corpus.facts.bytes_per_token,
            corpus.census.as_ref().unwrap().run
        ),
        (None, 12)
    );
    // One without any end is cut all the same.
    let endless: Vec<u16> = letters.iter().map(|token| token + 20).collect();
    fs::write(folder.join("endless.bin"), bytes(&endless)).unwrap();
    let corpus = prepare(
        "[corpus.shards]\npaths = [\"endless.bin\"]\nend = 0\nvocabulary = 90",
        folder,
    )
    .unwrap();
    let census = corpus.census.unwrap();
    assert!(
        census.section.is_some() && census.held_out >= 2,
        "{census:?}"
    );
    let by_columns = String::from_utf8_lossy(&npy("<u2", 1, Vec::new())[10..])
        .replace("False", "True")
        .replace("(1,)", "(10, 10)");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((by_columns.len() as u16).to_le_bytes());
    file.extend(by_columns.as_bytes());
    file.extend(vec![0; 200]);
    fs::write(folder.join("columns.npy"), file).unwrap();
    let text = refusal(
        &format!("[corpus.shards]\npaths = [\"columns.npy\"]\n{SHARDS}"),
        folder,
    );
    assert!(text.contains("column by column"), "{text}");
}

#[test]
fn a_corpus_is_prepared_once_however_its_definition_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("all.jsonl"), json_lines(&texts())).unwrap();
    let definition =
        Definition::parse("[corpus.files]\npaths = [\"all.jsonl\"]", "test.toml").unwrap();
    let cache = folder.join("cache");
    Corpus::prepare(&definition, folder, &cache).unwrap();
    Corpus::prepare(&definition, &folder.join("cache/.."), &cache).unwrap();
    assert_eq!(fs::read_dir(cache).unwrap().count(), 1);
}
