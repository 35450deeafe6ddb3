//! Commands that read, beside one that writes: none is refused.

use std::fs;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::tiny::{self, run};

/// Reads by default.
const SOME: usize = 40;
const READS: usize = 1000;

pub fn try_all() {
    let place = tiny::place();
    let folder = place.path("");
    let ended = run(&folder, "run tiny.toml --workers 1", "");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let flex = folder.join("results/tiny/flex");
    let run = fs::read_dir(flex.join("runs"))
        .expect("runs")
        .flatten()
        .next();
    let cell = run
        .expect("a run")
        .file_name()
        .into_string()
        .expect("an id");
    let excluded = format!("[[exclude]]\ncell = \"{cell}\"\nreason = \"hot\"\n");
    let reads = crate::chosen((0..READS).collect(), SOME).len();
    let done = AtomicBool::new(false);
    let (folder, excluded, done) = (&folder, &excluded, &done);
    let mut refused = None;
    std::thread::scope(|scope| {
        for writer in ["one", "another"] {
            let draft = folder.join(writer);
            let list = flex.join("excluded.toml");
            scope.spawn(move || {
                let mut without = writer == "one";
                while !done.load(Ordering::Relaxed) {
                    // Other tables each time.
                    without = !without;
                    if without {
                        fs::write(&draft, excluded).expect("a list");
                        fs::rename(&draft, &list).expect("a list");
                    } else if let Err(error) = fs::remove_file(&list) {
                        assert_eq!(error.kind(), ErrorKind::NotFound);
                    }
                    let ended = tiny::run_in(folder, writer, "run tiny.toml --workers 1", "");
                    assert!(matches!(ended.code, Some(0 | 3)), "{ended:?}");
                }
            });
        }
        let commands = [
            "fit results/tiny/flex --form power --x tokens --bootstrap 0",
            "table results/tiny/flex",
            "plot results/tiny/flex",
            "status tiny.toml --device flex",
        ];
        for number in 0..reads {
            let ended = tiny::run_in(folder, "reader", commands[number % 4], "");
            let not_all_done = ended.code == Some(3) && number % 4 == 3;
            if ended.code != Some(0) && !not_all_done {
                refused = Some(ended);
                break;
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(refused.is_none(), "{refused:?}");
    println!("{reads} reads beside two writers");
}
