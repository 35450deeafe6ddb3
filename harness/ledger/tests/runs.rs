//! Claims, results and logs of runs.

use std::fs;
use std::io::Write;

use isoflop_ledger::{CellRecord, Claim, FORMAT, LedgerError, RunRecord, SuiteFolder};
use isoflop_suite::{CorpusFacts, Definition, Outcome, Plan, Status, Step, TimeSplit, Tokenizer};
use tempfile::TempDir;

fn cell() -> CellRecord {
    let text = "[corpus.files]\npaths = [\"a\"]\n[[sweep]]\nwidth = 16\ndepth = 1\ntokens = 1e6\n";
    let corpus = CorpusFacts {
        sha256: "ab".repeat(32),
        tokenizer: Tokenizer::Bytes,
        vocabulary: 256,
        train_tokens: 10_000_000,
        validation_tokens: 1_000_000,
        bytes_per_token: 1.0,
    };
    let plan = Plan::new(&Definition::parse(text, "s.toml").unwrap(), &corpus).unwrap();
    CellRecord::new(plan.cells[0].cell.clone(), None)
}

fn result(cell: &CellRecord, attempt: u32, status: Status) -> RunRecord {
    RunRecord {
        format: FORMAT,
        id: cell.id.clone(),
        attempt,
        device: "flex".into(),
        adapter: None,
        threads: 1,
        version: "0".into(),
        bytes_per_token: 1.0,
        entropy_rate: None,
        outcome: Outcome {
            status,
            reason: None,
            loss: Some(1.25),
            loss_se: Some(0.01),
            train_loss: None,
            scored_tokens: 1000,
            tokens_per_second: None,
            seconds: TimeSplit::default(),
            peak_memory: None,
        },
    }
}

fn step(number: u64) -> Step {
    Step {
        step: number,
        tokens: 512 * number,
        loss: 5.0 / number as f64,
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
    let Claim::Mine(mut attempt) = suite.claim(&cell).unwrap() else {
        panic!("nobody has it")
    };
    assert!(matches!(suite.claim(&cell).unwrap(), Claim::Taken));
    attempt.record(&step(1)).unwrap();
    attempt.record(&step(2)).unwrap();
    let record = result(&cell, attempt.number(), Status::Done);
    attempt.publish(&record).unwrap();
    assert!(matches!(suite.claim(&cell).unwrap(), Claim::Done));
    assert_eq!(suite.result(&cell.id).unwrap().unwrap(), record);
    assert_eq!(
        suite.steps(&record).unwrap(),
        [step(1), step(2)],
        "to the last bit"
    );
    assert_eq!(suite.finished().unwrap(), [(cell, record)]);
}

#[test]
fn what_failed_is_tried_again_as_a_new_attempt() {
    let (_keep, suite) = place();
    let cell = cell();
    let Claim::Mine(attempt) = suite.claim(&cell).unwrap() else {
        panic!("nobody has it")
    };
    attempt.publish(&result(&cell, 1, Status::Failed)).unwrap();
    let Claim::Mine(attempt) = suite.claim(&cell).unwrap() else {
        panic!("it failed")
    };
    assert_eq!(attempt.number(), 2);
    drop(attempt);
    let Claim::Mine(attempt) = suite.claim(&cell).unwrap() else {
        panic!("it was given back")
    };
    assert_eq!(attempt.number(), 3);
}

#[test]
fn a_line_that_was_not_finished_is_no_step() {
    let (_keep, suite) = place();
    let cell = cell();
    let Claim::Mine(mut attempt) = suite.claim(&cell).unwrap() else {
        panic!("nobody has it")
    };
    attempt.record(&step(1)).unwrap();
    let record = result(&cell, 1, Status::Done);
    attempt.publish(&record).unwrap();
    let log = suite.run(&cell.id).join("attempt-0001/steps.jsonl");
    let mut file = fs::OpenOptions::new().append(true).open(log).unwrap();
    file.write_all(b"{\"step\":2,\"tok").unwrap();
    assert_eq!(suite.steps(&record).unwrap(), [step(1)]);
}

#[test]
fn damaged_and_newer_results_are_named() {
    let (_keep, suite) = place();
    let cell = cell();
    let Claim::Mine(attempt) = suite.claim(&cell).unwrap() else {
        panic!("nobody has it")
    };
    attempt.publish(&result(&cell, 1, Status::Done)).unwrap();
    let path = suite.run(&cell.id).join("result.json");
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, whole.replacen("\"format\": 1", "\"format\": 7", 1)).unwrap();
    let error = suite.result(&cell.id).unwrap_err();
    assert!(
        matches!(error, LedgerError::Format { found: 7, .. }),
        "{error}"
    );
    fs::write(&path, &whole[..40]).unwrap();
    let error = suite.finished().unwrap_err();
    assert!(error.to_string().contains("result.json"), "{error}");
}
