//! `isoflop element`: what a cluster's engine starts. It takes cells of a suite until none is free, and queues again where
//! its time ends before them.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use isoflop_cluster::{LOGS, requeue};
use isoflop_files::{exists, file_sha256, read_text};
use isoflop_ledger::SuiteFolder;
use isoflop_machine::Place;

use super::run::{RunOptions, conclude, job};
use crate::command::opened::SuiteArguments;
use crate::exit::{Exit, Refusal};
use crate::show::say;
use crate::training::devices::{best_device, require_device};
use crate::training::run::{Job, Part, on_signals, on_warning};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    suite: SuiteArguments,
    /// Where results are kept.
    #[arg(long, value_name = "DIR")]
    results: PathBuf,
    #[command(flatten)]
    options: RunOptions,
    /// The file with the definition as it was submitted.
    #[arg(long, value_name = "FILE")]
    definition: PathBuf,
    /// The hash of the program that was submitted, where that is the one to run.
    #[arg(long, value_name = "SHA-256")]
    program: Option<String>,
    /// The hash of the corpus that was submitted.
    #[arg(long, value_name = "SHA-256")]
    corpus: String,
    /// Train what the elements have left, make the tables, fit the laws and draw the figures.
    #[arg(long)]
    last: bool,
}

pub fn element(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let place = Place::here();
    if let Some(place) = &place {
        let node = place.node.as_deref().unwrap_or("a machine without a name");
        say!("element {} on {node}", place.element);
    }
    let options = &arguments.options;
    if let Some(program) = &arguments.program {
        require_same("program", program, &program_sha256()?)?;
    }
    let text = read_text(&arguments.definition)?;
    let suite = arguments.suite.open_kept(&text, best_device)?;
    require_device(&suite.device)?;
    let here = &suite.corpus.facts.sha256;
    require_same("corpus", &arguments.corpus, here)?;
    let folder = suite.folder(&arguments.results);
    if arguments.program.is_some() {
        require_shared(&folder)?;
    }
    let job = Job {
        part: if arguments.last {
            Part::Rest
        } else {
            Part::Free
        },
        ..job(&arguments.suite, options, &suite, &folder)?
    };
    let warned = Arc::new(AtomicBool::new(false));
    on_signals(&job.stop)?;
    on_warning(&job.stop, &warned)?;
    let ends = job.train(&arguments.results, options.force)?;
    let all_ended = ends.len() == suite.plan.cells.len();
    let stopped = job.stop.load(Ordering::Relaxed) && !all_ended;
    if stopped && warned.load(Ordering::Relaxed) {
        return queue_again(place.as_ref());
    }
    if stopped {
        say!("stopped; checkpoints are left");
        return Ok(Exit::NotAllDone.into());
    }
    if arguments.last {
        // How cells ended and laws fitted is in the tables: to an engine the job is done.
        conclude(&job, &ends, options)?;
        return Ok(ExitCode::SUCCESS);
    }
    say!(
        "no cell is free: {} of {} have ended",
        ends.len(),
        suite.plan.cells.len()
    );
    Ok(ExitCode::SUCCESS)
}

/// The last that an element does: the engine ends it at once.
fn queue_again(place: Option<&Place>) -> anyhow::Result<ExitCode> {
    say!("the time limit is near: checkpoints are left, and the element queues again");
    if let Some(place) = place {
        requeue(&place.element)?;
    }
    Ok(Exit::NotAllDone.into())
}

/// The hash of this program.
pub fn program_sha256() -> anyhow::Result<String> {
    Ok(file_sha256(&std::env::current_exe()?)?)
}

fn require_same(what: &str, submitted: &str, here: &str) -> Result<(), Refusal> {
    if submitted == here {
        return Ok(());
    }
    let (short, other) = (
        &here[..here.len().min(16)],
        &submitted[..submitted.len().min(16)],
    );
    Err(Refusal::refused(format!(
        "the {what} here is {short}, and {other} was submitted: their results would not be one suite's\n  help: give all \
         machines the same {what}, or submit anew"
    )))
}

/// Cells that another folder of this name would lose are not trained.
fn require_shared(folder: &SuiteFolder) -> anyhow::Result<()> {
    if exists(&folder.file(LOGS))? {
        return Ok(());
    }
    Err(Refusal::refused(format!(
        "{} is not the folder that was submitted: this machine has another one, or none\n  help: put the results on a disk \
         that all machines share, and name it with `--results`",
        folder.path().display()
    ))
    .into())
}
