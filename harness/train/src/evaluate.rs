//! The validation loss: a mean over a fixed set of held-out tokens, with its standard error.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use isoflop_corpus::{TokenStream, Windows};
use isoflop_suite::{Cell, Nats, Tokens};

use crate::model::Transformer;

/// A model's loss on held-out tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Mean loss per scored token.
    pub loss: Nats,
    /// Standard error of the mean. Tokens of one sequence are not independent, so it is taken from
    /// the spread of the sequences' means.
    pub se: Nats,
    /// Tokens scored.
    pub tokens: Tokens,
}

/// Scores a model on the cell's evaluation: sequences at equal distances over the whole validation
/// part, the same for every model of a sequence length.
pub fn evaluate(
    model: &Transformer,
    cell: &Cell,
    validation: &TokenStream,
    device: &Device,
) -> Score {
    let model = model.valid();
    let length = cell.model.sequence_length as usize;
    let context = cell.evaluation.context as usize;
    let windows = Windows::new(validation, length, 0);
    let sequences = cell.evaluation.sequences.min(windows.count());
    let at_once = cell.training.micro_batch.max(8);
    let mut means = Vec::with_capacity(sequences as usize);
    let mut next = 0;
    while next < sequences {
        let end = (next + at_once).min(sequences);
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for i in next..end {
            let window = i * windows.count() / sequences;
            windows.read(validation, window, &mut inputs, &mut targets);
        }
        let rows = (end - next) as usize;
        let losses = model.losses(
            tokens(inputs, [rows, length], device),
            tokens(targets, [rows, length], device),
        );
        let losses: Vec<f32> = losses
            .into_data_as::<f32>()
            .try_into_vec()
            .expect("losses are floats");
        means.extend(losses.chunks(length).map(|row| {
            let scored = &row[context..];
            scored.iter().map(|loss| f64::from(*loss)).sum::<f64>() / scored.len() as f64
        }));
        next = end;
    }
    let n = means.len() as f64;
    let loss = means.iter().sum::<f64>() / n;
    let variance = means.iter().map(|mean| (mean - loss).powi(2)).sum::<f64>() / (n - 1.0);
    Score {
        loss,
        se: (variance / n).sqrt(),
        tokens: sequences * (length - context) as u64,
    }
}

/// Token ids on a device.
pub(crate) fn tokens(ids: Vec<i32>, shape: [usize; 2], device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(ids, shape), device)
}
