//! `--requests FILE.csv`: one row per attempt.

use super::output::reason;
use crate::engine::AttemptRow;
use crate::model::Scenario;
use anyhow::Context;
use std::fs::File;
use std::path::Path;

const HEADER: [&str; 9] =
    ["replication", "workload", "request", "attempt", "time_ns", "outcome", "limit", "reservation", "charge"];

/// Writes attempts as they come.
#[derive(Debug)]
pub(super) struct RequestsFile<'a> {
    writer: csv::Writer<File>,
    scenario: &'a Scenario,
    error: Option<csv::Error>,
}

impl<'a> RequestsFile<'a> {
    /// Makes the file and writes its header.
    pub(super) fn create(path: &Path, scenario: &'a Scenario) -> anyhow::Result<RequestsFile<'a>> {
        let file = File::create(path)
            .map_err(|error| anyhow::anyhow!("cannot write `{}`: {}", path.display(), reason(&error)))?;
        let mut writer = csv::Writer::from_writer(file);
        writer.write_record(HEADER)?;
        Ok(RequestsFile { writer, scenario, error: None })
    }

    /// Writes one attempt; the first error is kept for [`finish`](Self::finish).
    pub(super) fn write(&mut self, replication: u32, row: &AttemptRow) {
        if self.error.is_some() {
            return;
        }
        let record = (
            replication,
            &self.scenario.workloads[row.workload].name,
            row.request,
            row.attempt,
            row.at.0,
            row.outcome.key(),
            row.limit.map_or("", |limit| limit.key()),
            row.reservation,
            row.charge,
        );
        self.error = self.writer.serialize(record).err();
    }

    /// Flushes the file; what went wrong while writing comes out here.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        if let Some(error) = self.error {
            return Err(error).context("cannot write the requests file");
        }
        self.writer.flush().context("cannot write the requests file")
    }
}
