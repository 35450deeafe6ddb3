//! A decoder-only transformer as people train today: token embedding, pre-norm blocks of causal
//! attention with rotary positions and a feed-forward network, a last norm and a head.

mod attention;
mod feed_forward;
mod initial;
mod rotary;
mod types;

use std::sync::Arc;

use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::{Embedding, Linear, RmsNorm};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, FloatDType, Int, Tensor, module};
use isoflop_suite::{Model, Precision};

use crate::kernels::{self, Head, Turns};

use attention::{Attention, Positions};
use feed_forward::FeedForwardBlock;
use initial::Initial;
use rotary::{BASE, Rotary};
pub use types::Types;

/// A transformer on a device.
#[derive(Module, Debug)]
pub struct Transformer {
    embedding: Embedding,
    blocks: Vec<Block>,
    norm: RmsNorm,
    head: Option<Linear>,
    rotary: Rotary,
    #[module(skip)]
    types: Types,
    /// The turns of the fused operations, where the model is computed by these.
    #[module(skip)]
    fused: Option<Arc<Turns>>,
}

#[derive(Module, Debug)]
struct Block {
    attention_norm: RmsNorm,
    attention: Attention,
    feed_forward_norm: RmsNorm,
    feed_forward: FeedForwardBlock,
}

impl Transformer {
    /// Builds the model with the initial weights of `seed`: the same numbers on every device.
    pub fn new(shape: &Model, seed: u64, precision: Precision, device: &Device) -> Self {
        let mut initial = Initial::new(seed, device);
        let (width, vocabulary) = (shape.width as usize, shape.vocabulary as usize);
        let embedding = Embedding {
            weight: initial.matrix([vocabulary, width], initial::fan_in(width)),
        };
        let blocks = (0..shape.depth)
            .map(|_| Block {
                attention_norm: initial.norm(width),
                attention: Attention::new(shape, &mut initial),
                feed_forward_norm: initial.norm(width),
                feed_forward: FeedForwardBlock::new(shape, &mut initial),
            })
            .collect();
        let head = (!shape.tied_head).then(|| Linear {
            weight: initial.matrix([width, vocabulary], initial::fan_in(width)),
            bias: None,
        });
        let (sequence, head_width) = (shape.sequence_length as usize, shape.head_width as usize);
        let fuses = precision == Precision::F32 && kernels::are_for(device);
        Transformer {
            embedding,
            blocks,
            norm: initial.norm(width),
            head,
            rotary: Rotary::new(sequence, head_width, device),
            types: precision.into(),
            fused: fuses.then(|| Arc::new(Turns::new(sequence, head_width, BASE))),
        }
    }

    /// The model with a fault in the fused attention, which the check of a device is to find: its heads are turned by
    /// their positions a thousandth too far.
    pub fn turned_too_far(mut self) -> Self {
        self.fused = self.fused.map(|turns| Arc::new(turns.stretched(1.001)));
        self
    }

    /// The model computed by Burn's own operations, on every device.
    pub fn plain(mut self) -> Self {
        self.fused = None;
        self
    }

    /// Whether the model is computed by the fused operations.
    pub(crate) fn is_fused(&self) -> bool {
        self.fused.is_some()
    }

    /// Logits of the next token at every position, in f32.
    ///
    /// # Shapes
    /// - tokens: `[batch, sequence]`
    /// - output: `[batch, sequence, vocabulary]`
    pub fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        self.forward_seen(tokens, |_, _| {})
    }

    /// The same, with a look at what flows on from each layer: its name and its output.
    pub fn forward_seen(
        &self,
        tokens: Tensor<2, Int>,
        mut see: impl FnMut(String, &Tensor<3>),
    ) -> Tensor<3> {
        let [batch, sequence] = tokens.dims();
        let x = self.hidden(tokens, &mut see);
        let logits = match &self.head {
            Some(head) => self.types.linear(head, x),
            None => {
                let head = self.embedding.weight.val().cast(self.types.multiply);
                module::linear(x.cast(self.types.multiply), head.transpose(), None)
            }
        };
        let vocabulary = logits.dims()[2];
        let logits = logits
            .cast(FloatDType::F32)
            .reshape([batch, sequence, vocabulary]);
        see("head".to_owned(), &logits);
        logits
    }

    /// Cross-entropy of each target, in nats, of a model that is not trained any more: it may have no gradient.
    ///
    /// # Shapes
    /// - tokens, targets, output: `[batch, sequence]`
    pub fn losses(&self, tokens: Tensor<2, Int>, targets: Tensor<2, Int>) -> Tensor<2> {
        if self.fused.is_none() {
            return cross_entropy(self.forward(tokens), targets);
        }
        let x = self.unfolded(self.hidden(tokens, &mut |_, _| {}), &targets);
        kernels::losses(x, self.weights_of_head(), targets)
    }

    /// The mean cross-entropy of the targets, in nats.
    ///
    /// # Shapes
    /// - tokens, targets: `[batch, sequence]`; output: `[1]`
    pub fn mean_loss(&self, tokens: Tensor<2, Int>, targets: Tensor<2, Int>) -> Tensor<1> {
        if self.fused.is_none() {
            return cross_entropy(self.forward(tokens), targets).mean();
        }
        let x = self.unfolded(self.hidden(tokens, &mut |_, _| {}), &targets);
        kernels::mean_loss(x, self.weights_of_head(), targets)
    }

    fn weights_of_head(&self) -> Head {
        match &self.head {
            Some(head) => Head::Linear(head.weight.val()),
            None => Head::Embedding(self.embedding.weight.val()),
        }
    }

    fn unfolded(&self, x: Tensor<3>, targets: &Tensor<2, Int>) -> Tensor<3> {
        let [batch, sequence] = targets.dims();
        let width = x.dims()[2];
        x.reshape([batch, sequence, width])
    }

    /// What the last norm hands to the head. The rows of all sequences are those of one matrix: as a batch of
    /// matrices, Burn's `flex` would multiply them one by one.
    ///
    /// # Shapes
    /// - tokens: `[batch, sequence]`; output: `[1, batch * sequence, width]`
    fn hidden(
        &self,
        tokens: Tensor<2, Int>,
        see: &mut impl FnMut(String, &Tensor<3>),
    ) -> Tensor<3> {
        let types = self.types;
        let [batch, sequence] = tokens.dims();
        let norm = |layer: &RmsNorm, x: Tensor<3>, flows_past: bool| match self.fused {
            Some(_) => kernels::norm(x, layer.gamma.val(), layer.epsilon, flows_past),
            None => types.norm(layer, x),
        };
        let embedded = self.embedding.forward(tokens).cast(types.through);
        let width = embedded.dims()[2];
        let mut x = embedded.reshape([1, batch * sequence, width]);
        see("embedding".to_owned(), &x);
        for (i, block) in self.blocks.iter().enumerate() {
            let normed = norm(&block.attention_norm, x.clone(), true);
            let turns = Positions {
                rotary: &self.rotary,
                fused: self.fused.as_ref(),
            };
            let attention = &block.attention;
            x = attention.forward(x, normed, [batch, sequence], turns, types);
            see(format!("blocks.{i}.attention"), &x);
            let normed = norm(&block.feed_forward_norm, x.clone(), true);
            let fused = self.fused.is_some();
            x = block.feed_forward.forward(x, normed, fused, types);
            see(format!("blocks.{i}.feed_forward"), &x);
        }
        let x = norm(&self.norm, x, false);
        see("norm".to_owned(), &x);
        x
    }

    /// Trainable numbers of the module, counted on its tensors.
    pub fn parameters(&self) -> u64 {
        struct Count(u64);
        impl ModuleVisitor for Count {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                self.0 += param.shape().num_elements() as u64;
            }
        }
        let mut count = Count(0);
        self.visit(&mut count);
        count.0
    }
}

/// Cross-entropy of each target, in nats.
///
/// # Shapes
/// - logits: `[batch, sequence, vocabulary]`
/// - targets, output: `[batch, sequence]`
pub fn cross_entropy(logits: Tensor<3>, targets: Tensor<2, Int>) -> Tensor<2> {
    let log_probabilities = log_softmax(logits, 2);
    log_probabilities
        .gather(2, targets.unsqueeze_dim::<3>(2))
        .squeeze_dim::<2>(2)
        .neg()
}
