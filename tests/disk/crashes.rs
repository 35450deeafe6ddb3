//! The power is cut at every call that changes the disk, and the machine comes up with what was synced and
//! a random part of what was not: the same command gives the undisturbed results.

use crate::chosen;
use crate::journal::{self, Entry, What};
use crate::remembered::Remembered;
use crate::support::Place;
use crate::tiny::{self, run, trained};
use crate::trouble::Trouble;

/// Disks that remember differently, tried at each call.
const SEEDS: u64 = 5;
/// Of all power cuts, those tried by default.
const SOME: usize = 40;

/// The calls of a suite whose cells are taken over in the middle, from processes that died, and its folder; `None` where
/// these ended every cell that they had begun before they saw that they were to stop.
fn recorded() -> Option<(Place, Vec<Entry>)> {
    let place = tiny::place();
    let words = "run tiny.toml --workers 2 --checkpoint 0.03 --lease 2";
    let journal = place.path("journal");
    let trouble = serde_json::to_string(&Trouble::Write(journal.clone())).expect("plain data");
    tiny::killed(&place.path(""), words, &trouble);
    let ended = run(&place.path(""), words, &trouble);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let calls = journal::read(&journal);
    let taken_over =
        |call: &Entry| matches!(&call.what, What::Rename { to } if to.ends_with("attempt-0002"));
    calls.iter().any(taken_over).then_some((place, calls))
}

/// Suites that are killed until one leaves a cell to be taken over.
const TRIES: usize = 20;

pub fn try_all() {
    let recorded = (0..TRIES).find_map(|_| recorded());
    let (place, calls) = recorded.expect("a cell is taken over");
    let whole = trained(&place);
    let changing: Vec<usize> = (0..calls.len())
        .filter(|at| calls[*at].done && calls[*at].what.changes())
        .collect();
    let all = changing
        .iter()
        .flat_map(|at| (0..SEEDS).map(|seed| (*at, seed)))
        .collect();
    let cuts: Vec<(usize, u64)> = chosen(all, SOME);
    let root = place.path("");
    crate::at_once(&cuts, |(at, seed)| {
        let mut disk = Remembered::new(&root);
        calls[..=*at].iter().for_each(|call| disk.call(call));
        let cut = Place::new().with("tiny.toml", tiny::SUITE);
        disk.cut(*seed, &cut.path(""));
        let of = format!("after call {at} of {:?}, seed {seed}", calls[*at].path);
        let ended = run(&cut.path(""), "run tiny.toml --workers 1", "");
        assert_eq!(ended.code, Some(0), "{of}: {ended:?}");
        assert_eq!(trained(&cut), whole, "{of}");
    });
    println!(
        "{} of {} power cuts in the life of a suite of {} calls, {} of which change the disk",
        cuts.len(),
        changing.len() * SEEDS as usize,
        calls.len(),
        changing.len()
    );
}
