//! Which of a table's columns are parameters, tokens, FLOPs and loss: those named by flags, those
//! with a usual name, or what follows from `C = 6 N D`.

mod missing;
mod names;
mod source;
mod units;

use isoflop_ledger::Columns;

pub use missing::NoQuantity;
pub use names::Names;
pub use source::QuantitySource;
use source::quoted;

/// What a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Parameters.
    Parameters,
    /// Training tokens.
    Tokens,
    /// Training FLOPs.
    Flops,
    /// Unique tokens, where tokens repeat.
    UniqueTokens,
    /// Width of the model.
    Width,
    /// Depth of the model.
    Depth,
    /// Validation loss.
    Loss,
}

impl Quantity {
    /// The quantity that a letter in an equation stands for.
    pub(crate) fn of_letter(letter: &str) -> Option<Self> {
        match letter {
            "N" => Some(Quantity::Parameters),
            "D" => Some(Quantity::Tokens),
            "C" => Some(Quantity::Flops),
            "U" => Some(Quantity::UniqueTokens),
            "W" => Some(Quantity::Width),
            "H" => Some(Quantity::Depth),
            _ => None,
        }
    }

    /// The flag that names its column.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Quantity::Parameters => "--n",
            Quantity::Tokens => "--d",
            Quantity::Flops => "--c",
            Quantity::UniqueTokens => "--unique",
            Quantity::Width => "--width",
            Quantity::Depth => "--depth",
            Quantity::Loss => "--loss",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Quantity::Parameters => "parameters",
            Quantity::Tokens => "training tokens",
            Quantity::Flops => "training FLOPs",
            Quantity::UniqueTokens => "unique tokens",
            Quantity::Width => "widths",
            Quantity::Depth => "depths",
            Quantity::Loss => "losses",
        }
    }

    /// Usual names, likeliest first, in small letters and digits alone.
    fn usual(self) -> &'static [&'static str] {
        match self {
            Quantity::Parameters => &[
                "paramstotal",
                "params",
                "parameters",
                "n",
                "nparams",
                "numparams",
                "nparameters",
                "numparameters",
                "modelsize",
                "modelparams",
                "paramcount",
                "parametercount",
                "totalparams",
                "totalparameters",
                "nonembeddingparams",
                "size",
            ],
            Quantity::Tokens => &[
                "tokens",
                "d",
                "trainingtokens",
                "traintokens",
                "ntokens",
                "numtokens",
                "tokensseen",
                "tokenstrained",
                "totaltokens",
                "trainedtokens",
                "tokencount",
                "trainingdata",
                "datasetsize",
                "datasize",
                "data",
                "pretrainingtokens",
                "pretrainingdata",
                "pretrainingdatasize",
            ],
            Quantity::Flops => &[
                "flops6ntotal",
                "flops",
                "c",
                "flop",
                "compute",
                "trainingflops",
                "trainingflop",
                "trainflops",
                "trainflop",
                "totalflops",
                "flopsbudget",
                "budget",
            ],
            Quantity::UniqueTokens => &["uniquetokens", "unique", "u", "tokensunique"],
            Quantity::Width => &[
                "width",
                "dmodel",
                "hiddensize",
                "hiddendim",
                "nembd",
                "modelwidth",
                "w",
            ],
            Quantity::Depth => &["depth", "layers", "nlayers", "numlayers", "nlayer", "h"],
            Quantity::Loss => &[
                "loss",
                "valloss",
                "validationloss",
                "evalloss",
                "testloss",
                "finalloss",
                "crossentropy",
                "nll",
                "l",
                "finalvalloss",
                "finalvalidationloss",
                "finalevalloss",
                "finaltestloss",
                "bpb",
                "valbpb",
                "bpc",
                "valbpc",
            ],
        }
    }

    /// What names of columns that may hold it have in them.
    fn stems(self) -> &'static [&'static str] {
        match self {
            Quantity::Parameters => &["param", "model_size"],
            Quantity::Tokens => &["token", "data_size", "data size"],
            Quantity::Flops => &["flop", "compute"],
            Quantity::UniqueTokens => &["unique"],
            Quantity::Width => &["width", "hidden", "dim", "embd"],
            Quantity::Depth => &["depth", "layer"],
            Quantity::Loss => &["loss", "nll", "bpb", "bpc", "perplex", "ppl"],
        }
    }

    /// The flag that would take a column for it; perplexities by their logarithms.
    pub(crate) fn proposal(self, column: &str) -> String {
        let perplexity = |name: &str| name.contains("ppl") || name.contains("perplex");
        if self == Quantity::Loss && perplexity(&column.to_lowercase()) {
            return format!("`{} \"log({})\"`", self.flag(), quoted(column));
        }
        let spaced = column.contains(char::is_whitespace);
        let quote = if spaced { "\"" } else { "" };
        format!("`{} {quote}{column}{quote}`", self.flag())
    }

    /// Columns whose names sound as if they held it.
    pub(crate) fn sounding(self, columns: &Columns) -> Vec<String> {
        let sounds = |name: &String| {
            let name = name.to_lowercase();
            self.stems().iter().any(|stem| name.contains(stem))
        };
        columns.names().into_iter().filter(sounds).collect()
    }
}
