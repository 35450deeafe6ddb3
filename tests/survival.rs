//! Processes that are killed, stopped and started again, full disks and damaged files: nothing that
//! was trained is lost, and nothing is trained twice.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{Place, stray, trained};

const SUITE: &str = r#"
[corpus.grammar]
words = 50
zipf = 1.0
tokens = 600_000
validation_tokens = 70_000

[evaluation]
tokens = 4096

[retry]
failed = 1000

[[sweep]]
width = [8, 16]
depth = 1
head_width = 8
batch = 4
tokens = [64_000, 256_000]
"#;

fn place() -> Place {
    Place::new().with("small.toml", SUITE)
}

fn start(place: &Place, words: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_isoflop"))
        .args(words.split_whitespace())
        .current_dir(place.path("."))
        .env("XDG_CACHE_HOME", place.path("cache"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

fn signal(process: u32, name: &str) {
    // A process that has ended by now is as good as one that was told.
    let _ = Command::new("kill")
        .args([format!("-{name}"), process.to_string()])
        .stderr(Stdio::null())
        .status();
}

/// Worker processes whose results go to a folder, as the command names it: each test has one of its own,
/// since they run side by side.
fn workers(folder: &Path) -> Vec<u32> {
    let wanted = folder.display().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("processes").flatten() {
        let process = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        let command = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        let words: Vec<&str> = command.split('\0').collect();
        if let Some(process) = process
            && words.contains(&"child")
            && words.contains(&wanted.as_str())
        {
            found.push(process);
        }
    }
    found
}

/// Waits for a condition that comes in seconds.
fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "no {what} in a minute"
        );
        sleep(Duration::from_millis(10));
    }
}

/// Whether a cell has logged steps and is not done.
fn under_way(place: &Place, results: &str) -> bool {
    let Ok(runs) = fs::read_dir(place.path(&format!("{results}/small/flex/runs"))) else {
        return false;
    };
    runs.flatten().any(|run| {
        let log = run.path().join("attempt-0001/steps.jsonl");
        !run.path().join("result.json").exists()
            && fs::read_to_string(log).is_ok_and(|text| text.lines().count() > 3)
    })
}

/// Kills the coordinator, a worker or all of them at random moments, `ISOFLOP_KILLS` times (12), over
/// as many suites as that takes.
#[test]
#[cfg(target_os = "linux")]
fn kills_at_random_moments_lose_nothing() {
    let kills = std::env::var("ISOFLOP_KILLS").map_or(12, |text| text.parse().expect("a count"));
    let place = place();
    place.isoflop("run small.toml --results whole").code(0);
    let whole = trained(&place, "whole");
    let mut state = 7u64;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let (mut killed, mut round) = (0, 0);
    while killed < kills {
        round += 1;
        let results = format!("round-{round}");
        let folder = format!("{results}/small/flex");
        let command = format!("run small.toml --results {results} --checkpoint 0.1 --lease 2");
        loop {
            let mut coordinator = start(&place, &command);
            let code = loop {
                sleep(Duration::from_millis(20 + random(600)));
                if let Some(status) = coordinator.try_wait().expect("a status") {
                    break status.code();
                }
                if killed == kills {
                    break coordinator.wait().expect("a status").code();
                }
                let working = workers(Path::new(&folder));
                let choice = random(10);
                if choice < 5 && !working.is_empty() {
                    signal(working[random(working.len() as u64) as usize], "KILL");
                    killed += 1;
                } else if choice >= 5 {
                    if choice >= 8 {
                        working.iter().for_each(|worker| signal(*worker, "KILL"));
                    }
                    coordinator.kill().expect("a kill");
                    killed += 1;
                }
            };
            match code {
                Some(0) => break,
                // Killed by us.
                None => {}
                Some(code) => {
                    let mut said = String::new();
                    let errors = coordinator.stderr.take().expect("its stderr");
                    let _ = std::io::Read::read_to_string(&mut { errors }, &mut said);
                    panic!("exit code {code} after {killed} kills: {said}");
                }
            }
        }
        assert_eq!(trained(&place, &results), whole, "after {killed} kills");
        let mut found = Vec::new();
        stray(&place.path(&results), &mut found);
        assert!(found.is_empty(), "{found:?}");
    }
    println!("{killed} kills over {round} suites");
}

#[test]
#[cfg(target_os = "linux")]
fn a_worker_that_slept_past_its_lease_publishes_nothing() {
    let suite = SUITE
        .replace("width = [8, 16]", "width = 16")
        .replace("[64_000, 256_000]", "500_000");
    let place = Place::new().with("small.toml", &suite);
    place.isoflop("run small.toml --results whole").code(0);
    let words = "run small.toml --results late --workers 1 --lease 1 --checkpoint 0.1";
    let mut late = start(&place, words);
    wait_for("logged steps", || under_way(&place, "late"));
    let mut asleep = workers(Path::new("late/small/flex"));
    asleep.push(late.id());
    asleep.iter().for_each(|process| signal(*process, "STOP"));
    let taker = place.isoflop("run small.toml --results late --lease 1");
    asleep.iter().for_each(|process| signal(*process, "CONT"));
    taker.code(0);
    assert!(late.wait().expect("a status").success());
    assert_eq!(trained(&place, "late"), trained(&place, "whole"));
    place.isoflop("table late/small/flex").code(0);
    let rows = place.csv("late/small/flex/cells.csv");
    assert_eq!(rows[0].word("attempt"), "2", "the second one's result");
}

/// Cells that do not fit into memory together train one after the other.
#[test]
#[cfg(target_os = "linux")]
fn as_many_train_at_once_as_there_is_memory_for() {
    let suite = SUITE
        .replace("width = [8, 16]", "width = 384\nseed = [0, 1]")
        .replace("depth = 1", "depth = 4")
        .replace("batch = 4", "batch = 16")
        .replace("[64_000, 256_000]", "8192");
    let place = Place::new().with("small.toml", &suite);
    let command = format!(
        "ulimit -v 1600000; exec {} run small.toml --workers 2",
        env!("CARGO_BIN_EXE_isoflop")
    );
    let mut coordinator = Command::new("sh")
        .args(["-c", &command])
        .current_dir(place.path("."))
        .env("XDG_CACHE_HOME", place.path("cache"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell");
    let runs = place.path("results/small/flex/runs");
    let training = || {
        let runs = fs::read_dir(&runs).into_iter().flatten().flatten();
        let claimed = |run: &fs::DirEntry| {
            run.path().join("attempt-0001/lease.json").exists()
                && !run.path().join("result.json").exists()
        };
        runs.filter(claimed).count()
    };
    let mut most = 0;
    while coordinator.try_wait().expect("a status").is_none() {
        most = most.max(training());
        sleep(Duration::from_millis(2));
    }
    assert_eq!(most, 1);
    place.isoflop("status small.toml").code(0).says("2 done");
}

/// A worker in the middle of a step of minutes ends soon after its coordinator was killed.
#[test]
#[cfg(target_os = "linux")]
fn workers_do_not_outlive_their_coordinator() {
    let suite = SUITE
        .replace("width = [8, 16]", "width = 256")
        .replace("depth = 1", "depth = 4")
        .replace("head_width = 8\nbatch = 4", "batch = 4096")
        .replace("[64_000, 256_000]", "600_000")
        .replace(
            "[evaluation]",
            "[training]\nmicro_batch = 1\n\n[evaluation]",
        );
    let place = Place::new().with("small.toml", &suite);
    let mut coordinator = start(&place, "run small.toml --results outlived");
    let runs = place.path("outlived/small/flex/runs");
    let claimed = || {
        let mut runs = fs::read_dir(&runs).into_iter().flatten().flatten();
        runs.any(|run| run.path().join("attempt-0001").exists())
    };
    wait_for("a claimed cell", claimed);
    sleep(Duration::from_secs(1));
    let folder = Path::new("outlived/small/flex");
    assert_eq!(workers(folder).len(), 1);
    coordinator.kill().expect("a kill");
    coordinator.wait().expect("a status");
    let begin = Instant::now();
    wait_for("end of the worker", || workers(folder).is_empty());
    assert!(
        begin.elapsed() < Duration::from_secs(15),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
#[cfg(unix)]
fn ctrl_c_leaves_a_checkpoint_and_says_how_to_go_on() {
    let place = place();
    place.isoflop("run small.toml --results whole").code(0);
    let coordinator = start(&place, "run small.toml --results results");
    wait_for("logged steps", || under_way(&place, "results"));
    let begin = Instant::now();
    signal(coordinator.id(), "INT");
    let output = coordinator.wait_with_output().expect("its end");
    assert!(begin.elapsed() < Duration::from_secs(10));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("the same command goes on"), "{said}");
    place
        .isoflop("status small.toml")
        .code(3)
        .says("waiting, begun");
    place.isoflop("run small.toml").code(0);
    assert_eq!(trained(&place, "results"), trained(&place, "whole"));
    place.isoflop("status small.toml").code(0).says("4 done");
}

#[test]
fn two_coordinators_split_the_work() {
    let place = place();
    let words = "run small.toml --workers 1";
    let (first, second) = (start(&place, words), start(&place, words));
    for coordinator in [first, second] {
        let output = coordinator.wait_with_output().expect("its end");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
    }
    place.isoflop("table results/small/flex").code(0);
    for row in place.csv("results/small/flex/cells.csv") {
        assert_eq!((row.word("status"), row.word("attempt")), ("done", "1"));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_cell_whose_worker_dies_fails_by_rule_and_is_rerun() {
    let place = Place::new().with("small.toml", &SUITE.replace("failed = 1000", "failed = 0"));
    let coordinator = start(&place, "run small.toml --results dies --workers 1");
    wait_for("logged steps", || under_way(&place, "dies"));
    for worker in workers(Path::new("dies/small/flex")) {
        signal(worker, "KILL");
    }
    let output = coordinator.wait_with_output().expect("its end");
    assert_eq!(output.status.code(), Some(3));
    let said = place.isoflop("status small.toml --results dies").code(3);
    said.says("1 failed").says("ended by SIGKILL");
    place
        .isoflop("rerun small.toml --results dies --cell nothing")
        .code(2)
        .complains("0 cells");
    place
        .isoflop("rerun small.toml --results dies")
        .code(2)
        .complains("--cell")
        .complains("--status");
    place
        .isoflop("rerun small.toml --results dies --status failed")
        .code(0)
        .says("4 of 4 cells done");
}

#[test]
fn what_the_user_leaves_out_is_a_row_with_its_reason() {
    let place = place();
    place.isoflop("run small.toml").code(0);
    let cell = trained(&place, "results")[1].0.clone();
    let excluded = format!(
        "[[exclude]]\ncell = \"{}\"\nreason = \"the fan stopped\"\n",
        &cell[..6]
    );
    let place = place.with("results/small/flex/excluded.toml", &excluded);
    place.isoflop("run small.toml").code(3);
    place
        .isoflop("status small.toml")
        .code(3)
        .says("excluded: the fan stopped");
    place.isoflop("table results/small/flex").code(0);
    let rows = place.csv("results/small/flex/cells.csv");
    let row = rows
        .iter()
        .find(|row| row.word("cell") == cell)
        .expect("its row");
    assert_eq!(
        (row.word("status"), row.word("reason")),
        ("excluded", "the fan stopped")
    );
    // One that is left out before it is trained has its row too.
    fs::create_dir_all(place.path("new/small/flex")).unwrap();
    let place = place.with("new/small/flex/excluded.toml", &excluded);
    place.isoflop("run small.toml --results new").code(3);
    place.isoflop("table new/small/flex").code(0);
    assert_eq!(place.csv("new/small/flex/cells.csv").len(), 4);
    place
        .isoflop("fit results/small/flex --form power --x tokens --bootstrap 0")
        .code(0)
        .says("3 points")
        .says(&format!("excluded ({cell})"));
}

#[test]
#[cfg(unix)]
fn a_full_disk_costs_nothing_that_is_stored() {
    let place = Place::new().with("small.toml", &SUITE.replace("failed = 1000", "failed = 1"));
    place.isoflop("run small.toml --results whole").code(0);
    // Files end at eight kilobytes, and the system has a signal for that.
    let command = format!(
        "ulimit -f 16; exec {} run small.toml --checkpoint 0.1",
        env!("CARGO_BIN_EXE_isoflop")
    );
    let output = Command::new("sh")
        .args(["-c", &command])
        .current_dir(place.path("."))
        .env("XDG_CACHE_HOME", place.path("cache"))
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(
        said.contains("too large") || said.contains("No space"),
        "{said}"
    );
    let said_once = |line: &str| line.matches("os error").count() <= 1;
    assert!(said.lines().all(said_once), "{said}");
    place.isoflop("run small.toml").code(0);
    assert_eq!(trained(&place, "results"), trained(&place, "whole"));
}

#[test]
fn damaged_and_newer_files_are_named_and_left_alone() {
    let place = place();
    place.isoflop("run small.toml").code(0);
    let before = trained(&place, "results");
    let file = format!("results/small/flex/runs/{}/result.json", before[0].0);
    let whole = fs::read_to_string(place.path(&file)).unwrap();
    let newer = whole.replacen("\"format\": 1", "\"format\": 2", 1);
    let wrong = whole.replacen("\"loss\": 1.", "\"loss\": 0.", 1);
    assert_ne!(wrong, whole);
    for (damaged, words) in [
        (String::new(), "result.json"),
        (whole[..100].to_owned(), "result.json"),
        (newer, "format 2, and this version of isoflop reads 1"),
        (wrong, "not what was written"),
    ] {
        let place = &place;
        fs::write(place.path(&file), &damaged).unwrap();
        for command in [
            "run small.toml",
            "status small.toml",
            "table results/small/flex",
        ] {
            place
                .isoflop(command)
                .code(1)
                .complains(words)
                .complains(&before[0].0);
        }
    }
    fs::write(place.path(&file), &whole).unwrap();
    assert_eq!(trained(&place, "results"), before);
}

/// Bytes of the tables and fits turned: refused, and made anew.
#[test]
fn damaged_tables_are_refused_and_made_anew() {
    let place = place();
    place.isoflop("run small.toml").code(0);
    for name in ["cells.parquet", "curves.parquet", "fits.json", "sums.json"] {
        let path = place.path(&format!("results/small/flex/{name}"));
        let whole = fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(whole.len().div_ceil(4)) {
            let mut bytes = whole.clone();
            bytes[at] ^= 4;
            fs::write(&path, &bytes).unwrap();
            place
                .isoflop("plot results/small/flex")
                .code(1)
                .complains(name);
        }
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        place
            .isoflop("plot results/small/flex")
            .code(1)
            .complains(name);
        place.isoflop("run small.toml").code(0);
        place.isoflop("plot results/small/flex").code(0);
    }
}

#[test]
fn a_result_says_what_made_it() {
    let place = place();
    place.isoflop("run small.toml").code(0);
    let cell = &trained(&place, "results")[0].0;
    let file = format!("results/small/flex/runs/{cell}/result.json");
    let text = fs::read_to_string(place.path(&file)).unwrap();
    let result: serde_json::Value = serde_json::from_str(&text).unwrap();
    let made = &result["provenance"];
    for (field, length) in [("cargo_lock_sha256", 64), ("corpus_sha256", 64)] {
        assert_eq!(made[field].as_str().map(str::len), Some(length), "{text}");
    }
    assert!(
        made["command"][1] == "run" && made["features"][0] == "train",
        "{text}"
    );
    assert_eq!(made["environment"]["BURN_DEVICE"], "flex");
    let row = &place.csv("results/small/flex/cells.csv")[0];
    assert_eq!(row.word("command"), "isoflop run small.toml");
    assert_eq!(row.word("commit"), made["commit"].as_str().unwrap());
    for column in [
        "dirty",
        "cargo_lock_sha256",
        "features",
        "system",
        "environment",
    ] {
        assert!(!row.word(column).is_empty(), "{column}");
    }
}

/// Results are given to others: of the user's environment they tell what changes numbers, and no more.
#[test]
fn a_result_tells_no_secrets_of_the_environment() {
    let place = place();
    let status = Command::new(env!("CARGO_BIN_EXE_isoflop"))
        .args(["run", "small.toml"])
        .current_dir(place.path("."))
        .env("XDG_CACHE_HOME", place.path("cache"))
        .env("BURN_TOKEN", "a secret")
        .env("WGPU_ADAPTER_NAME", "a secret too")
        .env("CUBECL_AUTOTUNE_LEVEL", "minimal")
        .env("RAYON_NUM_THREADS", "2")
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .expect("the program starts");
    assert!(status.success());
    place.isoflop("table results/small/flex").code(0);
    let row = &place.csv("results/small/flex/cells.csv")[0];
    let told = row.word("environment");
    for setting in [
        "WGPU_ADAPTER_NAME=(set)",
        "CUBECL_AUTOTUNE_LEVEL=minimal",
        "RAYON_NUM_THREADS=2",
    ] {
        assert!(told.contains(setting), "{told}");
    }
    for run in fs::read_dir(place.path("results/small/flex/runs")).unwrap() {
        let text = fs::read_to_string(run.unwrap().path().join("result.json")).unwrap();
        assert!(!text.contains("secret"), "{text}");
    }
}

/// A definition that is edited, or spoiled, while its suite runs changes nothing of that run: a worker that
/// is started in the place of one that died trains what the first was to train.
#[test]
#[cfg(target_os = "linux")]
fn an_edited_definition_changes_no_run_under_way() {
    let place = place();
    place.isoflop("run small.toml --results whole").code(0);
    let coordinator = start(&place, "run small.toml --results edited --workers 1");
    wait_for("logged steps", || under_way(&place, "edited"));
    fs::write(place.path("small.toml"), "spoiled").expect("a definition");
    for worker in workers(Path::new("edited/small/flex")) {
        signal(worker, "KILL");
    }
    let output = coordinator.wait_with_output().expect("its end");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(trained(&place, "edited"), trained(&place, "whole"));
}

/// A log that has lost lines which its checkpoint relies on would leave a hole in the curve: the cell is
/// begun again.
#[test]
#[cfg(target_os = "linux")]
fn a_log_shorter_than_its_checkpoint_is_not_gone_on_from() {
    let suite = SUITE
        .replace("width = [8, 16]", "width = 16")
        .replace("[64_000, 256_000]", "500_000");
    let place = Place::new().with("small.toml", &suite);
    place.isoflop("run small.toml --results whole").code(0);
    let words = "run small.toml --results short --workers 1 --checkpoint 0.05";
    let mut coordinator = start(&place, words);
    wait_for("logged steps", || under_way(&place, "short"));
    sleep(Duration::from_millis(300));
    let working = workers(Path::new("short/small/flex"));
    coordinator.kill().expect("a kill");
    working.iter().for_each(|worker| signal(*worker, "KILL"));
    coordinator.wait().expect("a status");
    let runs = fs::read_dir(place.path("short/small/flex/runs")).expect("runs");
    let run = runs.flatten().next().expect("a run").path();
    let log = run.join("attempt-0001/steps.jsonl");
    assert!(run.join("attempt-0001/checkpoint").exists());
    let text = fs::read_to_string(&log).expect("a log");
    let kept: String = text.split_inclusive('\n').take(2).collect();
    fs::write(&log, kept).expect("a log");
    wait_for("end of the worker", || {
        workers(Path::new("short/small/flex")).is_empty()
    });
    place.isoflop("run small.toml --results short").code(0);
    assert_eq!(trained(&place, "short"), trained(&place, "whole"));
}
