//! `isoflop submit`: a suite given to a cluster.

use std::fs;
use std::path::{Path, PathBuf, absolute};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use isoflop_cluster::{
    Array, ClusterError, Group, LOGS, Manifest, Request, SUBMISSIONS, SUITE, Script, Submission,
    VOLUME, apply, array_limit, cancel, check, elements, groups, submissions, submit as give,
};
use isoflop_files::{create_folders, sha256, write_atomically};
use isoflop_ledger::{LedgerError, RunRecord, SuiteFolder};
use isoflop_suite::{Bytes, Seconds, SlurmDefinition, Status};

use super::element::program_sha256;
use crate::command::numbers::positive;
use crate::command::opened::SuiteArguments;
use crate::exit::Refusal;
use crate::planning::Suite;
use crate::show::{count, duration, say, show, show_line, si};
use crate::training::children::{CHECKPOINT, LEASE};
use crate::training::devices::best_device;
use crate::training::run::time;

/// Memory of the machine that a process takes whose cells are on a GPU.
const BESIDE_GPU: Bytes = 4 << 30;
/// Time limits that are asked for: a queue has room for short ones, and cells go on where they were.
const SHORTEST: u64 = 30;
const LONGEST: u64 = 24 * 60;

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("engine").required(true).args(["slurm", "kubernetes"])))]
pub struct Arguments {
    #[command(flatten)]
    suite: SuiteArguments,
    /// Where results are kept: a folder that all machines share.
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
    /// Submit to Slurm.
    #[arg(long)]
    slurm: bool,
    /// Give a job to Kubernetes, with `kubectl`.
    #[arg(long, requires_all = ["image", "claim"])]
    kubernetes: bool,
    /// The image with the program, of Kubernetes.
    #[arg(long, value_name = "NAME", requires = "kubernetes")]
    image: Option<String>,
    /// The claim of a volume that all pods share, of Kubernetes: the results and texts are on it.
    #[arg(long, value_name = "NAME", requires = "kubernetes")]
    claim: Option<String>,
    /// Print what would be submitted, and submit nothing.
    #[arg(long)]
    dry_run: bool,
    /// The partition [default: the definition's `[slurm]`, or the cluster's].
    #[arg(long, value_name = "NAME")]
    partition: Option<String>,
    /// The account that pays.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// The time limit of an element, such as 4:00:00; cells that take longer go on where they were [default: from the plan].
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
    /// How many elements, at most [default: from the plan].
    #[arg(long, value_name = "N")]
    elements: Option<usize>,
    /// Cores of each element [default: from the plan].
    #[arg(long, value_name = "N")]
    cpus: Option<usize>,
    /// The GPU of each element, as Slurm names it, such as a100:1 [default: 1 where the device is one].
    #[arg(long, value_name = "GPU")]
    gpus: Option<String>,
    /// Seconds after which an element that gives no sign of life loses its cell to another.
    #[arg(long, value_name = "SECONDS", default_value_t = LEASE, value_parser = positive)]
    lease: Seconds,
    /// Seconds between checkpoints.
    #[arg(long, value_name = "SECONDS", default_value_t = CHECKPOINT, value_parser = positive)]
    checkpoint: Seconds,
}

pub fn submit(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let suite = arguments.suite.open(best_device)?;
    let folder = suite.folder(&absolute(&arguments.results)?);
    let mut slurm = asked(arguments, &suite.definition.slurm);
    if suite.device.is_processor() && slurm.gpus.is_some() {
        return Err(Refusal::usage(
            "a GPU is asked for, and the cells would train on the processor\n  help: name the device as the nodes have it, such \
             as `--device cuda:0`, or leave out `--gpus` and `gpus` in [slurm]",
        )
        .into());
    }
    let Left { memory, again } = left(&suite, &folder)?;
    if memory.is_empty() {
        say!(
            "{}: every cell has ended, so there is nothing to submit",
            suite.definition.name
        );
        return Ok(ExitCode::SUCCESS);
    }
    let gpu = !suite.device.is_processor();
    let request = Request {
        elements: slurm.elements,
        cpus: slurm.cpus,
        gpu,
    };
    let groups = groups(&memory, request);
    if let (true, Some(image), Some(claim)) =
        (arguments.kubernetes, &arguments.image, &arguments.claim)
    {
        return to_kubernetes(arguments, &suite, &groups, gpu, [image, claim]);
    }
    if slurm.time.is_none() && !gpu {
        slurm.time = limit(&suite, &arguments.suite.cache()?, &groups);
    }
    let kept = kept(&suite, &folder);
    let scripts = |group| -> anyhow::Result<Script> {
        Ok(Script {
            suite: &suite.definition.name,
            slurm: &slurm,
            group,
            gpu,
            command: command(arguments, &suite, &kept, workers(gpu, group))?,
            folder: std::env::current_dir()?,
            logs: folder.file(LOGS),
        })
    };
    let scripts: Vec<Script> = groups.iter().map(scripts).collect::<Result<_, _>>()?;
    if arguments.dry_run {
        for script in &scripts {
            show!("{}\n", script.array(script.group.elements));
        }
        show!("{}", scripts[0].last());
        return Ok(ExitCode::SUCCESS);
    }
    create_folders(&folder.file(LOGS))?;
    write_atomically(&kept, suite.definition.text().as_bytes())?;
    warn(&suite, &folder)?;
    let submission = submitted(&scripts, || {
        again.iter().try_for_each(|result| folder.forget(result))
    })?;
    // Before all else: what is not noted nobody can cancel.
    submission.note(&folder.file(SUBMISSIONS))?;
    for array in &submission.arrays {
        show_line!(
            "job {}: {} of {} and {}B",
            array.job,
            count(array.group.elements, "element"),
            count(array.group.cpus, "core"),
            si(array.group.memory as f64)
        );
    }
    show_line!(
        "job {}: tables, laws and figures when they have ended",
        submission.last
    );
    show_line!(
        "\n{} to train; logs are in {}\n`isoflop status` and `isoflop cancel` of the same suite show and stop it",
        count(memory.len(), "cell"),
        folder.file(LOGS).display()
    );
    Ok(ExitCode::SUCCESS)
}

/// What is asked for: by flags, or else by the definition.
fn asked(arguments: &Arguments, definition: &SlurmDefinition) -> SlurmDefinition {
    let one =
        |flag: &Option<String>, defined: &Option<String>| flag.clone().or_else(|| defined.clone());
    SlurmDefinition {
        partition: one(&arguments.partition, &definition.partition),
        account: one(&arguments.account, &definition.account),
        time: one(&arguments.time, &definition.time),
        gpus: one(&arguments.gpus, &definition.gpus),
        elements: arguments
            .elements
            .or(definition.elements)
            .map(|it| it.max(1)),
        cpus: arguments.cpus.or(definition.cpus).map(|it| it.max(1)),
        ..definition.clone()
    }
}

/// Cells that are left.
#[derive(Default)]
struct Left {
    /// Memory of the machine that each needs.
    memory: Vec<Bytes>,
    /// Ends that the definition tries again, as `run` does.
    again: Vec<RunRecord>,
}

fn left(suite: &Suite, folder: &SuiteFolder) -> anyhow::Result<Left> {
    let excluded = folder.exclusions(suite.plan.ids())?;
    let mut left = Left::default();
    for planned in &suite.plan.cells {
        if excluded.reason(&planned.id).is_some() {
            continue;
        }
        if let Some(result) = folder.result(&planned.id)? {
            let status = result.status();
            if suite.definition.retry.times(status) == 0 && status != Status::Excluded {
                continue;
            }
            left.again.push(result);
        }
        left.memory.push(if suite.device.is_processor() {
            suite.memory(planned)
        } else {
            BESIDE_GPU
        });
    }
    Ok(left)
}

/// A limit in which the elements could train all cells twice, from the speed of this machine.
fn limit(suite: &Suite, cache: &Path, groups: &[Group]) -> Option<String> {
    let timed = time(suite, cache, None).ok()?;
    let workers: usize = groups.iter().map(|group| group.elements * group.cpus).sum();
    let minutes = (2.0 * timed.worker_seconds / workers.max(1) as f64 / 60.0).ceil() as u64;
    let minutes = minutes.clamp(SHORTEST, LONGEST);
    say!(
        "about {} of one worker's time by this machine's speed; the elements ask for {minutes} minutes each",
        duration(std::time::Duration::from_secs_f64(
            timed.worker_seconds.min(1e12)
        ))
    );
    Some(format!("{:02}:{:02}:00", minutes / 60, minutes % 60))
}

/// Where the definition is kept as it is submitted: an edit of its file changes nothing of what waits.
fn kept(suite: &Suite, folder: &SuiteFolder) -> PathBuf {
    let name = format!("{}.toml", &sha256(suite.definition.text())[..16]);
    folder.file(LOGS).join(name)
}

fn workers(gpu: bool, group: &Group) -> usize {
    if gpu { 1 } else { group.cpus }
}

/// The command of an element.
fn command(
    arguments: &Arguments,
    suite: &Suite,
    kept: &Path,
    workers: usize,
) -> anyhow::Result<Vec<String>> {
    let program = std::env::current_exe()?;
    let mut words = vec![program.display().to_string(), "element".to_owned()];
    words.extend(arguments.suite.words()?);
    let results = absolute(&arguments.results)?;
    words.extend(options(arguments, suite, kept, &results, workers));
    words.extend(["--program".to_owned(), program_sha256()?]);
    Ok(words)
}

/// What an element is told beside its suite.
fn options(
    arguments: &Arguments,
    suite: &Suite,
    definition: &Path,
    results: &Path,
    workers: usize,
) -> Vec<String> {
    let pairs = [
        ("--definition", definition.display().to_string()),
        ("--results", results.display().to_string()),
        ("--device", suite.device.to_string()),
        ("--workers", workers.to_string()),
        ("--lease", arguments.lease.to_string()),
        ("--checkpoint", arguments.checkpoint.to_string()),
        ("--corpus", suite.corpus.facts.sha256.clone()),
    ];
    let words = pairs.into_iter();
    words
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect()
}

/// A manifest for Kubernetes, printed or applied.
fn to_kubernetes(
    arguments: &Arguments,
    suite: &Suite,
    groups: &[Group],
    gpu: bool,
    [image, claim]: [&str; 2],
) -> anyhow::Result<ExitCode> {
    if suite.definition.corpus.cargo.is_some() {
        return Err(Refusal::usage(
            "[corpus.cargo] is of the sources on one machine, which pods do not have\n  help: put texts on the shared volume \
             and name them in [corpus.files], or take [corpus.hub] or [corpus.grammar]",
        )
        .into());
    }
    let name = &suite.definition.name;
    let volume = Path::new(VOLUME);
    let definition = Path::new(SUITE).join("suite.toml");
    let words = |group: &Group| {
        let mut words = vec![volume.join(format!("{name}.toml")).display().to_string()];
        let cache = volume.join("cache").display().to_string();
        words.extend(["--cache".to_owned(), cache]);
        let results = volume.join("results");
        words.extend(options(
            arguments,
            suite,
            &definition,
            &results,
            workers(gpu, group),
        ));
        words
    };
    let manifest = Manifest {
        suite: name,
        run: format!(
            "{:x}",
            SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs()
        ),
        definition: suite.definition.text(),
        image,
        claim,
        groups,
        gpu,
        words: groups.iter().map(words).collect(),
    };
    if arguments.dry_run {
        show!("{}", manifest.yaml());
        return Ok(ExitCode::SUCCESS);
    }
    show!("{}", apply(&manifest.yaml()).map_err(refused)?);
    show_line!(
        "results will be in results/{name} of the volume; `kubectl logs` of a pod shows what its element says"
    );
    Ok(ExitCode::SUCCESS)
}

/// What an engine refuses is refused; anything else is an error.
fn refused(error: ClusterError) -> anyhow::Error {
    match error {
        ClusterError::NoProgram(_) | ClusterError::Refused { .. } => Refusal::refused(error).into(),
        other => other.into(),
    }
}

/// Says of earlier elements that are still there, and of a disk that other machines can hardly see.
fn warn(suite: &Suite, folder: &SuiteFolder) -> anyhow::Result<()> {
    let before = submissions(&folder.file(SUBMISSIONS))?;
    let jobs: Vec<&str> = before.iter().flat_map(Submission::jobs).collect();
    if !jobs.is_empty() {
        let known = elements(&jobs, &suite.definition.name).map_err(refused)?;
        let there = known.iter().filter(|it| it.is_there()).count();
        if there > 0 {
            say!(
                "{} submitted earlier are still there; these come beside them",
                count(there, "element")
            );
        }
    }
    if let Some(kind) = disk_of_one_machine(folder.path()) {
        say!(
            "{} is on a disk of the kind {kind}, which other machines seldom see: elements there will refuse to train\n  help: \
             name a folder that all machines share with `--results`",
            folder.path().display()
        );
    }
    Ok(())
}

/// The kind of the disk that a folder is on, where that is one of a single machine.
fn disk_of_one_machine(folder: &Path) -> Option<String> {
    const ALONE: [&str; 6] = ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs"];
    let folder = fs::canonicalize(folder).ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let longest = mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            Some((PathBuf::from(fields.next()?), fields.next()?))
        })
        .filter(|(place, _)| folder.starts_with(place))
        .max_by_key(|(place, _)| place.components().count())?;
    ALONE.contains(&longest.1).then(|| longest.1.to_owned())
}

/// Gives all scripts to Slurm, or none; `ready` is done when it would take them.
fn submitted(
    scripts: &[Script],
    ready: impl Fn() -> Result<(), LedgerError>,
) -> anyhow::Result<Submission> {
    let most = array_limit().map_err(refused)?;
    let mut pieces: Vec<Group> = Vec::new();
    let mut texts: Vec<String> = Vec::new();
    for script in scripts {
        let mut left = script.group.elements;
        while left > 0 {
            let elements = left.min(most);
            texts.push(script.array(elements));
            pieces.push(Group {
                elements,
                ..script.group.clone()
            });
            left -= elements;
        }
    }
    let last = scripts[0].last();
    for text in texts.iter().chain([&last]) {
        check(text).map_err(refused)?;
    }
    ready()?;
    let mut jobs: Vec<String> = Vec::new();
    let mut given = || -> Result<String, ClusterError> {
        for text in &texts {
            jobs.push(give(text, &[])?);
        }
        give(&last, &jobs)
    };
    match given() {
        Ok(last) => {
            let arrays = jobs.into_iter().zip(pieces);
            let arrays = arrays.map(|(job, group)| Array { job, group });
            Ok(Submission {
                arrays: arrays.collect(),
                last,
            })
        }
        Err(error) => {
            let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
            if !jobs.is_empty() {
                cancel(&jobs)?;
            }
            Err(refused(error))
        }
    }
}
