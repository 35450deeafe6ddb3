//! An outcome as `result.json` has it: every field by itself, whatever the status.

use isoflop_suite::{
    Bytes, DocumentLoss, End, Nats, Outcome, Scores, SetScore, Status, TimeSplit, Tokens,
};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
struct OutcomeRecord {
    status: Status,
    reason: Option<String>,
    loss: Option<Nats>,
    loss_se: Option<Nats>,
    train_loss: Option<Nats>,
    #[serde(default)]
    skipped_steps: u64,
    scored_tokens: Tokens,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    documents: Vec<DocumentLoss>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sets: Vec<SetScore>,
    tokens_per_second: Option<f64>,
    seconds: TimeSplit,
    peak_memory: Option<Bytes>,
}

/// For `#[serde(with = "crate::outcome")]`.
pub fn serialize<S: Serializer>(outcome: &Outcome, to: S) -> Result<S::Ok, S::Error> {
    let scores = outcome.end.scores();
    let record = OutcomeRecord {
        status: outcome.end.status(),
        reason: outcome.end.reason().map(str::to_owned),
        loss: scores.map(|it| it.loss),
        loss_se: scores.and_then(|it| it.loss_se),
        train_loss: scores.and_then(|it| it.train_loss),
        skipped_steps: outcome.skipped_steps,
        scored_tokens: scores.map_or(0, |it| it.scored_tokens),
        documents: scores.map_or_else(Vec::new, |it| it.documents.clone()),
        sets: scores.map_or_else(Vec::new, |it| it.sets.clone()),
        tokens_per_second: outcome.tokens_per_second,
        seconds: outcome.seconds,
        peak_memory: outcome.peak_memory,
    };
    record.serialize(to)
}

/// For `#[serde(with = "crate::outcome")]`.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Outcome, D::Error> {
    let record = OutcomeRecord::deserialize(from)?;
    let reason = record.reason.unwrap_or_default();
    let end = match record.status {
        Status::Done => End::Done(Scores {
            loss: record
                .loss
                .ok_or_else(|| D::Error::custom("a run that is done has no loss"))?,
            loss_se: record.loss_se,
            train_loss: record.train_loss,
            scored_tokens: record.scored_tokens,
            documents: record.documents,
            sets: record.sets,
        }),
        Status::Diverged => End::Diverged(reason),
        Status::OutOfMemory => End::OutOfMemory(reason),
        Status::Failed => End::Failed(reason),
        Status::Excluded => End::Excluded(reason),
    };
    Ok(Outcome {
        end,
        tokens_per_second: record.tokens_per_second,
        skipped_steps: record.skipped_steps,
        seconds: record.seconds,
        peak_memory: record.peak_memory,
    })
}
