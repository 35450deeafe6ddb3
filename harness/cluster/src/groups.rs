//! How many elements a suite is given, and what each asks for.

use isoflop_suite::Bytes;
use serde::{Deserialize, Serialize};

/// Elements that train cells of about the same size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// How many elements.
    pub elements: usize,
    /// Cores of each.
    pub cpus: usize,
    /// Memory of each.
    pub memory: Bytes,
}

/// What a user asks for; what is left open follows from the cells.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request {
    /// Elements of all groups together, at most.
    pub elements: Option<usize>,
    /// Cores of each element.
    pub cpus: Option<usize>,
    /// Whether a cell takes a GPU, and with it an element.
    pub gpu: bool,
}

/// Cells that need no more memory than this are not worth elements of another size.
const SMALL: Bytes = 2 << 30;
/// Cells of a group differ in memory by this at most.
const SPREAD: Bytes = 4;
/// What a coordinator takes beside the cells.
const BESIDE: Bytes = 256 << 20;
/// Cores of an element on processors, where nobody says otherwise: few enough to find room between other jobs.
const CPUS: usize = 4;
/// Cores of an element on a GPU: one computes, one prepares.
const CPUS_OF_GPU: usize = 2;
/// Cells that each worker gets, so that starting it is worth it.
const CELLS_EACH: usize = 2;
/// Elements, where nobody says otherwise.
const MOST: usize = 16;

/// Groups for cells that need so much of the machine's memory each, those with the largest cells first. Elements with more
/// memory take small cells too, so that every cell has an element that it fits in.
pub fn groups(cells: &[Bytes], request: Request) -> Vec<Group> {
    let mut cells = cells.to_vec();
    cells.sort_unstable_by(|a, b| b.cmp(a));
    let Some(largest) = cells.first().copied() else {
        return Vec::new();
    };
    let split = cells.partition_point(|it| *it > largest / SPREAD);
    let (large, small) = cells.split_at(if largest > SMALL { split } else { cells.len() });
    let parts: Vec<&[Bytes]> = [large, small]
        .into_iter()
        .filter(|it| !it.is_empty())
        .collect();
    let all = request.elements.unwrap_or(MOST).max(parts.len());
    let mut left = all;
    parts
        .iter()
        .enumerate()
        .map(|(number, part)| {
            let workers = if request.gpu {
                1
            } else {
                request.cpus.unwrap_or(CPUS).min(part.len())
            };
            let cpus = request
                .cpus
                .unwrap_or(if request.gpu { CPUS_OF_GPU } else { workers });
            // As the groups' cells, rounded; each group has one at least.
            let others = parts.len() - number - 1;
            let share = (all * part.len())
                .div_ceil(cells.len())
                .clamp(1, left - others);
            let wanted = match request.elements {
                Some(_) => share.min(part.len()),
                None => share.min(part.len().div_ceil(CELLS_EACH * workers)),
            };
            left -= wanted;
            let together: Bytes = part.iter().take(workers).sum();
            Group {
                elements: wanted,
                cpus,
                memory: together + together / 10 + BESIDE,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: Bytes = 1 << 30;

    #[test]
    fn small_cells_are_one_group() {
        let group = groups(&[GIB / 10; 40], Request::default());
        assert_eq!(group.len(), 1);
        assert_eq!((group[0].elements, group[0].cpus), (5, 4));
        assert!(group[0].memory > 4 * GIB / 10 && group[0].memory < GIB);
    }

    #[test]
    fn cells_that_need_far_more_memory_have_elements_of_their_own() {
        let cells = [vec![40 * GIB, 30 * GIB], vec![GIB; 30]].concat();
        let group = groups(&cells, Request::default());
        assert_eq!(group.len(), 2);
        // Both large cells fit at once in the first, and four small ones in each of the others.
        assert!(group[0].memory > 70 * GIB && group[1].memory < 6 * GIB);
        assert_eq!((group[0].elements, group[0].cpus), (1, 2));
        assert!(group[1].elements > 1);
    }

    #[test]
    fn what_is_asked_for_is_what_there_is() {
        let asked = |elements, cpus, gpu| Request {
            elements,
            cpus,
            gpu,
        };
        let group = groups(&[GIB / 10; 40], asked(Some(7), Some(3), false));
        assert_eq!((group[0].elements, group[0].cpus), (7, 3));
        let group = groups(&[GIB / 10; 3], asked(Some(7), None, true));
        assert_eq!((group[0].elements, group[0].cpus), (3, 2));
        assert_eq!(groups(&[], Request::default()), []);
        for elements in 1..20 {
            let cells = [vec![40 * GIB; 3], vec![GIB; 5]].concat();
            let all: usize = groups(&cells, asked(Some(elements), None, false))
                .iter()
                .map(|it| it.elements)
                .sum();
            assert!(all <= elements.max(2), "{all} of {elements}");
        }
    }
}
