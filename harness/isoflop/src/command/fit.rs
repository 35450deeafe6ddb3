//! `isoflop fit`: a law fitted to a table of runs from anywhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use isoflop_fits::{Choice, Filter, FitsError, Hide, Reduction, Rows, Shape, Take, fit_together};
use isoflop_law::{FitOptions, Hiding, LawError, Objective, Record};
use isoflop_ledger::{Columns, read_table};

use super::columns::{ColumnArguments, say_notes, table_of};
use super::numbers::{bounded, named_value, positive};
use crate::exit::{Exit, Refusal};
use crate::show::{compete, describe, say, show, show_line};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// CSV, Parquet, JSON or JSON Lines tables, or folders of results; each is fitted by itself.
    #[arg(required = true, value_name = "TABLE")]
    tables: Vec<PathBuf>,
    /// The law, or several to compare: power, offset, shifted, saturating, broken, chinchilla, kaplan,
    /// data-constrained, width-depth; or isoflop, for slices of equal compute.
    #[arg(long, value_delimiter = ',')]
    form: Vec<Shape>,
    /// The law by its name, as with --form, or as an equation: "loss = E + A*N^-alpha + B*D^-beta". Names that are columns
    /// of the table, or N, D, C, U, W and H for its parameters, tokens, FLOPs, unique tokens, width and depth, are
    /// variables, the others parameters. Several parts with `;` between them name parts of the last. May be repeated;
    /// `all` are all laws of the loss whose variables are columns. Several are ranked by the runs hidden from them.
    #[arg(long, value_name = "LAW")]
    law: Vec<String>,
    /// What to make small: huber-log, huber-likelihood or lsq-log, of the logarithms of losses; lsq, or of written laws
    /// huber, of losses themselves, which may then be zero or negative.
    #[arg(long, default_value = "huber-log", value_parser = ["huber-log", "huber-likelihood", "lsq-log", "lsq", "huber"])]
    objective: String,
    /// Where Huber's function turns linear: in log residuals, or in scales of the likelihood.
    #[arg(long, default_value_t = 1e-3, value_parser = positive)]
    delta: f64,
    /// A fit for each value of a column.
    #[arg(long, value_name = "COL")]
    by: Option<String>,
    /// A fit for each of these columns, which is predicted in the place of the loss.
    #[arg(
        long,
        value_name = "COLS",
        value_delimiter = ',',
        conflicts_with = "by"
    )]
    targets: Vec<String>,
    /// Parameters that are the same for all values of --by, or for all of --targets: one fit, with the others free in
    /// each.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    shared: Vec<String>,
    /// Only rows for which this holds, such as "loss < 4 and dataset = 'rw'".
    #[arg(long = "where", value_name = "EXPR")]
    filter: Option<Filter>,
    /// Bootstrap resamples.
    #[arg(long, value_name = "B", default_value_t = 1000)]
    bootstrap: usize,
    /// Seed of the bootstrap.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Do not fit this parameter, but take it as given; may be repeated. Laws are fitted in two stages so.
    #[arg(long, value_name = "NAME=VALUE", value_parser = named_value)]
    fix: Vec<(String, f64)>,
    /// Between what a parameter of a written law lies, such as "0 < alpha < 2"; may be repeated.
    #[arg(long, value_name = "BOUND", value_parser = bounded, allow_hyphen_values = true)]
    bound: Vec<(String, [f64; 2])>,
    /// Where the search for a parameter of a written law begins; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = named_value)]
    start: Vec<(String, f64)>,
    /// Hide the K largest runs by FLOPs (of rows with --group, the K largest groups), fit the others, and score
    /// what that says of the hidden ones [default of several laws: a quarter, in ten steps].
    #[arg(long, value_name = "K")]
    holdout: Option<usize>,
    /// Foretell the hidden runs in M steps, each from all smaller runs (rolling origins).
    #[arg(long, value_name = "M", requires = "holdout")]
    origins: Option<usize>,
    /// Make one point of the rows of a cell: best or mean of those with the same variables, or the last
    /// checkpoint of each run, by the first column of --over.
    #[arg(long, value_name = "best|mean|last", requires = "over")]
    reduce: Option<Take>,
    /// Columns in which the rows of a cell differ, such as lr,seed; or that count its checkpoints, such as step.
    #[arg(long, value_name = "COLS", requires = "reduce", value_delimiter = ',')]
    over: Vec<String>,
    /// Print the fit as JSON; several as an array.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    columns: ColumnArguments,
}

const NO_FORM: &str = "which law? Give `--form chinchilla` for loss by parameters and tokens, `--form isoflop` for slices of equal \
     compute, `--form power --x COLUMN` or `--form offset --x COLUMN` for one variable; `isoflop help fit` names all";

const NO_LAW: &str = "there is no law of the loss whose variables this table has: name columns with `--n`, `--d` or `--x`";

const NO_GROUPS: &str = "between what are parameters shared? Give `--by COLUMN`, whose values each have a law of their own, or \
     `--targets COLUMNS`";

pub fn fit(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let laws = Laws::of(arguments)?;
    if !arguments.shared.is_empty() && arguments.by.is_none() && arguments.targets.is_empty() {
        return Err(Refusal::usage(NO_GROUPS.to_owned()).into());
    }
    if !laws.all && laws.named.is_empty() {
        return Err(Refusal::usage(NO_FORM.to_owned()).into());
    }
    let one_table = arguments.tables.len() == 1;
    let parts = arguments.by.is_some() || !arguments.targets.is_empty();
    let alone = one_table && !laws.are_several() && !parts;
    let (mut records, mut refusal) = (Vec::new(), None);
    for table in &arguments.tables {
        if !one_table && !arguments.json {
            let gap = if records.is_empty() { "" } else { "\n" };
            show_line!("{gap}{}", table.display());
        }
        let fitted = fit_table(arguments, &laws, table)?;
        if !arguments.json {
            show_parts(&fitted.parts);
        }
        records.extend(fitted.parts.into_iter().flatten());
        refusal = fitted.refusal.or(refusal);
    }
    if arguments.json {
        print_json(&records, alone)?;
    }
    // Of all laws that there are some suit no table.
    let converged = if laws.all {
        records.iter().any(Record::converged)
    } else {
        records.iter().all(Record::converged)
    };
    match refusal {
        Some(error) if records.is_empty() => Err(error.into()),
        _ if !converged => Ok(Exit::Refused.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// The fits of a table.
struct Fitted {
    /// For each value that is fitted apart, a fit for each form.
    parts: Vec<Vec<Record>>,
    /// Why one has none, the last that has none.
    refusal: Option<FitsError>,
}

fn fit_table(arguments: &Arguments, laws: &Laws, table: &Path) -> anyhow::Result<Fitted> {
    let path = table_of(table);
    let read = read_table(&path)?;
    say_notes(&path, &read.notes);
    let columns = Columns::new(read.frame);
    let rows = Rows::of(&columns, &read.sha256, arguments.filter.as_ref())?;
    if arguments.filter.is_some() {
        say!("{} of {} rows kept", rows.rows.len(), columns.rows());
    }
    let choices = laws.choices(arguments, &rows)?;
    if choices.is_empty() {
        return Err(Refusal::usage(NO_LAW.to_owned()).into());
    }
    let parts = match &arguments.by {
        Some(column) => rows.by(column)?,
        None if arguments.targets.is_empty() => vec![rows],
        None => rows.for_targets(&arguments.targets),
    };
    // Where there is a fit for each kind of rows, none is doubted for what the others are.
    say_doubts(&choices, &parts[0]);
    let mut fitted = Fitted {
        parts: parts.iter().map(|_| Vec::new()).collect(),
        refusal: None,
    };
    let mut refused = Refused::default();
    for choice in &choices {
        if !arguments.shared.is_empty() {
            match fit_together(&parts, choice, &arguments.shared) {
                Ok(records) => {
                    for (part, record) in fitted.parts.iter_mut().zip(records) {
                        part.push(record);
                    }
                }
                Err(error) => fitted.refusal = Some(refused.add(choice, None, error)),
            }
            continue;
        }
        for (part, records) in parts.iter().zip(&mut fitted.parts) {
            match part.fit(choice) {
                Ok(record) => records.push(record),
                Err(error) => {
                    fitted.refusal = Some(refused.add(choice, Some(part), error));
                }
            }
        }
    }
    // One of several that cannot be fitted does not keep the others back.
    if arguments.tables.len() > 1 || parts.len() > 1 || choices.len() > 1 || arguments.by.is_some()
    {
        refused.say();
    }
    Ok(fitted)
}

/// Each reason why there is no fit, once, with what it keeps from being fitted.
#[derive(Default)]
struct Refused(Vec<(String, Vec<String>)>);

impl Refused {
    fn add(&mut self, choice: &Choice, part: Option<&Rows>, error: FitsError) -> FitsError {
        let by = part.and_then(|part| part.by.as_ref());
        let by = by.map(|[column, value]| format!(" of {column} = {value}"));
        let target = part.and_then(|part| part.target.as_ref());
        let of = by.or_else(|| target.map(|target| format!(" of {target}")));
        let what = format!("`{}`{}", choice.shape, of.unwrap_or_default());
        let why = error.to_string();
        match self.0.iter_mut().find(|(known, _)| *known == why) {
            Some((_, whats)) => whats.push(what),
            None => self.0.push((why, vec![what])),
        }
        error
    }

    fn say(&self) {
        for (why, what) in &self.0 {
            say!("no fit of {}: {why}", what.join(", "));
        }
    }
}

/// Says what looks wrong about the columns. What is missing is said by the fit.
fn say_doubts(choices: &[Choice], rows: &Rows) {
    let of = |choice: &Choice| rows.doubts(choice).unwrap_or_default();
    let said: BTreeSet<String> = choices.iter().flat_map(of).collect();
    for doubt in said {
        say!("{doubt}");
    }
}

/// Steps in which a quarter of the runs is foretold where laws are compared.
const ORIGINS: usize = 10;

/// The laws that are asked for.
struct Laws {
    named: Vec<Shape>,
    /// And all others whose variables a table has.
    all: bool,
}

impl Laws {
    fn of(arguments: &Arguments) -> Result<Self, Refusal> {
        let mut laws = Laws {
            named: arguments.form.clone(),
            all: false,
        };
        for law in &arguments.law {
            // Commas are between names, and within equations.
            let one_by_one: Vec<&str> = if law.contains('=') {
                vec![law]
            } else {
                law.split(',').map(str::trim).collect()
            };
            for name in one_by_one {
                if name == "all" {
                    laws.all = true;
                    continue;
                }
                let shape: Result<Shape, LawError> = name.parse();
                let shape = shape.map_err(|error| Refusal::usage(error.to_string()))?;
                laws.named.push(shape);
            }
        }
        Ok(laws)
    }

    fn are_several(&self) -> bool {
        self.all || self.named.len() > 1
    }

    /// How a table is to be fitted, once for each law.
    fn choices(&self, arguments: &Arguments, rows: &Rows) -> Result<Vec<Choice>, FitsError> {
        let asked = arguments.holdout.map(|runs| {
            Hide::Asked(Hiding {
                runs,
                origins: arguments.origins.unwrap_or(1),
            })
        });
        let compared = self
            .are_several()
            .then_some(Hide::Quarter { origins: ORIGINS });
        let choice = |shape: &Shape| Choice {
            holdout: asked.or(compared),
            ..choice(arguments, shape)
        };
        let mut shapes = self.named.clone();
        if self.all {
            let others = rows.laws(&choice(&Shape::Isoflop))?;
            shapes.extend(others.into_iter().filter(|it| !self.named.contains(it)));
        }
        Ok(shapes.iter().map(choice).collect())
    }
}

fn choice(arguments: &Arguments, shape: &Shape) -> Choice {
    Choice {
        shape: shape.clone(),
        names: arguments.columns.names(),
        options: FitOptions {
            objective: Objective::named(&arguments.objective, arguments.delta).unwrap_or_default(),
            bootstrap: arguments.bootstrap,
            seed: arguments.seed,
            fixed: arguments.fix.clone(),
            bounds: arguments.bound.clone(),
            starts: arguments.start.clone(),
        },
        holdout: None,
        reduction: arguments.reduce.map(|take| Reduction {
            take,
            over: arguments.over.clone(),
        }),
    }
}

fn show_parts(parts: &[Vec<Record>]) {
    for (index, record) in parts.iter().flatten().enumerate() {
        if index > 0 {
            show!("\n");
        }
        show!("{}", describe(record));
    }
    for records in parts {
        if let Some(ranking) = compete(records) {
            show!("\n{ranking}");
        }
    }
}

fn print_json(records: &[Record], alone: bool) -> anyhow::Result<()> {
    let text = match records {
        [one] if alone => serde_json::to_string(one)?,
        all => serde_json::to_string(all)?,
    };
    show_line!("{text}");
    Ok(())
}
