//! Coordinators on a shared disk whose looks at folders may be stale, in every order that a seed gives:
//! who holds a cell may pause for longer than its lease lasts and wake again, or die. A cell has one
//! result, with its whole log, and nobody waits without end.
//!
//! Each coordinator is a thread, and one thread runs at a time: at every call to the disk the seed says
//! who is next. Time is a number of such calls. `ISOFLOP_SCHEDULES` says how many seeds are tried.

mod shared_disk;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use isoflop_files::install;
use isoflop_ledger::{
    Attempt, CellRecord, Claim, FORMAT, Leases, LedgerError, RunRecord, SuiteFolder,
};
use isoflop_suite::{
    CorpusFacts, Definition, End, Outcome, Plan, Retry, Scores, Status, Step, Tokenizer,
};
use shared_disk::{Client, Died, Shared, World, enter, leave};

/// Calls to the disk after which a lease that does not change is over.
const TERM: u64 = 400;
/// Calls after which a schedule has no end.
const PATIENCE: u64 = 60_000;
const STEPS: u64 = 4;

fn cells() -> Vec<CellRecord> {
    let text =
        "[corpus.files]\npaths = [\"a\"]\n[[sweep]]\nwidth = [16, 32]\ndepth = 1\ntokens = 1e6\n";
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
    let cells = plan.cells.into_iter();
    cells.map(|it| CellRecord::new(it.cell, None)).collect()
}

fn step(number: u64) -> Step {
    Step {
        step: number,
        tokens: number,
        loss: 1.0 / number as f64,
        mean_loss: None,
        learning_rate: 0.1,
        gradient_norm: 1.0,
        seconds: 0.5,
    }
}

/// The end of an attempt: of some schedules the first ones fail.
fn end(seed: u64, attempt: &Attempt) -> End {
    if seed.is_multiple_of(3) && attempt.tries() < 3 {
        return End::Failed("by chance".into());
    }
    End::Done(Scores {
        sets: Vec::new(),
        loss: 1.25,
        loss_se: None,
        train_loss: None,
        scored_tokens: 1,
        documents: Vec::new(),
    })
}

fn result(cell: &CellRecord, attempt: &Attempt, end: End) -> RunRecord {
    RunRecord {
        format: FORMAT,
        id: cell.id.clone(),
        attempt: attempt.number(),
        tries: attempt.tries(),
        device: "flex".into(),
        adapter: None,
        driver: None,
        device_check: None,
        threads: 1,
        version: "0".into(),
        bytes_per_token: Some(1.0),
        entropy_rate: None,
        outcome: Outcome::unmeasured(end),
        steps_sha256: None,
        provenance: None,
    }
}

/// What everybody in a schedule knows.
struct Suite<'a> {
    seed: u64,
    folder: SuiteFolder,
    cells: &'a [CellRecord],
    /// How often somebody was told that a cell is done now.
    done: Vec<AtomicUsize>,
}

impl Suite<'_> {
    /// What a `run` does with its cells.
    fn coordinate(&self, client: &Client) {
        let retry = Retry {
            failed: 5,
            ..Retry::default()
        };
        let mut leases = Leases::new(Duration::from_secs(TERM));
        let mut left: Vec<usize> = (0..self.cells.len()).collect();
        while let Some(at) = left.first().copied() {
            let cell = &self.cells[at];
            let claim = self.folder.claim(cell, &retry, &mut leases, client.now());
            match claim.expect("a disk that works") {
                Claim::Ended(status) => {
                    assert_eq!(status, Status::Done);
                    left.remove(0);
                }
                Claim::Taken => {
                    left.rotate_left(1);
                    client.rest(20);
                }
                Claim::Mine(attempt) => self.train(at, *attempt),
            }
        }
    }

    /// Trains from the checkpoint on, and publishes unless another has taken over.
    fn train(&self, at: usize, mut attempt: Attempt) {
        let mut renewal = attempt.renewal();
        let trained = (|| {
            let checkpoint = attempt.checkpoint()?;
            let mut from = checkpoint.map_or(0, |bytes| u64::from(bytes[0]));
            if attempt.rewind(from)? as u64 != from {
                from = 0;
                attempt.rewind(0)?;
            }
            for number in from + 1..=STEPS {
                attempt.record(&step(number))?;
                renewal.renew();
                attempt.keep(&[number as u8])?;
            }
            std::io::Result::Ok(())
        })();
        if let Err(error) = trained {
            assert!(attempt.lost(), "{error}");
            return;
        }
        let record = result(&self.cells[at], &attempt, end(self.seed, &attempt));
        match attempt.publish(&record) {
            Ok(()) if record.status() == Status::Done => {
                self.done[at].fetch_add(1, Ordering::Relaxed);
            }
            Ok(()) | Err(LedgerError::Lost { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn schedule(seed: u64, cells: &[CellRecord], shared: &Shared) {
    let world = Arc::new(World::new(seed, PATIENCE));
    shared.begin(&world);
    let suite = Suite {
        seed,
        folder: SuiteFolder::new("/shared/results/s/flex"),
        cells,
        done: cells.iter().map(|_| AtomicUsize::new(0)).collect(),
    };
    std::thread::scope(|scope| {
        for number in 0..world.coordinators() {
            let (client, suite) = (Client::new(&world, number), &suite);
            scope.spawn(move || {
                enter(&client);
                let ended = catch_unwind(AssertUnwindSafe(|| suite.coordinate(&client)));
                leave(&client);
                if let Err(why) = ended
                    && !why.is::<Died>()
                {
                    resume_unwind(why);
                }
            });
        }
    });
    // With nobody else, and no stale look.
    let last = Client::new(&world, world.coordinators());
    enter(&last);
    suite.coordinate(&last);
    for (cell, done) in cells.iter().zip(&suite.done) {
        assert!(
            done.load(Ordering::Relaxed) <= 1,
            "{} is done twice",
            cell.id
        );
        let record = suite.folder.result(&cell.id).unwrap().unwrap();
        let logged = suite.folder.steps(&record).unwrap();
        assert_eq!(logged, (1..=STEPS).map(step).collect::<Vec<_>>());
        let run = suite.folder.run(&cell.id);
        let kept = format!("attempt-{:04}", record.attempt);
        assert_eq!(world.names(&run.join(&kept)), ["steps.jsonl"]);
        let others = world.names(&run);
        // Of one that died after another's end was published nobody can tell that it is dead.
        let others = others.iter().filter(|name| **name <= kept);
        assert!(others.eq([&kept]), "{:?}", world.names(&run));
    }
    leave(&last);
}

#[test]
fn a_cell_has_one_result_in_every_schedule() {
    let seeds = std::env::var("ISOFLOP_SCHEDULES").map_or(400, |text| text.parse().unwrap());
    let first = std::env::var("ISOFLOP_SEED").map_or(0, |text| text.parse().unwrap());
    let shared = Shared::default();
    install(Box::new(shared.clone()));
    let cells = cells();
    for seed in first..first + seeds {
        let tried = catch_unwind(AssertUnwindSafe(|| schedule(seed, &cells, &shared)));
        assert!(tried.is_ok(), "of the schedule of ISOFLOP_SEED={seed}");
    }
    println!("{seeds} schedules");
}
