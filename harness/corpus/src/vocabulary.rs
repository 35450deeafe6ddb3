//! Tokenizers: byte pairs of a text, or what somebody has.

use std::io::Write;
use std::path::Path;

use isoflop_files::write_atomically;
use rayon::prelude::*;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, models::TrainerWrapper};

use crate::part::{Encoded, PartFile, finish};
use crate::stream::{Coding, Width};
use crate::{CorpusError, HeldOut, TokenStream};

/// Text that a vocabulary is trained on, at most: more changes hardly any of its merges.
const TRAINED_ON: usize = 64 << 20;
/// Text that is encoded at once.
const AT_ONCE: usize = 8 << 20;
/// What ends a document in vocabularies that are trained here, and in most of others.
const ENDS: [&str; 6] = [
    "<|endoftext|>",
    "<|end_of_text|>",
    "</s>",
    "<eos>",
    "<|im_end|>",
    "[SEP]",
];

/// The file of a tokenizer beside its tokens.
const KEPT: &str = "tokenizer.json";

/// The byte that ends a document's text.
const END: u8 = Coding::TEXT.end as u8;

/// A tokenizer, and the token that ends a document.
pub struct Vocabulary {
    tokenizer: tokenizers::Tokenizer,
    end: u32,
    size: u64,
}

impl Vocabulary {
    /// Writes both parts as tokens, from their texts, of which every document ends with [`END`].
    ///
    /// # Errors
    /// If the tokenizer refuses a text, or the disk does.
    pub fn encode(
        &self,
        folder: &Path,
        train: &TokenStream,
        validation: &TokenStream,
        mut held_out: Vec<HeldOut>,
    ) -> Result<Encoded, CorpusError> {
        self.keep(folder)?;
        let (mut of_train, mut of_validation) = (
            PartFile::new(folder, "train")?,
            PartFile::new(folder, "validation")?,
        );
        self.write(train.bytes(), &mut of_train, folder)?;
        let lengths = self.write(validation.bytes(), &mut of_validation, folder)?;
        let mut start = 1;
        for (document, tokens) in held_out.iter_mut().zip(lengths) {
            (document.start, document.tokens) = (start, tokens);
            start += tokens;
        }
        Ok(Encoded {
            sha256: finish(folder, of_train, of_validation)?,
            vocabulary: self.size,
            held_out,
        })
    }

    /// Byte pairs (Sennrich et al. 2016, arXiv:1508.07909) of bytes, as GPT-2 has them.
    ///
    /// # Errors
    /// If they cannot be trained.
    pub fn trained(text: &[u8], size: u64) -> Result<Self, CorpusError> {
        let refused = |error: tokenizers::Error| CorpusError::Tokenizer(error.to_string());
        let mut tokenizer = tokenizers::Tokenizer::new(BPE::default());
        let bytes = ByteLevel::new(false, true, true);
        tokenizer.with_pre_tokenizer(Some(bytes));
        tokenizer.with_decoder(Some(bytes));
        let trainer = BpeTrainer::builder()
            .vocab_size(size as usize)
            .show_progress(false)
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .special_tokens(vec![AddedToken::from(ENDS[0], true)])
            .build();
        let mut trainer: TrainerWrapper = trainer.into();
        let text = &text[..text.len().min(TRAINED_ON)];
        let documents = text.split(|byte| *byte == END).map(String::from_utf8_lossy);
        tokenizer.train(&mut trainer, documents).map_err(refused)?;
        // A text may hold the words that end a document, and means them.
        tokenizer.set_encode_special_tokens(true);
        Self::of(tokenizer)
    }

    /// The byte pairs of a corpus that is prepared in this folder.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn trained_before(folder: &Path) -> Result<Self, CorpusError> {
        let mut vocabulary = Self::read(&folder.join(KEPT))?;
        // The file does not say it.
        vocabulary.tokenizer.set_encode_special_tokens(true);
        Ok(vocabulary)
    }

    fn of(tokenizer: tokenizers::Tokenizer) -> Result<Self, CorpusError> {
        let all = tokenizer.get_vocab(true);
        let known = all.values().max().map_or(0, |last| u64::from(*last) + 1);
        let end = ENDS.iter().find_map(|end| tokenizer.token_to_id(end));
        // One that has none gets one.
        Ok(Vocabulary {
            end: end.unwrap_or(known as u32),
            size: known + u64::from(end.is_none()),
            tokenizer,
        })
    }

    /// A `tokenizer.json`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(path: &Path) -> Result<Self, CorpusError> {
        let refused = |error: tokenizers::Error| {
            CorpusError::Tokenizer(format!("{}: {error}", path.display()))
        };
        let mut tokenizer = tokenizers::Tokenizer::from_file(path).map_err(refused)?;
        // What a model's input is cut or filled to is no part of a text.
        tokenizer.with_truncation(None).map_err(refused)?;
        tokenizer.with_padding(None);
        Self::of(tokenizer)
    }

    /// The token that ends a document.
    pub fn end(&self) -> u32 {
        self.end
    }

    /// How many tokens there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of the text that tokens stand for; special ones stand for none.
    ///
    /// # Errors
    /// If the tokenizer refuses them.
    pub fn text_bytes(&self, tokens: &[u32]) -> Result<u64, CorpusError> {
        let text = self.tokenizer.decode(tokens, true);
        let text = text.map_err(|error| CorpusError::Tokenizer(error.to_string()))?;
        Ok(text.len() as u64)
    }

    /// Keeps the tokenizer beside the tokens.
    fn keep(&self, folder: &Path) -> Result<(), CorpusError> {
        let refused = |error: tokenizers::Error| CorpusError::Tokenizer(error.to_string());
        let text = self.tokenizer.to_string(true).map_err(refused)?;
        Ok(write_atomically(&folder.join(KEPT), text.as_bytes())?)
    }

    /// Writes the tokens of a text: the end, and every document with its end. How many tokens each document has.
    fn write(
        &self,
        text: &[u8],
        to: &mut PartFile,
        folder: &Path,
    ) -> Result<Vec<u64>, CorpusError> {
        let width = Width::of(self.size);
        let mut lengths = Vec::new();
        let mut bytes = Vec::new();
        width.push(self.end, &mut bytes);
        to.write_all(&bytes).map_err(CorpusError::io(folder))?;
        bytes.clear();
        let mut documents = text[1..].split_inclusive(|byte| *byte == END).peekable();
        while documents.peek().is_some() {
            let mut together = 0;
            let mut batch: Vec<&[u8]> = Vec::new();
            while together < AT_ONCE
                && let Some(document) = documents.next()
            {
                together += document.len();
                batch.push(&document[..document.len() - 1]);
            }
            let encoded: Vec<Vec<u32>> = batch
                .par_iter()
                .map(|document| self.ids(document))
                .collect::<Result<_, CorpusError>>()?;
            for tokens in encoded {
                lengths.push(tokens.len() as u64 + 1);
                for token in tokens.into_iter().chain([self.end]) {
                    width.push(token, &mut bytes);
                }
            }
            to.write_all(&bytes).map_err(CorpusError::io(folder))?;
            bytes.clear();
        }
        Ok(lengths)
    }

    fn ids(&self, document: &[u8]) -> Result<Vec<u32>, CorpusError> {
        let text = std::str::from_utf8(document).expect("what is no UTF-8 is no document");
        let encoded = self.tokenizer.encode_fast(text, false);
        let encoded = encoded.map_err(|error| CorpusError::Tokenizer(error.to_string()))?;
        Ok(encoded.get_ids().to_vec())
    }
}
