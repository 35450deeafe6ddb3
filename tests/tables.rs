//! One table in the ways that people have it. Each is read to the same law, or the message says what is
//! wrong and what to type.

use std::fmt::Write;
use std::fs;

use serde_json::Value;

use crate::support::{Place, Said};

/// N, D and the loss of E 1.5, A 400, alpha 0.34, B 600, beta 0.30, with a noise of a thousandth.
fn rows() -> Vec<(u64, u64, String)> {
    let mut rows = Vec::new();
    let mut noise = 0.37f64;
    for n in [1_250_000u64, 9_000_000, 70_000_000, 520_000_000] {
        for d in [20_000_000u64, 200_000_000, 2_000_000_000, 20_000_000_000] {
            let law = 1.5 + 400.0 / (n as f64).powf(0.34) + 600.0 / (d as f64).powf(0.30);
            // Uniform, by the logistic map's way through its interval.
            noise = 3.99 * noise * (1.0 - noise);
            rows.push((n, d, format!("{:.5}", law * (1.0 + 2e-3 * (noise - 0.5)))));
        }
    }
    rows
}

fn table(headings: &str, row: impl Fn(usize, &(u64, u64, String)) -> String) -> String {
    let mut text = format!("{headings}\n");
    for (at, one) in rows().iter().enumerate() {
        let _ = writeln!(text, "{}", row(at, one));
    }
    text
}

fn plain() -> String {
    table("n_params,n_tokens,val_loss", |_, (n, d, loss)| {
        format!("{n},{d},{loss}")
    })
}

fn fit(name: &str, bytes: &[u8], more: &str) -> (Place, Said) {
    let place = Place::new();
    fs::write(place.path(name), bytes).unwrap();
    let said = place.isoflop(&format!(
        "fit {name} --form chinchilla --bootstrap 0 --json {more}"
    ));
    (place, said)
}

/// Expects the law of the table, of all its rows.
fn gives_the_law(name: &str, bytes: impl AsRef<[u8]>, more: &str) -> Said {
    let (_place, said) = fit(name, bytes.as_ref(), more);
    let said = said.code(0);
    let fit: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(fit["points"], 16, "{name}: {said:?}");
    for (parameter, truth) in [("alpha", 0.34), ("beta", 0.30), ("E", 1.5)] {
        let ends = &fit["profile95"][parameter];
        let (low, high) = (ends[0].as_f64().unwrap(), ends[1].as_f64().unwrap());
        // What the noise of this table moves it by, and a little more.
        let room = 0.5 * (high - low);
        assert!(
            low - room <= truth && truth <= high + room,
            "{name}: {parameter} in [{low}, {high}]"
        );
    }
    said
}

fn refused(name: &str, text: &str, words: &[&str]) {
    let (_place, said) = fit(name, text.as_bytes(), "");
    assert!(said.code == 4 || said.code == 1, "{name}: {said:?}");
    for word in words {
        assert!(
            said.stderr.contains(word),
            "{name}: no {word:?} in {said:?}"
        );
    }
}

#[test]
fn separators_and_what_is_between_lines() {
    let plain = plain();
    gives_the_law("plain.csv", &plain, "");
    gives_the_law("plain.txt", &plain, "");
    gives_the_law("tab.tsv", plain.replace(',', "\t"), "").complains("tabs");
    gives_the_law("semicolon.csv", plain.replace(',', ";"), "").complains("semicolons");
    gives_the_law("spaced.csv", plain.replace(',', ", "), "");
    gives_the_law("cr.csv", plain.replace('\n', "\r"), "");
    gives_the_law("crlf.csv", plain.replace('\n', "\r\n"), "");
    gives_the_law("comment.csv", format!("# a sweep\n{plain}"), "").complains("comment");
    let numpy = format!("# made today\n# {plain}");
    gives_the_law("numpy.csv", numpy, "").complains("for the headings");
    let european = plain.replace(',', ";").replace('.', ",");
    gives_the_law("european.csv", european, "").complains("decimal commas");
    let mut lines = plain.lines();
    let headings = lines.next().unwrap();
    let rows: Vec<String> = lines.map(|line| format!("{line},")).collect();
    gives_the_law(
        "trailing.csv",
        format!("{headings}\n{}\n", rows.join("\n")),
        "",
    );
    let markdown = plain.replace(',', " | ").replace('\n', " |\n| ");
    let (first, rest) = markdown.split_once('\n').unwrap();
    let markdown = format!(
        "Our runs:\n\n| {first}\n|---|---:|:--|\n{}\n",
        rest.trim_end_matches("| ")
    );
    gives_the_law("table.md", markdown, "").complains("Markdown");
}

#[test]
fn encodings() {
    let plain = plain();
    let units: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    gives_the_law("marked.csv", [&[0xff, 0xfe], &units[..]].concat(), "").complains("UTF-16");
    gives_the_law("unmarked.csv", &units, "").complains("UTF-16");
    let units: Vec<u8> = plain.encode_utf16().flat_map(u16::to_be_bytes).collect();
    gives_the_law("big.csv", [&[0xfe, 0xff], &units[..]].concat(), "");
    gives_the_law("bom.csv", format!("\u{feff}{plain}"), "");
    let latin = plain.replace("val_loss", "val_loss,s\u{fc}d").into_bytes();
    let latin: Vec<u8> = latin.into_iter().filter(|it| *it != 0xc3).collect();
    gives_the_law("latin.csv", latin, "").complains("Latin-1");
}

#[test]
fn numbers_with_words() {
    let thousands = |number: u64| {
        let digits = number.to_string();
        let parts: Vec<&str> = (0..digits.len().div_ceil(3))
            .rev()
            .map(|at| {
                let end = digits.len() - 3 * at;
                &digits[end.saturating_sub(3)..end]
            })
            .collect();
        parts.join(",")
    };
    let quoted = table("n_params,n_tokens,val_loss", |_, (n, d, loss)| {
        format!("\"{}\",\"{}\",{loss}", thousands(*n), thousands(*d))
    });
    gives_the_law("thousands.csv", quoted, "");
    // A mix of both loses no row.
    let mixed = table("n_params,n_tokens,val_loss", |at, (n, d, loss)| {
        if at % 2 == 0 {
            format!("{n},{d},{loss}")
        } else {
            format!("\"{}\",{d},{loss}", thousands(*n))
        }
    });
    gives_the_law("mixed.csv", mixed, "");
    let units = table("n_params,n_tokens,val_loss", |_, (n, d, loss)| {
        format!("{}M,{}B,{loss}", *n as f64 / 1e6, *d as f64 / 1e9)
    });
    gives_the_law("units.csv", units, "");
    let named = table("model_mparams,tokens_b,val_loss", |_, (n, d, loss)| {
        format!("{},{},{loss}", *n as f64 / 1e6, *d as f64 / 1e9)
    });
    gives_the_law("named.csv", named, "");
    let unnamed = table("params,tokens,loss", |_, (n, d, loss)| {
        format!("{},{d},{loss}", *n as f64 / 1e6)
    });
    let (_place, said) = fit("unnamed.csv", unnamed.as_bytes(), "");
    said.complains("the largest model has 520 parameters");
}

#[test]
fn shapes_of_json() {
    let all = rows();
    let row = |(n, d, loss): &(u64, u64, String)| {
        format!("{{\"n_params\": {n}, \"n_tokens\": {d}, \"val_loss\": {loss}}}")
    };
    let records: Vec<String> = all.iter().map(row).collect();
    gives_the_law("records.json", format!("[{}]", records.join(",")), "");
    gives_the_law("lines.jsonl", records.join("\n"), "");
    let wrapped = format!(
        "{{\"made\": \"today\", \"results\": [{}]}}",
        records.join(",")
    );
    gives_the_law("wrapped.json", wrapped, "").complains("`results`");
    let index = all.iter().enumerate();
    let index: Vec<String> = index
        .map(|(at, it)| format!("\"{at}\": {}", row(it)))
        .collect();
    gives_the_law("index.json", format!("{{{}}}", index.join(",")), "");
    let split: Vec<String> = all
        .iter()
        .map(|(n, d, l)| format!("[{n},{d},{l}]"))
        .collect();
    let split = format!(
        "{{\"columns\": [\"n_params\", \"n_tokens\", \"val_loss\"], \"index\": [], \"data\": [{}]}}",
        split.join(",")
    );
    gives_the_law("split.json", split, "");
    let column = |name: &str, of: &dyn Fn(&(u64, u64, String)) -> String| {
        let cells = all.iter().enumerate();
        let cells: Vec<String> = cells
            .map(|(at, it)| format!("\"{at}\": {}", of(it)))
            .collect();
        format!("\"{name}\": {{{}}}", cells.join(","))
    };
    let columns = [
        column("n_params", &|it| it.0.to_string()),
        column("n_tokens", &|it| it.1.to_string()),
        column("val_loss", &|it| it.2.clone()),
    ];
    gives_the_law("columns.json", format!("{{{}}}", columns.join(",")), "");
    let nested = all.iter().map(|(n, d, loss)| {
        format!("{{\"model\": {{\"n_params\": {n}}}, \"n_tokens\": {d}, \"val_loss\": {loss}, \"lr\": NaN}}")
    });
    gives_the_law("nested.jsonl", nested.collect::<Vec<_>>().join("\n"), "");
    refused(
        "odd.json",
        "{\"a\": {\"b\": 1}}",
        &["unknown shape", "orient"],
    );
}

#[test]
fn statuses_and_columns_that_hold_nothing() {
    let with = |heading: &str, cell: &str| {
        table(
            &format!("n_params,n_tokens,val_loss,{heading}"),
            |_, (n, d, loss)| format!("{n},{d},{loss},{cell}"),
        )
    };
    for status in ["OK", "finished", "success", "COMPLETED", "done"] {
        gives_the_law("status.csv", with("status", status), "");
    }
    refused(
        "status.csv",
        &with("status", "crashed"),
        &["none of 16 rows", "crashed (16)"],
    );
    let (_place, said) = fit("se.csv", with("loss_se", "0").as_bytes(), "--se loss_se");
    said.code(4)
        .complains("loss_se is 0, and is to be above zero (16)");
    let empty = table("n_params,n_tokens,flops,val_loss", |_, (n, d, loss)| {
        format!(",{d},{},{loss}", 6.0 * *n as f64 * *d as f64)
    });
    gives_the_law("empty.csv", empty, "")
        .complains("`n_params` is no column of numbers: it holds nothing");
    let words = table("params,tokens,loss", |_, (_, d, loss)| {
        format!("small,{d},{loss}")
    });
    let (_place, said) = fit("words.csv", words.as_bytes(), "--n params");
    said.code(4).complains("it holds words, such as `small`");
    let own = table("params,step_tokens,flops,loss", |_, (n, d, loss)| {
        format!("{n},{d},{},{loss}", 7.3 * *n as f64 * *d as f64)
    });
    let (_place, said) = fit("own.csv", own.as_bytes(), "");
    said.complains("if `step_tokens` is it, give `--d step_tokens`");
    refused(
        "wide.csv",
        "Step,a - loss,a - loss__MIN,a - loss__MAX\n0,3,3,3\n1,2,2,2\n",
        &["Weights & Biases", "export the table of runs"],
    );
}

/// What a column is to be may be made of others, in the grammar of `--where`.
#[test]
fn expressions_of_columns() {
    let text = table("millions,step,batch,ppl,dataset,u", |at, (n, d, loss)| {
        let loss: f64 = loss.parse().unwrap();
        let (set, unique) = if (at + at / 4) % 2 == 0 {
            ("rw-2", 1)
        } else {
            ("owt", *d)
        };
        format!(
            "{},{},20,{:.9},{set},{unique}",
            *n as f64 / 1e6,
            *d / 20_480,
            loss.exp()
        )
    });
    let place = Place::new().with("runs.csv", &text);
    let fit = |filter: &str| {
        let mut words = vec![
            "fit",
            "runs.csv",
            "--form",
            "chinchilla",
            "--bootstrap",
            "0",
            "--json",
        ];
        words.extend([
            "--n",
            "millions * 1e6",
            "--d",
            "step * batch * 2^10",
            "--loss",
            "log(ppl)",
        ]);
        if !filter.is_empty() {
            words.extend(["--where", filter]);
        }
        place.isoflop_words(&words)
    };
    let said = fit("").code(0);
    let law: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(law["points"], 16);
    assert!(
        (law["params"]["alpha"].as_f64().unwrap() - 0.34).abs() < 0.01,
        "{said:?}"
    );
    for (filter, points) in [
        ("dataset = rw-2", 8),
        ("dataset = owt", 8),
        ("u >= step * batch * 1000", 8),
        ("log(ppl) < 1e9 and not dataset = 'owt'", 8),
        ("0 > -millions", 16),
        ("millions >= 9 or step < 2000", 13),
    ] {
        let said = fit(filter).code(0);
        let law: Value = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!(law["points"], points, "{filter}");
    }
    // An order is of numbers: a name that is no column is a slip, and no word.
    fit("u >= d").code(4).complains("no column `d`");
    let odd = |loss: &str| {
        let words = [
            "fit", "runs.csv", "--form", "power", "--x", "millions", "--loss", loss,
        ];
        place.isoflop_words(&words)
    };
    odd("log(ppl")
        .code(2)
        .complains("expected `)` at character 8");
    odd("sin(ppl)").code(2).complains("no function `sin`");
    odd("los").code(4).complains("no column `los`");
}
