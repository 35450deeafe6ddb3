//! Counts by formula against counts made another way.

use isoflop_suite::{FeedForward, Model, TrainingFlops};

fn models() -> Vec<Model> {
    let mut all = Vec::new();
    for (width, depth, head_width, hidden) in
        [(16, 1, 16, 40), (96, 3, 32, 256), (512, 8, 64, 2048)]
    {
        for feed_forward in [
            FeedForward::Swiglu,
            FeedForward::Gelu,
            FeedForward::SquaredRelu,
        ] {
            for (bias, tied_head) in [(false, true), (true, false)] {
                all.push(Model {
                    vocabulary: 256,
                    sequence_length: 64,
                    width,
                    depth,
                    heads: width / head_width,
                    head_width,
                    hidden,
                    feed_forward,
                    bias,
                    tied_head,
                });
            }
        }
    }
    all
}

/// The matrices a forward pass multiplies by, as `[inputs, outputs]`, and all vectors' lengths:
/// the model written out layer by layer.
fn written_out(model: &Model) -> (Vec<[u64; 2]>, Vec<u64>) {
    let (d, h) = (model.width, model.hidden);
    let mut matrices = Vec::new();
    let mut vectors = vec![d];
    for _ in 0..model.depth {
        let mut block = vec![[d, d], [d, d], [d, d], [d, d]];
        if model.feed_forward == FeedForward::Swiglu {
            block.push([d, h]);
        }
        block.extend([[d, h], [h, d]]);
        vectors.extend([d, d]);
        if model.bias {
            vectors.extend(block.iter().map(|[_, outputs]| *outputs));
        }
        matrices.extend(block);
    }
    (matrices, vectors)
}

#[test]
fn parameters_are_those_of_the_model_written_out() {
    for model in models() {
        let (matrices, vectors) = written_out(&model);
        let inner: u64 =
            matrices.iter().map(|[i, o]| i * o).sum::<u64>() + vectors.iter().sum::<u64>();
        let tables = if model.tied_head { 1 } else { 2 };
        let count = model.parameters();
        assert_eq!(count.non_embedding(), inner, "{model:?}");
        assert_eq!(
            count.total(),
            inner + tables * model.vocabulary * model.width,
            "{model:?}"
        );
    }
}

/// GPT-2's smallest model has 124,439,808 parameters; without its table of positions (1024 x 768)
/// and with RMSNorm's gains in place of LayerNorm's gains and shifts (25 x 768 fewer).
#[test]
fn parameters_of_gpt_2() {
    let model = Model {
        vocabulary: 50_257,
        sequence_length: 1024,
        width: 768,
        depth: 12,
        heads: 12,
        head_width: 64,
        hidden: 3072,
        feed_forward: FeedForward::Gelu,
        bias: true,
        tied_head: true,
    };
    assert_eq!(
        model.parameters().total(),
        124_439_808 - 1024 * 768 - 25 * 768
    );
}

/// Multiply-adds counted by going through one sequence, position by position and key by key.
#[test]
fn flops_are_those_of_every_multiply_of_a_sequence() {
    for model in models() {
        let (mut matrices, _) = written_out(&model);
        matrices.push([model.width, model.vocabulary]);
        let of_matrices: u64 = matrices.iter().map(|[i, o]| i * o).sum();
        let (mut full, mut causal) = (0u64, 0u64);
        for position in 0..model.sequence_length {
            for key in 0..model.sequence_length {
                // A score and a share of the values, each head_width multiplies a head.
                let multiplies = 2 * model.depth * model.heads * model.head_width;
                full += multiplies;
                if key <= position {
                    causal += multiplies;
                }
            }
            full += of_matrices;
            causal += of_matrices;
        }
        // Two FLOPs a multiply-add; the backward pass costs twice the forward pass.
        let training = |multiplies: u64| 3.0 * 2.0 * multiplies as f64;
        let flops = TrainingFlops::new(&model, model.sequence_length);
        assert_eq!(flops.matmul_full, training(full), "{model:?}");
        assert_eq!(flops.matmul_causal, training(causal), "{model:?}");
        let tokens = model.sequence_length as f64;
        assert_eq!(
            flops.six_n_total,
            6.0 * model.parameters().total() as f64 * tokens
        );
        assert_eq!(
            flops.six_n_non_embedding,
            6.0 * model.parameters().non_embedding() as f64 * tokens
        );
    }
}
