//! `isoflop laws`: the published laws that are fitted by their names.

use std::process::ExitCode;

use isoflop_law::{Published, library};
use isoflop_suite::slips;

use crate::exit::Refusal;
use crate::show::{number, show, show_line};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The law to show, with its parameters and its source [default: a list of all].
    name: Option<String>,
    /// Print them as JSON.
    #[arg(long)]
    json: bool,
}

pub fn laws(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let all = library()?;
    let shown: Vec<&Published> = match &arguments.name {
        None => all.iter().collect(),
        Some(name) => vec![find(&all, name)?],
    };
    if arguments.json {
        show_line!("{}", serde_json::to_string(&shown)?);
        return Ok(ExitCode::SUCCESS);
    }
    for (at, law) in shown.iter().enumerate() {
        if at > 0 {
            show!("\n");
        }
        show!("{}", head(law));
        if arguments.name.is_some() {
            show!("{}", details(law));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn find<'a>(all: &'a [Published], name: &str) -> Result<&'a Published, Refusal> {
    all.iter().find(|law| law.name == name).ok_or_else(|| {
        let near = slips::nearest(name, all.iter().map(|law| law.name.as_str()));
        let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
        Refusal::usage(format!(
            "there is no law `{name}`\n  help: {near}`isoflop laws` lists all"
        ))
    })
}

/// Name, equation and source.
fn head(law: &Published) -> String {
    format!("{}\n  {}\n  {}\n", law.name, law.equation, law.source)
}

/// What it is about, and what its names mean.
fn details(law: &Published) -> String {
    let mut text = format!("\n  {}\n", law.about);
    let more = [
        ("fitted to", &law.range),
        ("table", &law.table),
        ("read in", &law.read),
        ("intervals", &law.intervals),
    ];
    for (what, said) in more {
        if let Some(said) = said {
            text += &format!("  {what}: {said}\n");
        }
    }
    let names = law.variables.keys().chain(law.parameters.keys());
    let width = names.map(|name| name.chars().count()).max().unwrap_or(0);
    text += "\nvariables\n";
    for (name, meaning) in &law.variables {
        text += &format!("  {name:<width$}  {meaning}\n");
    }
    text += "\nparameters\n";
    for (name, it) in &law.parameters {
        let value = it.value.map(number);
        let value = value.map_or_else(String::new, |value| format!("; published: {value}"));
        let unit = it.unit.as_ref();
        let unit = unit.map_or_else(String::new, |unit| format!(", in {unit}"));
        text += &format!("  {name:<width$}  {}{unit}{value}\n", it.meaning);
    }
    text
}
