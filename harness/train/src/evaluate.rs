//! The validation loss: the mean over the tokens of documents held out, document by document.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use isoflop_corpus::{Corpus, HeldOut, TokenStream};
use isoflop_suite::{Cell, DocumentLoss, EvaluationSet, Nats, Tokens};

use crate::model::Transformer;

/// A model's loss on held-out tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Mean loss per scored token.
    pub loss: Nats,
    /// Standard error of the mean, from the spread between documents: tokens of one are not independent. `None` of a
    /// single document.
    pub se: Option<Nats>,
    /// Tokens scored.
    pub tokens: Tokens,
    /// The loss of each document.
    pub documents: Vec<DocumentLoss>,
}

/// Logits that are computed at once, where that is more than a training batch has.
const MOST_LOGITS: usize = 1 << 24;

/// A text to score a model on.
#[derive(Debug, Clone, Copy)]
pub struct Scored<'a> {
    /// Its tokens.
    pub tokens: &'a TokenStream,
    /// Its documents, in their order.
    pub documents: &'a [HeldOut],
    /// The last token scored, by its place.
    pub end: Tokens,
}

impl<'a> Scored<'a> {
    /// The corpus's own documents held out.
    pub fn held_out(cell: &Cell, corpus: &'a Corpus) -> Self {
        Scored {
            tokens: &corpus.validation,
            documents: &corpus.held_out,
            end: cell.evaluation.tokens,
        }
    }

    /// A validation set of the cell.
    pub fn set(set: &EvaluationSet, corpus: &'a Corpus) -> Option<Self> {
        let text = corpus.set(&set.name)?;
        Some(Scored {
            tokens: &text.tokens,
            documents: &text.documents,
            end: set.tokens,
        })
    }
}

impl Scored<'_> {
    /// Bytes of text for each token of the documents scored, or of all where none is scored whole; where that is known.
    pub fn bytes_per_token(self) -> Option<f64> {
        let ratio = |documents: &[HeldOut]| {
            let sums = documents.iter().map(|it| (it.bytes, it.tokens));
            let (bytes, tokens) = sums.fold((0, 0), |all, it| (all.0 + it.0, all.1 + it.1));
            (bytes > 0 && tokens > 0).then(|| bytes as f64 / tokens as f64)
        };
        let is_whole = |it: &&HeldOut| it.start + it.tokens <= self.end + 1;
        let whole = self.documents.iter().take_while(is_whole).count();
        ratio(&self.documents[..whole]).or_else(|| ratio(self.documents))
    }
}

/// Scores a model on a text: every token of its first documents, read in sequences that follow each other; the same for
/// every model of a suite, whatever its sequence length.
pub fn evaluate(model: &Transformer, cell: &Cell, text: Scored, device: &Device) -> Score {
    let model = model.valid();
    let length = cell.model.sequence_length as usize;
    let windows = windows(cell, text);
    let logits = length * cell.model.vocabulary as usize;
    let at_once = (MOST_LOGITS / logits).clamp(1, 8);
    let at_once = at_once.max(cell.training.micro_batch as usize);
    let mut sums = Sums::new(text.documents);
    for windows in windows.chunks(at_once) {
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for window in windows {
            let tokens = |from: usize| {
                let tokens = text.tokens.tokens(from..from + length);
                tokens.map(u32::cast_signed)
            };
            inputs.extend(tokens(window.start));
            targets.extend(tokens(window.start + 1));
        }
        let losses = model.losses(
            tokens(inputs, [windows.len(), length], device),
            tokens(targets, [windows.len(), length], device),
        );
        let losses: Vec<f32> = losses
            .into_data_as::<f32>()
            .try_into_vec()
            .expect("losses are floats");
        for (window, losses) in windows.iter().zip(losses.chunks(length)) {
            for place in window.scored..=window.start + length {
                sums.add(place, losses[place - window.start - 1]);
            }
        }
    }
    sums.score()
}

/// A sequence: its first token, and the first place whose token it scores.
#[derive(Debug, Clone, Copy)]
struct Window {
    start: usize,
    scored: usize,
}

/// Sequences that score every token once, from the first document that has as much context before it. The last of them
/// begins early, so that it ends with the last token.
fn windows(cell: &Cell, text: Scored) -> Vec<Window> {
    let length = cell.model.sequence_length as usize;
    let context = cell.evaluation.context as usize;
    let end = text.end as usize;
    let mut starts = text.documents.iter().map(|it| it.start as usize);
    let first = starts.find(|start| *start > context && *start <= end);
    let mut scored = first.unwrap_or(context + 1);
    let mut windows = Vec::new();
    while scored <= end {
        let start = (scored - 1 - context).min(end - length);
        windows.push(Window { start, scored });
        scored = start + length + 1;
    }
    windows
}

/// Sums of losses by document, of tokens in their order.
struct Sums<'a> {
    documents: &'a [HeldOut],
    /// The document of the next token.
    at: usize,
    sums: Vec<(usize, f64, Tokens)>,
}

impl<'a> Sums<'a> {
    fn new(documents: &'a [HeldOut]) -> Self {
        Sums {
            documents,
            at: 0,
            sums: Vec::new(),
        }
    }

    fn add(&mut self, place: usize, loss: f32) {
        let ends = |document: &HeldOut| (document.start + document.tokens) as usize <= place;
        while self.documents.get(self.at).is_some_and(ends) {
            self.at += 1;
        }
        if self.sums.last().is_none_or(|(at, ..)| *at != self.at) {
            self.sums.push((self.at, 0.0, 0));
        }
        let (_, sum, tokens) = self.sums.last_mut().expect("there is one");
        *sum += f64::from(loss);
        *tokens += 1;
    }

    fn score(self) -> Score {
        let documents = self.sums.iter().filter_map(|(at, sum, tokens)| {
            let document = self.documents.get(*at)?;
            let is_whole = *tokens == document.tokens;
            Some(DocumentLoss {
                id: document.id.clone(),
                tokens: *tokens,
                loss: sum / *tokens as f64,
                oracle_loss: document
                    .oracle
                    .filter(|_| is_whole)
                    .map(|oracle| oracle / *tokens as f64),
            })
        });
        let documents: Vec<DocumentLoss> = documents.collect();
        let sums = self.sums.iter().map(|(_, sum, tokens)| (*sum, *tokens));
        let (sum, tokens) = sums.fold((0.0, 0), |all, it| (all.0 + it.0, all.1 + it.1));
        Score {
            loss: sum / tokens as f64,
            se: DocumentLoss::standard_error(&documents, |it| it.loss),
            tokens,
            documents,
        }
    }
}

/// Token ids on a device.
pub(crate) fn tokens(ids: Vec<i32>, shape: [usize; 2], device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(ids, shape), device)
}
