//! Claims, results and logs of runs.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use isoflop_files::{FileError, write_atomically};
use isoflop_ledger::{
    AskedFor, Attempt, CellRecord, Claim, FORMAT, Leases, LedgerError, RunRecord, SuiteFolder,
};
use isoflop_suite::{
    CorpusFacts, Definition, End, Outcome, Plan, Retry, Scores, Status, Step, Tokenizer,
};
use tempfile::TempDir;

fn cell() -> CellRecord {
    let text = "[corpus.files]\npaths = [\"a\"]\n[[sweep]]\nwidth = 16\ndepth = 1\ntokens = 1e6\n";
    let corpus = CorpusFacts {
        sets: Vec::new(),
        sha256: "ab".repeat(32),
        tokenizer: Tokenizer::Bytes,
        vocabulary: 256,
        train_tokens: 10_000_000,
        validation_tokens: 1_000_000,
        bytes_per_token: Some(1.0),
        held_out: vec![1 << 14; 60],
    };
    let plan = Plan::new(&Definition::parse(text, "s.toml").unwrap(), &corpus).unwrap();
    CellRecord::new(plan.cells[0].cell.clone(), None)
}

fn result(cell: &CellRecord, attempt: u32, status: Status) -> RunRecord {
    RunRecord {
        format: FORMAT,
        id: cell.id.clone(),
        attempt,
        tries: 1,
        device: "flex".into(),
        adapter: None,
        driver: None,
        device_check: None,
        threads: 1,
        version: "0".into(),
        bytes_per_token: Some(1.0),
        entropy_rate: None,
        outcome: Outcome::unmeasured(end(status)),
        steps_sha256: None,
        provenance: None,
    }
}

fn end(status: Status) -> End {
    let reason = "a reason".to_owned();
    match status {
        Status::Done => End::Done(Scores {
            sets: Vec::new(),
            loss: 1.25,
            loss_se: Some(0.01),
            train_loss: None,
            scored_tokens: 1000,
            documents: Vec::new(),
        }),
        Status::Diverged => End::Diverged(reason),
        Status::OutOfMemory => End::OutOfMemory(reason),
        Status::Failed => End::Failed(reason),
        Status::Excluded => End::Excluded(reason),
    }
}

/// Claims as a process that waits a minute for silent ones, and tries what failed once more.
fn claim(suite: &SuiteFolder, cell: &CellRecord) -> Claim {
    let mut leases = Leases::new(Duration::from_secs(60));
    let now = Instant::now();
    suite
        .claim(cell, &Retry::default(), &mut leases, now)
        .unwrap()
}

fn mine(suite: &SuiteFolder, cell: &CellRecord) -> Attempt {
    match claim(suite, cell) {
        Claim::Mine(attempt) => *attempt,
        other => panic!("{other:?}"),
    }
}

fn step(number: u64) -> Step {
    Step {
        step: number,
        tokens: 512 * number,
        loss: 5.0 / number as f64,
        mean_loss: Some(5.5 / number as f64),
        learning_rate: 0.1 + 0.2,
        gradient_norm: 1.0 / 3.0,
        seconds: 0.5,
    }
}

fn place() -> (TempDir, SuiteFolder) {
    let folder = tempfile::tempdir().unwrap();
    let suite = SuiteFolder::new(folder.path().join("results/s/flex"));
    (folder, suite)
}

#[test]
fn a_cell_is_trained_by_one_and_published_once() {
    let (_keep, suite) = place();
    let cell = cell();
    let mut attempt = mine(&suite, &cell);
    assert!(matches!(claim(&suite, &cell), Claim::Taken));
    attempt.record(&step(1)).unwrap();
    attempt.record(&step(2)).unwrap();
    let record = result(&cell, attempt.number(), Status::Done);
    attempt.publish(&record).unwrap();
    assert!(matches!(claim(&suite, &cell), Claim::Ended(Status::Done)));
    let record = suite.result(&cell.id).unwrap().unwrap();
    assert_eq!(record.outcome.end.scores().map(|it| it.loss), Some(1.25));
    assert_eq!(
        suite.steps(&record).unwrap(),
        [step(1), step(2)],
        "to the last bit"
    );
    let finished = &suite.finished().unwrap()[0];
    assert_eq!((&finished.cell, &finished.run), (&cell, &record));
    assert!(
        finished.planned,
        "a folder without a plan is asked for as a whole"
    );
}

#[test]
fn what_failed_is_tried_again_as_a_new_attempt() {
    let (_keep, suite) = place();
    let cell = cell();
    let mut attempt = mine(&suite, &cell);
    attempt.record(&step(1)).unwrap();
    attempt.publish(&result(&cell, 1, Status::Failed)).unwrap();
    let attempt = mine(&suite, &cell);
    assert_eq!(attempt.number(), 2);
    drop(attempt);
    // Until the next end is published, the log of the last one stays.
    let ended = suite.result(&cell.id).unwrap().unwrap();
    assert_eq!(suite.steps(&ended).unwrap(), [step(1)]);
    let attempt = mine(&suite, &cell);
    assert_eq!(attempt.number(), 3);
}

#[test]
fn a_dead_holders_cell_goes_on_from_its_checkpoint() {
    let (_keep, suite) = place();
    let cell = cell();
    let mut first = mine(&suite, &cell);
    for number in 1..=3 {
        first.record(&step(number)).unwrap();
    }
    first.keep(b"state after step 2").unwrap();
    // A process that dies lets go of its lock and renews its lease no more.
    drop(first);
    let mut second = mine(&suite, &cell);
    let checkpoint = second.checkpoint().unwrap();
    assert_eq!(checkpoint.unwrap(), b"state after step 2");
    assert_eq!(second.rewind(2).unwrap(), 2, "steps are left");
    second.record(&step(3)).unwrap();
    second.record(&step(4)).unwrap();
    let record = result(&cell, second.number(), Status::Done);
    second.publish(&record).unwrap();
    let steps = suite
        .steps(&suite.result(&cell.id).unwrap().unwrap())
        .unwrap();
    assert_eq!(steps, [step(1), step(2), step(3), step(4)]);
    let mut left: Vec<String> = fs::read_dir(suite.run(&cell.id))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["attempt-0002", "cell.json", "result.json"]);
    assert_eq!(
        fs::read_dir(suite.run(&cell.id).join("attempt-0002"))
            .unwrap()
            .count(),
        1
    );
}

/// Processes killed after a result is published: its own before it has tidied its folder, and another
/// that had just moved that folder away to take the cell over.
#[test]
fn what_the_dead_left_of_a_published_run_is_taken_away() {
    let (_keep, suite) = place();
    let cell = cell();
    let mut attempt = mine(&suite, &cell);
    attempt.record(&step(1)).unwrap();
    attempt.publish(&result(&cell, 1, Status::Done)).unwrap();
    let run = suite.run(&cell.id);
    let folder = run.join("attempt-0001");
    for name in ["lock", "lease.json", "checkpoint", ".checkpoint.12"] {
        fs::write(folder.join(name), "").unwrap();
    }
    fs::create_dir(run.join(".attempt-0002.34")).unwrap();
    fs::write(run.join(".cell.json.56"), "").unwrap();
    fs::rename(&folder, run.join("attempt-0001.lost")).unwrap();
    assert!(matches!(claim(&suite, &cell), Claim::Ended(Status::Done)));
    assert_eq!(names(&run), ["attempt-0001", "cell.json", "result.json"]);
    assert_eq!(names(&folder), ["steps.jsonl"]);
    let record = suite.result(&cell.id).unwrap().unwrap();
    assert_eq!(suite.steps(&record).unwrap(), [step(1)]);
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Writers of one file at the same time, each of which clears the drafts that the dead have left.
#[test]
fn a_file_has_many_writers_and_no_drafts_left() {
    let (_keep, suite) = place();
    fs::create_dir_all(suite.path()).unwrap();
    fs::write(suite.file(".fits.json.7"), "of a dead process").unwrap();
    let path = suite.file("fits.json");
    std::thread::scope(|scope| {
        for letter in *b"abcd" {
            let path = &path;
            scope.spawn(move || {
                for _ in 0..100 {
                    write_atomically(path, &[letter; 5000]).unwrap();
                    let whole = fs::read(path).unwrap();
                    assert!(whole.len() == 5000 && whole.iter().all(|it| *it == whole[0]));
                }
            });
        }
    });
    assert_eq!(names(suite.path()), ["fits.json"]);
}

/// A disk can be slow: a writer that lives keeps its draft for as long as it writes.
#[test]
fn a_living_writers_draft_is_left_to_it() {
    let (_keep, suite) = place();
    fs::create_dir_all(suite.path()).unwrap();
    let path = suite.file(".fits.json.7");
    let draft = fs::File::create(&path).unwrap();
    draft.lock().unwrap();
    write_atomically(&suite.file("fits.json"), b"{}").unwrap();
    assert_eq!(names(suite.path()), [".fits.json.7", "fits.json"]);
    drop(draft);
    write_atomically(&suite.file("fits.json"), b"{}").unwrap();
    assert_eq!(names(suite.path()), ["fits.json"]);
}

#[test]
fn who_has_lost_the_lease_publishes_nothing() {
    let (_keep, suite) = place();
    let cell = cell();
    let late = mine(&suite, &cell);
    // What a process does that takes over.
    let run = suite.run(&cell.id);
    fs::rename(run.join("attempt-0001"), run.join("attempt-0001.lost")).unwrap();
    let taker = mine(&suite, &cell);
    assert_eq!(taker.number(), 2);
    assert!(late.lost());
    let error = late.publish(&result(&cell, 1, Status::Done)).unwrap_err();
    assert!(matches!(error, LedgerError::Lost { .. }), "{error}");
    assert!(suite.result(&cell.id).unwrap().is_none());
    taker.publish(&result(&cell, 2, Status::Done)).unwrap();
    assert_eq!(suite.result(&cell.id).unwrap().unwrap().attempt, 2);
}

#[test]
fn a_cell_is_tried_as_often_as_the_rule_says() {
    let (_keep, suite) = place();
    let cell = cell();
    for tries in 1..=2 {
        let attempt = mine(&suite, &cell);
        assert_eq!(attempt.tries(), tries);
        let mut record = result(&cell, attempt.number(), Status::Failed);
        record.tries = tries;
        attempt.publish(&record).unwrap();
    }
    assert!(matches!(claim(&suite, &cell), Claim::Ended(Status::Failed)));
    let ended = suite.result(&cell.id).unwrap().unwrap();
    suite.forget(&ended).unwrap();
    assert_eq!(mine(&suite, &cell).tries(), 1);
}

/// Every file of a run, cut at every length and with every bit turned: an error or the same numbers.
#[test]
fn damage_is_found_or_does_not_matter() {
    let (_keep, suite) = place();
    let cell = cell();
    let mut attempt = mine(&suite, &cell);
    attempt.record(&step(1)).unwrap();
    attempt.record(&step(2)).unwrap();
    attempt.publish(&result(&cell, 1, Status::Done)).unwrap();
    let read = || -> Result<_, LedgerError> {
        let runs = suite.finished()?;
        let steps = runs
            .iter()
            .map(|finished| suite.steps(&finished.run))
            .collect::<Result<Vec<_>, _>>()?;
        Ok((runs, steps))
    };
    let whole = read().unwrap();
    let run = suite.run(&cell.id);
    for file in ["cell.json", "result.json", "attempt-0001/steps.jsonl"] {
        let path = run.join(file);
        let bytes = fs::read(&path).unwrap();
        for bytes in damaged(&bytes) {
            fs::write(&path, &bytes).unwrap();
            match read() {
                // The seal's own name, turned, leaves the numbers as they were.
                Ok((runs, steps)) => {
                    assert_eq!(runs[0].cell, whole.0[0].cell, "{file}");
                    assert_eq!(runs[0].run.outcome, whole.0[0].run.outcome, "{file}");
                    assert_eq!(steps, whole.1, "{file}");
                }
                Err(error) => assert!(
                    error.to_string().contains(&run.display().to_string()),
                    "{file}: {error}"
                ),
            }
        }
        fs::write(&path, &bytes).unwrap();
    }
}

/// A file cut at every length, and with a bit of every byte turned.
fn damaged(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let cut = (0..bytes.len()).map(|cut| bytes[..cut].to_vec());
    let turned = (0..8 * bytes.len()).map(|bit| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    });
    cut.chain(turned)
}

/// A damaged list is an error that names it, or means the same cells.
#[test]
fn a_damaged_list_of_exclusions_leaves_nothing_in() {
    let (_keep, suite) = place();
    let cell = cell();
    let attempt = mine(&suite, &cell);
    attempt.publish(&result(&cell, 1, Status::Done)).unwrap();
    let path = suite.file("excluded.toml");
    let id = &cell.id.as_str()[..5];
    let whole = format!("[[exclude]]\ncell = \"{id}\"\nreason = \"hot\"\n");
    for bytes in damaged(whole.as_bytes()) {
        fs::write(&path, &bytes).unwrap();
        match suite.finished() {
            Ok(runs) => assert_eq!(runs[0].status(), Status::Excluded),
            Err(error) => assert!(error.to_string().contains("excluded.toml"), "{error}"),
        }
    }
    for (id, count) in [("0123456789", "0 cells"), ("", "2 cells")] {
        let text = format!("[[exclude]]\ncell = \"{id}\"\nreason = \"hot\"\n");
        fs::write(&path, text).unwrap();
        let other = serde_json::from_str("\"fedcba9876543210\"").unwrap();
        let error = suite.exclusions([&other]).unwrap_err();
        assert!(error.to_string().contains(count), "{error}");
    }
}

/// While its holder lives the cell is taken; of a dead holder it is free at the latest after a term.
#[test]
fn a_damaged_lease_delays_and_no_more() {
    let (_keep, suite) = place();
    let cell = cell();
    let mut attempt = mine(&suite, &cell);
    let path = |number| {
        let folder = suite.run(&cell.id).join(format!("attempt-{number:04}"));
        folder.join("lease.json")
    };
    let whole = fs::read(path(1)).unwrap();
    for bytes in damaged(&whole).step_by(7) {
        fs::write(path(attempt.number()), &bytes).unwrap();
        assert!(matches!(claim(&suite, &cell), Claim::Taken));
        drop(attempt);
        let mut leases = Leases::new(Duration::ZERO);
        let mut again = || {
            let now = Instant::now();
            let claim = suite.claim(&cell, &Retry::default(), &mut leases, now);
            claim.unwrap()
        };
        attempt = match (again(), again()) {
            (Claim::Mine(first), Claim::Taken) | (Claim::Taken, Claim::Mine(first)) => *first,
            other => panic!("{other:?}"),
        };
    }
    let number = attempt.number();
    attempt
        .publish(&result(&cell, number, Status::Done))
        .unwrap();
    assert_eq!(suite.finished().unwrap()[0].run.attempt, number);
}

#[test]
fn damaged_and_newer_results_are_named() {
    let (_keep, suite) = place();
    let cell = cell();
    let attempt = mine(&suite, &cell);
    attempt.publish(&result(&cell, 1, Status::Done)).unwrap();
    let path = suite.run(&cell.id).join("result.json");
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, whole.replacen("\"format\": 1", "\"format\": 7", 1)).unwrap();
    let error = suite.result(&cell.id).unwrap_err();
    assert!(
        matches!(error, LedgerError::File(FileError::Format { found: 7, .. })),
        "{error}"
    );
    fs::write(&path, &whole[..40]).unwrap();
    let error = suite.finished().unwrap_err();
    assert!(error.to_string().contains("result.json"), "{error}");
}

/// A loss that is not finite is a number like others: it is read back as it was written.
#[test]
fn a_step_that_is_not_finite_is_read_back() {
    let (_keep, suite) = place();
    let cell = cell();
    let mut attempt = mine(&suite, &cell);
    let wild = Step {
        loss: f64::NAN,
        mean_loss: Some(f64::INFINITY),
        gradient_norm: f64::NEG_INFINITY,
        ..step(1)
    };
    attempt.record(&wild).unwrap();
    attempt
        .publish(&result(&cell, 1, Status::Diverged))
        .unwrap();
    let record = suite.result(&cell.id).unwrap().unwrap();
    let read = suite.steps(&record).unwrap();
    assert!(read[0].loss.is_nan());
    assert_eq!(read[0].mean_loss, wild.mean_loss);
    assert_eq!(read[0].gradient_norm, wild.gradient_norm);
}

/// Only what the plan names is asked for, with the plan's label.
#[test]
fn a_plan_says_what_is_asked_for() {
    let (_keep, suite) = place();
    let cell = cell();
    let attempt = mine(&suite, &cell);
    attempt.publish(&result(&cell, 1, Status::Done)).unwrap();
    let asked = |id: isoflop_suite::CellId| AskedFor {
        id,
        flops_budget: Some(7e9),
    };
    suite.note_plan(vec![asked(cell.id.clone())]).unwrap();
    let finished = &suite.finished().unwrap()[0];
    assert!(finished.planned);
    assert_eq!(finished.cell.flops_budget, Some(7e9));
    let other = serde_json::from_str("\"fedcba9876543210\"").unwrap();
    suite.note_plan(vec![asked(other)]).unwrap();
    assert!(!suite.finished().unwrap()[0].planned);
}

/// A run of another folder is taken over whole, and only if it is done.
#[test]
fn a_finished_run_is_taken_over() {
    let (_keep, suite) = place();
    let (_also, other) = place();
    let cell = cell();
    let mut leases = Leases::new(Duration::from_secs(60));
    let mut adopt = || {
        suite
            .adopt(&other, &cell, &Retry::default(), &mut leases)
            .unwrap()
    };
    assert!(!adopt(), "there is none");
    let mut attempt = mine(&other, &cell);
    attempt.record(&step(1)).unwrap();
    attempt.publish(&result(&cell, 1, Status::Failed)).unwrap();
    assert!(!adopt(), "it failed");
    let mut attempt = mine(&other, &cell);
    attempt.record(&step(1)).unwrap();
    attempt.record(&step(2)).unwrap();
    attempt.publish(&result(&cell, 2, Status::Done)).unwrap();
    assert!(adopt());
    let record = suite.result(&cell.id).unwrap().unwrap();
    assert_eq!((record.attempt, record.status()), (1, Status::Done));
    assert_eq!(suite.steps(&record).unwrap(), [step(1), step(2)]);
}

/// A checkpoint that has lost its log cannot be gone on from: the cell is begun again, and nobody waits.
#[test]
fn a_checkpoint_without_its_log_is_begun_again() {
    let (_keep, suite) = place();
    let cell = cell();
    let mut first = mine(&suite, &cell);
    first.record(&step(1)).unwrap();
    first.keep(b"checkpoint").unwrap();
    drop(first);
    fs::remove_file(suite.run(&cell.id).join("attempt-0001/steps.jsonl")).unwrap();
    let second = mine(&suite, &cell);
    let checkpoint = second.checkpoint().unwrap();
    assert_eq!((second.number(), checkpoint), (2, None));
}

/// A table from before sums were noted may be read while the first that are noted are about to replace it,
/// also where their writer has died in between.
#[test]
fn a_table_that_was_never_noted_is_read_until_it_is_replaced() {
    let (_keep, suite) = place();
    fs::create_dir_all(suite.path()).unwrap();
    let path = suite.file("cells.csv");
    fs::write(&path, "n,loss\n1,2\n").unwrap();
    suite.write_noted(&[("other.csv", b"n\n1\n")]).unwrap();
    let sums = suite.file("sums.json");
    let mut record: serde_json::Value = serde_json::from_slice(&fs::read(&sums).unwrap()).unwrap();
    record.as_object_mut().unwrap().remove("sha256");
    record["coming"] = serde_json::json!({"cells.csv": "ab".repeat(32)});
    fs::write(&sums, isoflop_files::sealed(&record)).unwrap();
    assert_eq!(isoflop_ledger::read_table(&path).unwrap().frame.height(), 1);
    suite.write_noted(&[("cells.csv", b"n\n1\n2\n")]).unwrap();
    assert_eq!(isoflop_ledger::read_table(&path).unwrap().frame.height(), 2);
    fs::write(&path, "n\n1\n3\n").unwrap();
    assert!(
        isoflop_ledger::read_table(&path).is_err(),
        "it is noted now"
    );
}
