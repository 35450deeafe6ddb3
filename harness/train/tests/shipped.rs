//! Every cell of every suite that ships: the model built has the parameters the formula says.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use isoflop_suite::{CorpusFacts, Definition, Plan, Precision};
use isoflop_train::Transformer;

#[test]
fn models_have_the_parameters_the_formula_says() {
    let experiments = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let mut shapes = Vec::new();
    for entry in fs::read_dir(experiments).unwrap() {
        let definition = Definition::read(&entry.unwrap().path()).unwrap();
        let corpus = CorpusFacts {
            sets: Vec::new(),
            sha256: String::new(),
            tokenizer: definition.corpus.tokenizer(),
            vocabulary: definition
                .corpus
                .grammar
                .as_ref()
                .map_or(256, |grammar| grammar.letters + 1),
            train_tokens: u64::MAX / 4,
            validation_tokens: u64::MAX / 4,
            bytes_per_token: Some(1.0),
            held_out: vec![1 << 14; 60],
        };
        for planned in Plan::new(&definition, &corpus).unwrap().cells {
            if !shapes.contains(&planned.cell.model) {
                shapes.push(planned.cell.model);
            }
        }
    }
    assert!(shapes.len() > 10);
    for shape in shapes {
        let model = Transformer::new(&shape, 0, Precision::F32, &Device::flex());
        assert_eq!(model.parameters(), shape.parameters().total(), "{shape:?}");
    }
}
