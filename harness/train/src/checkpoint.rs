//! A run's state between two steps, as bytes: everything that decides how it goes on.

use burn::tensor::Bytes;
use isoflop_suite::{Nats, Seconds};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::TrainError;
use crate::loss_scale::LossScale;

const MAGIC: &[u8] = b"isoflop checkpoint 2\n";
const HASH: usize = 32;

/// Where a run is. Data position, schedule and random state all follow from the step, and the order
/// of data from the cell's seed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// Steps done.
    pub step: u64,
    /// The loss of the first step.
    #[serde(with = "isoflop_suite::number::option")]
    pub first_loss: Option<Nats>,
    /// The mean loss between logged steps.
    pub means: Vec<Mean>,
    /// Sum of the losses since the last logged step, which is in f32.
    #[serde(with = "isoflop_suite::number::option")]
    pub unread: Option<f64>,
    /// The loss scale, where there is one.
    pub loss_scale: Option<LossScale>,
    /// Logged steps in a row whose loss lay above the first one's.
    pub above_start: u64,
    /// Time spent so far.
    pub seconds: Seconds,
    /// Of it, until the first steps were done.
    pub compile: Seconds,
    /// Of it, on reading batches after that.
    pub data: Seconds,
}

/// The mean loss of the steps from one logged step to the next.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    /// The last of them.
    pub step: u64,
    #[serde(with = "isoflop_suite::number")]
    pub loss: Nats,
}

/// A run's state: where it is, the model's parameters and the optimizer's moments.
pub struct Checkpoint {
    pub state: RunState,
    pub model: Bytes,
    pub optimizer: Bytes,
}

impl Checkpoint {
    /// The state as it is written, with a hash at its end.
    pub fn to_bytes(&self) -> Vec<u8> {
        let state = serde_json::to_vec(&self.state).expect("state is plain data");
        let mut bytes = MAGIC.to_vec();
        for part in [&state[..], &self.model, &self.optimizer] {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part);
        }
        let hash = Sha256::digest(&bytes);
        bytes.extend(hash);
        bytes
    }

    /// The state of these bytes.
    ///
    /// # Errors
    /// If they are not a whole checkpoint of this version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TrainError> {
        let refuse = |why: &str| TrainError::Checkpoint(why.to_owned());
        let body = bytes
            .len()
            .checked_sub(HASH)
            .and_then(|end| bytes.get(..end))
            .ok_or_else(|| refuse("it is cut short"))?;
        if !body.starts_with(MAGIC) {
            return Err(refuse("it is of another version"));
        }
        if Sha256::digest(body)[..] != bytes[body.len()..] {
            return Err(refuse("its hash is another one"));
        }
        let mut rest = &body[MAGIC.len()..];
        let mut part = || {
            let (length, after) = rest.split_first_chunk::<8>()?;
            let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
            let part = after.get(..length)?;
            rest = &after[length..];
            Some(part)
        };
        let mut next = || part().ok_or_else(|| refuse("it is cut short"));
        let state = serde_json::from_slice(next()?).map_err(|error| refuse(&error.to_string()))?;
        Ok(Checkpoint {
            state,
            model: Bytes::from_bytes_vec(next()?.to_vec()),
            optimizer: Bytes::from_bytes_vec(next()?.to_vec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            state: RunState {
                step: 7,
                first_loss: Some(3.25),
                means: vec![
                    Mean {
                        step: 1,
                        loss: 3.25,
                    },
                    Mean {
                        step: 7,
                        loss: f64::INFINITY,
                    },
                ],
                unread: Some(0.1 + 0.2),
                loss_scale: LossScale::of(isoflop_suite::Precision::F16),
                above_start: 1,
                seconds: 2.5,
                compile: 1.0,
                data: 0.5,
            },
            model: Bytes::from_bytes_vec(vec![1, 2, 3]),
            optimizer: Bytes::from_bytes_vec(vec![4; 100]),
        }
    }

    #[test]
    fn bytes_keep_everything() {
        let before = checkpoint();
        let after = Checkpoint::from_bytes(&before.to_bytes()).unwrap();
        assert_eq!(after.state, before.state);
        assert_eq!(after.model[..], before.model[..]);
        assert_eq!(after.optimizer[..], before.optimizer[..]);
    }

    #[test]
    fn any_damage_is_found() {
        let whole = checkpoint().to_bytes();
        for cut in 0..whole.len() {
            assert!(
                Checkpoint::from_bytes(&whole[..cut]).is_err(),
                "cut at {cut}"
            );
        }
        for bit in 0..8 * whole.len() {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Checkpoint::from_bytes(&bytes).is_err(), "bit {bit}");
        }
    }
}
