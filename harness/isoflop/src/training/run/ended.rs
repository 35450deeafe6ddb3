//! Which cells of a suite have ended: in its own folder, or in that of another suite.

use std::collections::HashMap;
use std::path::Path;

use isoflop_files::{entries, exists};
use isoflop_ledger::{CellRecord, Leases, SuiteFolder};
use isoflop_suite::{CellId, End, PlannedCell, Status};

use super::{Job, Part};
use crate::show::{count, say};

impl Job<'_> {
    /// How every cell ended that has ended: in this folder, or in that of another suite of the same
    /// results, from which it is taken over.
    pub fn ended(&self, results: &Path) -> anyhow::Result<HashMap<CellId, Status>> {
        let excluded = self.folder.exclusions(self.suite.plan.ids())?;
        let others = self.others(results)?;
        let mut leases = self.leases();
        let (mut ends, mut taken_over) = (HashMap::new(), 0);
        for planned in &self.suite.plan.cells {
            if let Some(reason) = excluded.reason(&planned.id) {
                // A cell that was never trained has its end in the table as well.
                if self.folder.status(&planned.id)?.is_none() {
                    self.publish_end(&planned.id, End::Excluded(reason.to_owned()))?;
                }
                ends.insert(planned.id.clone(), Status::Excluded);
                continue;
            }
            let mut end = self.end(planned)?;
            let elsewhere = end.is_none() && !self.again.contains(&planned.id);
            if elsewhere && self.take_over(planned, &others, &mut leases)? {
                taken_over += 1;
                end = Some(Status::Done);
            }
            end.map(|end| ends.insert(planned.id.clone(), end));
        }
        if taken_over > 0 {
            let name = &self.suite.definition.name;
            say!(
                "{name}: {} of other suites' results taken over",
                count(taken_over, "cell")
            );
        }
        Ok(ends)
    }

    /// The folders of other suites' results on the same device.
    fn others(&self, results: &Path) -> anyhow::Result<Vec<SuiteFolder>> {
        let mut found = Vec::new();
        for suite in entries(results)? {
            let folder = suite.join(self.suite.device.slug());
            if folder != self.folder.path() && exists(&folder.join("runs"))? {
                found.push(SuiteFolder::new(folder));
            }
        }
        Ok(found)
    }

    /// Takes a cell's finished run over from the first folder that has one.
    fn take_over(
        &self,
        planned: &PlannedCell,
        others: &[SuiteFolder],
        leases: &mut Leases,
    ) -> anyhow::Result<bool> {
        let record = CellRecord::new(planned.cell.clone(), planned.flops_budget);
        let retry = &self.suite.definition.retry;
        for other in others {
            match self.folder.adopt(other, &record, retry, leases) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                // It can be trained as well.
                Err(error) => say!("not taken over: {error}"),
            }
        }
        Ok(false)
    }

    /// How a cell has ended, where that stands. An end that the definition tries again is forgotten:
    /// a user's `run` has its tries before it.
    fn end(&self, planned: &PlannedCell) -> anyhow::Result<Option<Status>> {
        let Some(result) = self.folder.result(&planned.id)? else {
            return Ok(None);
        };
        self.folder.tidy(&result);
        let status = result.status();
        let retry = &self.suite.definition.retry;
        let stands = match self.part {
            Part::Whole => retry.times(status) == 0,
            // Elements come and go: the tries of all of them count.
            Part::Free | Part::Rest => !retry.again(status, result.tries),
        };
        if stands && status != Status::Excluded {
            return Ok(Some(status));
        }
        if self.part != Part::Whole && status != Status::Excluded {
            return Ok(None);
        }
        self.folder.forget(&result)?;
        Ok(None)
    }
}
