//! Definitions from a fuzzer: accepted or refused with a message, never a panic.

use isoflop_suite::{CorpusFacts, Definition, Plan, Tokenizer};
use proptest::prelude::*;

const SHIPPED: [&str; 5] = [
    include_str!("../../../experiments/quick.toml"),
    include_str!("../../../experiments/known-entropy.toml"),
    include_str!("../../../experiments/kaplan.toml"),
    include_str!("../../../experiments/isoflop.toml"),
    include_str!("../../../experiments/width-depth.toml"),
];

/// What numbers are replaced by, and what is put in anywhere.
const PIECES: [&str; 28] = [
    "0",
    "-1",
    "1",
    "1e308",
    "-0.0",
    "nan",
    "inf",
    "18446744073709551615",
    "9223372036854775807",
    "0.5",
    "1e-308",
    "[]",
    "[1, 2, 3]",
    "{ start = 1, end = 1e30, step = 2 }",
    "\"\"",
    "\"x\"",
    "true",
    "[[sweep]]\n",
    "[model]\n",
    "[corpus.files]\n",
    "width = ",
    "depth = ",
    "tokens = ",
    "flops = ",
    "list = [{ width = 3 }]\n",
    "[retry]\n",
    "\n",
    "é",
];

#[derive(Debug, Clone)]
enum Change {
    Number(usize, usize),
    Insert(usize, usize),
    Line(usize),
    Twice(usize),
    Cut(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (any::<usize>(), 0..PIECES.len()).prop_map(|(at, piece)| Change::Number(at, piece)),
        2 => (any::<usize>(), 0..PIECES.len()).prop_map(|(at, piece)| Change::Insert(at, piece)),
        2 => any::<usize>().prop_map(Change::Line),
        1 => any::<usize>().prop_map(Change::Twice),
        1 => (any::<usize>(), 1..40usize).prop_map(|(at, length)| Change::Cut(at, length)),
    ]
}

fn changed(text: &str, change: &Change) -> String {
    let characters: Vec<char> = text.chars().collect();
    let lines: Vec<&str> = text.lines().collect();
    let with = |from: usize, to: usize, piece: &str| -> String {
        let (before, after) = (&characters[..from], &characters[to..]);
        before
            .iter()
            .copied()
            .chain(piece.chars())
            .chain(after.iter().copied())
            .collect()
    };
    match *change {
        _ if characters.is_empty() || lines.is_empty() => String::new(),
        Change::Number(at, piece) => {
            let digits: Vec<usize> = (0..characters.len())
                .filter(|i| characters[*i].is_ascii_digit())
                .filter(|i| *i == 0 || !characters[*i - 1].is_ascii_digit())
                .collect();
            let Some(from) = digits.get(at % digits.len().max(1)).copied() else {
                return text.to_owned();
            };
            let length = characters[from..]
                .iter()
                .take_while(|c| c.is_ascii_digit() || "._e".contains(**c))
                .count();
            with(from, from + length, PIECES[piece])
        }
        Change::Insert(at, piece) => {
            let at = at % characters.len();
            with(at, at, PIECES[piece])
        }
        Change::Line(at) => {
            let at = at % lines.len();
            let kept = lines.iter().enumerate().filter(|(line, _)| *line != at);
            kept.map(|(_, line)| format!("{line}\n")).collect()
        }
        Change::Twice(at) => {
            let at = at % lines.len();
            let twice = |(line, text): (usize, &&str)| {
                format!("{text}\n").repeat(1 + usize::from(line == at))
            };
            lines.iter().enumerate().map(twice).collect()
        }
        Change::Cut(at, length) => {
            let at = at % characters.len();
            with(at, (at + length).min(characters.len()), "")
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn any_definition_is_planned_or_refused(
        shipped in 0..SHIPPED.len(),
        changes in prop::collection::vec(change(), 1..5),
    ) {
        let text = changes
            .iter()
            .fold(SHIPPED[shipped].to_owned(), |text, change| changed(&text, change));
        let facts = CorpusFacts {
 sets: Vec::new(),
            sha256: "ab".repeat(32),
            tokenizer: Tokenizer::Bytes,
            vocabulary: 256,
            train_tokens: 100_000_000,
            validation_tokens: 1_000_000,
            bytes_per_token: Some(1.0),
            held_out: vec![1 << 14; 60],
        };
        let planned = Definition::parse(&text, "any.toml").and_then(|it| Plan::new(&it, &facts));
        if let Err(error) = planned {
            prop_assert!(error.to_string().contains("any.toml"), "{}", error);
        }
    }
}
