//! `docs/SUITES.md` lists every key of a definition, as the definitions themselves say it. After a change of theirs
//! `UPDATE_DOCS=1 cargo test --release --test guide` writes it anew.

use std::fmt::Write;
use std::path::Path;

use isoflop_suite::Definition;
use serde_json::Value;

const HEAD: &str = "# Every setting of a suite

This page is made from the definitions themselves, as is the JSON schema that `isoflop schema` prints. An editor that knows it (Even Better
TOML, taplo) completes keys and underlines what is wrong: `isoflop schema > suite.schema.json`, and `#:schema suite.schema.json` as the first
line of the suite.

Keys without a default that are no must are left out where nothing is wanted. [OWN-TEXT](OWN-TEXT.md) shows how they are used,
[LAWS](LAWS.md) which laws there are, [CLUSTER](CLUSTER.md) what `[slurm]` is for.
";

/// The tables in the page's order: heading, and the way to the schema.
const TABLES: &[(&str, &[&str])] = &[
    ("the top of the file", &[]),
    ("[corpus]", &["corpus"]),
    ("[corpus.files]", &["corpus", "files"]),
    ("[corpus.hub]", &["corpus", "hub"]),
    ("[corpus.shards]", &["corpus", "shards"]),
    ("[corpus.cargo]", &["corpus", "cargo"]),
    ("[corpus.grammar]", &["corpus", "grammar"]),
    ("[model]", &["model"]),
    ("[[sweep]]", &["sweep"]),
    ("[training]", &["training"]),
    ("[evaluation]", &["evaluation"]),
    ("[validation.NAME]", &["validation"]),
    ("[[fit]]", &["fit"]),
    ("[retry]", &["retry"]),
    ("[slurm]", &["slurm"]),
];

#[test]
fn the_page_says_what_the_definitions_say() {
    let schema = Definition::schema();
    let mut page = HEAD.to_owned();
    for (heading, way) in TABLES {
        let mut table = &schema;
        for key in *way {
            table = object(&schema, &table["properties"][key]);
        }
        page += &section(&schema, heading, table);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/SUITES.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(
        written == page,
        "docs/SUITES.md is not what the definitions say: UPDATE_DOCS=1 cargo test --release --test guide"
    );
}

/// No table is missing from the page.
#[test]
fn every_table_has_its_section() {
    let schema = Definition::schema();
    let shown = |name: &str, under: &[&str]| {
        let way = [under, &[name]].concat();
        TABLES.iter().any(|(_, shown)| **shown == way[..])
    };
    let is_table = |it: &Value| object(&schema, it)["properties"].is_object();
    for (name, it) in schema["properties"].as_object().unwrap() {
        assert!(!is_table(it) || shown(name, &[]), "{name}");
    }
    let corpus = object(&schema, &schema["properties"]["corpus"]);
    for (name, it) in corpus["properties"].as_object().unwrap() {
        assert!(!is_table(it) || shown(name, &["corpus"]), "corpus.{name}");
    }
}

/// A schema, or the one that it, its items or its values refer to.
fn object<'a>(schema: &'a Value, it: &'a Value) -> &'a Value {
    if let Some(name) = it["$ref"].as_str() {
        return &schema["$defs"][name.trim_start_matches("#/$defs/")];
    }
    for inner in ["items", "additionalProperties"] {
        if it[inner].is_object() {
            return object(schema, &it[inner]);
        }
    }
    it
}

fn section(schema: &Value, heading: &str, table: &Value) -> String {
    let mut text = match heading.starts_with('[') {
        true => format!("\n## `{heading}`\n\n"),
        false => format!("\n## At {heading}\n\n"),
    };
    text += &format!(
        "{}\n\n| key | is | default | meaning |\n|---|---|---|---|\n",
        about(table)
    );
    let must = |key: &str| {
        let required = table["required"].as_array();
        required.is_some_and(|all| all.iter().any(|it| it == key))
    };
    let keys = table["properties"].as_object().unwrap();
    for first in [true, false] {
        for (key, it) in keys.iter().filter(|(key, _)| must(key) == first) {
            let default = match (first, &it["default"]) {
                (true, _) => "a must".to_owned(),
                (false, Value::Null | Value::Array(_) | Value::Object(_)) => String::new(),
                (false, Value::String(word)) if word.is_empty() => String::new(),
                (false, value) => format!("`{value}`"),
            };
            let (kind, words) = kind(schema, it);
            let meaning = format!("{}{words}", line(&it["description"]));
            let _ = writeln!(text, "| `{key}` | {kind} | {default} | {meaning} |");
        }
    }
    text
}

/// What a table is about, without its name, which stands above.
fn about(table: &Value) -> String {
    let text = line(&table["description"]);
    let Some((_, rest)) = text.split_once("`: ").filter(|_| text.starts_with("`[")) else {
        return text;
    };
    let mut letters = rest.chars();
    let first = letters.next().map(|it| it.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

fn line(text: &Value) -> String {
    text.as_str()
        .unwrap_or_default()
        .replace('\n', " ")
        .replace('|', "\\|")
}

/// What a value is, and of words which there are.
fn kind(schema: &Value, it: &Value) -> (String, String) {
    if let Some([one, many]) = it["anyOf"].as_array().map(Vec::as_slice)
        && many["type"] == "array"
    {
        let (kind, words) = kind(schema, one);
        return (format!("{kind}, or list"), words);
    }
    let refers = object(schema, it);
    if let Some(choices) = refers["oneOf"]
        .as_array()
        .filter(|all| all[0]["const"].is_string())
    {
        let each = choices.iter().map(|choice| {
            let what = line(&choice["description"]);
            format!(
                "`{}`: {}",
                choice["const"].as_str().unwrap(),
                what.trim_end_matches('.')
            )
        });
        let each: Vec<String> = each.collect();
        let kind = if it["type"] == "array" {
            "list of words"
        } else {
            "word"
        };
        return (kind.to_owned(), format!(" {}.", each.join("; ")));
    }
    let is_table = refers["properties"].is_object();
    let kind = match (it["type"].as_str(), is_table) {
        (Some("array"), true) => "tables",
        (_, true) => "table",
        (Some("array"), false) => "list of texts",
        (Some("integer"), _) => "whole number",
        (Some("number"), _) => "number",
        (Some("boolean"), _) => "`true` or `false`",
        _ => "text",
    };
    (kind.to_owned(), String::new())
}
