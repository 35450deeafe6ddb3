//! A decoder-only transformer as people train today: token embedding, pre-norm blocks of causal
//! attention with rotary positions and a feed-forward network, a last norm and a head.

mod attention;
mod feed_forward;
mod initial;
mod rotary;
mod types;

use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::{Embedding, Linear, RmsNorm};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, FloatDType, Int, Tensor};
use isoflop_suite::{Model, Precision};

use attention::Attention;
use feed_forward::FeedForwardBlock;
use initial::Initial;
use rotary::Rotary;
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
        Transformer {
            embedding,
            blocks,
            norm: initial.norm(width),
            head,
            rotary: Rotary::new(
                shape.sequence_length as usize,
                shape.head_width as usize,
                device,
            ),
            types: precision.into(),
        }
    }

    /// Logits of the next token at every position, in f32.
    ///
    /// # Shapes
    /// - tokens: `[batch, sequence]`
    /// - output: `[batch, sequence, vocabulary]`
    pub fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        self.forward_seen(tokens, |_, _| {})
    }

    /// The same, with a look at what each layer hands on: its name and its output.
    pub fn forward_seen(
        &self,
        tokens: Tensor<2, Int>,
        mut see: impl FnMut(String, &Tensor<3>),
    ) -> Tensor<3> {
        let types = self.types;
        let mut x = self.embedding.forward(tokens).cast(types.through);
        see("embedding".to_owned(), &x);
        for (i, block) in self.blocks.iter().enumerate() {
            let normed = types.norm(&block.attention_norm, x.clone());
            let mixed = block.attention.forward(normed, &self.rotary, types);
            see(format!("blocks.{i}.attention"), &mixed);
            x = x + mixed;
            let normed = types.norm(&block.feed_forward_norm, x.clone());
            let fed = block.feed_forward.forward(normed, types);
            see(format!("blocks.{i}.feed_forward"), &fed);
            x = x + fed;
        }
        let x = types.norm(&self.norm, x);
        see("norm".to_owned(), &x);
        let logits = match &self.head {
            Some(head) => types.linear(head, x),
            None => {
                let head = self.embedding.weight.val().cast(types.multiply);
                x.cast(types.multiply).matmul(head.transpose().unsqueeze())
            }
        };
        let logits = logits.cast(FloatDType::F32);
        see("head".to_owned(), &logits);
        logits
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
