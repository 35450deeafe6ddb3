//! A synthetic language with Zipf-like statistics whose entropy rate is known exactly.
//!
//! Word classes follow each other as a Markov chain; a class draws its words by Zipf's law from a
//! lexicon of its own; a word is spelled with letters and ends with a space. Spellings are
//! distinct over all classes and no letter is a space, so text and words determine each other, and
//! so do words and classes. The entropy of the text is therefore that of the words, and per symbol
//!
//! ```text
//! h = sum_c pi_c (H(next class | c) + H(words of c)) / sum_c pi_c E[letters + 1 of c's words]
//! ```
//!
//! with pi the chain's stationary distribution (Cover and Thomas, Elements of Information Theory,
//! theorem 4.2.4). A model that has learnt the language reaches h and cannot pass it. For the same reason the surprise of
//! a text is that of its words: `-ln P(class | class before) - ln P(word | class)` each.
//!
//! No table of words is kept. Words are numbered over all classes by their rank, lengths grow with the number (Zipf's law of
//! abbreviation), and the spelling of a number is where a permutation of all strings of its length takes it: the lexicon can
//! be larger than any text will use.

use std::io::{self, Write};

use isoflop_files::sha256;
use isoflop_suite::{GrammarCorpus, Nats, Tokens};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};

use crate::CorpusError;
use crate::permute::{mix, permute};
use crate::zipf::Zipf;

/// The symbol that ends a word.
const SPACE: u8 = 0;
/// Of the strings of a length one in this many is a word, or a little more where there are few.
const STRINGS_PER_WORD: u64 = 4;
/// Words of a language, at most.
const MOST_WORDS: u64 = 1 << 40;
/// Symbols after which a text ends with the next word.
const TEXT: Tokens = 512;

/// A language, made from its definition.
#[derive(Debug)]
pub struct Grammar {
    letters: u64,
    classes: u64,
    seed: u64,
    /// Ranks of each class's words.
    ranks: Zipf,
    /// Row c: the distribution of the class that follows c.
    transitions: Vec<Categorical>,
    stationary: Categorical,
    /// For each length, the number of its first word and how many words it has.
    lengths: Vec<[u64; 2]>,
}

/// A piece of generated text that is held out as a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// A hash of it.
    pub id: String,
    /// Its symbols.
    pub symbols: Tokens,
    /// What the language itself loses on all of them together.
    pub surprise: Nats,
}

/// A distribution over `0..n`.
#[derive(Debug)]
struct Categorical {
    probabilities: Vec<f64>,
    cumulative: Vec<f64>,
}

impl Categorical {
    fn new(weights: Vec<f64>) -> Self {
        let total: f64 = weights.iter().sum();
        let probabilities: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
        let mut sum = 0.0;
        let cumulative = probabilities
            .iter()
            .map(|p| {
                sum += p;
                sum
            })
            .collect();
        Categorical {
            probabilities,
            cumulative,
        }
    }

    fn entropy(&self) -> Nats {
        -self
            .probabilities
            .iter()
            .filter(|p| **p > 0.0)
            .map(|p| p * p.ln())
            .sum::<f64>()
    }

    fn sample(&self, rng: &mut impl Rng) -> usize {
        let at: f64 = rng.random();
        let index = self.cumulative.partition_point(|sum| *sum <= at);
        index.min(self.cumulative.len() - 1)
    }
}

impl Grammar {
    /// Makes lexicon and chain from the definition's seed.
    ///
    /// # Errors
    /// If the definition has no words, too few letters for them, or fewer words than classes.
    pub fn new(definition: &GrammarCorpus) -> Result<Self, CorpusError> {
        let GrammarCorpus {
            words,
            classes,
            letters,
            zipf,
            ..
        } = *definition;
        let refuse = |message: &str| Err(CorpusError::Grammar(message.to_owned()));
        if !(2..=26).contains(&letters) {
            return refuse("`letters` lies from 2 to 26");
        }
        if classes == 0 || classes > 1 << 12 || words < 2 * classes || words > MOST_WORDS {
            return refuse(
                "`words` must be from twice the classes to 1099511627776, and there must be from 1 to 4096 classes",
            );
        }
        if !(0.0..=4.0).contains(&zipf) {
            return refuse("`zipf` lies from 0 to 4");
        }
        if definition.tokens == 0 || definition.validation_tokens == 0 {
            return refuse("both parts need tokens");
        }
        let mut rng = ChaCha8Rng::seed_from_u64(definition.seed);
        let transitions: Vec<_> = (0..classes)
            .map(|_| {
                let mut weights: Vec<f64> =
                    (1..=classes).map(|rank| (rank as f64).recip()).collect();
                shuffle(&mut weights, &mut rng);
                Categorical::new(weights)
            })
            .collect();
        let stationary = Categorical::new(stationary(&transitions));
        Ok(Grammar {
            letters,
            classes,
            seed: definition.seed,
            ranks: Zipf::new(words / classes, zipf),
            transitions,
            stationary,
            lengths: lengths(letters, words),
        })
    }

    /// Symbols of the language: the letters and the space.
    pub fn vocabulary(&self) -> u64 {
        self.letters + 1
    }

    /// Entropy rate in nats per symbol, exact but for rounding.
    pub fn entropy_rate(&self) -> Nats {
        let words = self.ranks.entropy();
        let (mut entropy, mut symbols) = (0.0, 0.0);
        let classes = self.stationary.probabilities.iter().zip(&self.transitions);
        for (class, (pi, next)) in classes.enumerate() {
            entropy += pi * (next.entropy() + words);
            symbols += pi * self.mean_symbols(class as u64);
        }
        entropy / symbols
    }

    /// Letters of a class's words and their space, on average.
    fn mean_symbols(&self, class: u64) -> f64 {
        // Rank r of the class has the number (r - 1) classes + class.
        let ranks_before = |number: u64| number.saturating_sub(class).div_ceil(self.classes);
        let lengths = (1u64..).zip(&self.lengths);
        lengths
            .map(|(length, [first, count])| {
                let (from, to) = (ranks_before(*first), ranks_before(first + count));
                (length + 1) as f64 * self.ranks.share(from + 1, to)
            })
            .sum()
    }

    /// Appends the letters of a class's word of this rank, and its space.
    fn spell(&self, class: u64, rank: u64, out: &mut Vec<u8>) {
        let number = (rank - 1) * self.classes + class;
        let length = self.lengths.partition_point(|[first, _]| *first <= number);
        let within = number - self.lengths[length - 1][0];
        let strings = self.letters.pow(length as u32);
        let key = mix(self.seed ^ mix(length as u64));
        let mut string = permute(within, strings, key);
        for _ in 0..length {
            out.push(1 + (string % self.letters) as u8);
            string /= self.letters;
        }
        out.push(SPACE);
    }

    /// Writes a space and about `tokens` symbols of text: as many as end with a word. Texts of different `stream`s are
    /// independent. The pieces of it, for a stream that is held out.
    ///
    /// # Errors
    /// If the text cannot be written.
    pub fn write(
        &self,
        stream: u64,
        tokens: Tokens,
        out: &mut impl Write,
    ) -> io::Result<Vec<Text>> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        // Stream 0 made the chain.
        rng.set_stream(stream + 1);
        out.write_all(&[SPACE])?;
        let (mut texts, mut text) = (Vec::new(), Vec::new());
        let (mut surprise, mut written) = (0.0, 0);
        let mut next = &self.stationary;
        while written < tokens {
            let class = next.sample(&mut rng);
            let rank = self.ranks.sample(&mut rng);
            surprise -= next.probabilities[class].ln() + self.ranks.log_probability(rank);
            self.spell(class as u64, rank, &mut text);
            next = &self.transitions[class];
            let symbols = text.len() as Tokens;
            if symbols >= TEXT || written + symbols >= tokens {
                out.write_all(&text)?;
                texts.push(Text {
                    id: sha256(&text)[..12].to_owned(),
                    symbols,
                    surprise,
                });
                written += symbols;
                surprise = 0.0;
                text.clear();
            }
        }
        Ok(texts)
    }
}

/// For each length, the number of its first word and how many words it has, until there are so many.
fn lengths(letters: u64, words: u64) -> Vec<[u64; 2]> {
    let mut all = Vec::new();
    let (mut first, mut strings) = (0, 1u64);
    while first < words {
        strings = strings.saturating_mul(letters);
        let count = (strings / STRINGS_PER_WORD).max(1);
        all.push([first, count]);
        first += count;
    }
    all
}

fn shuffle(weights: &mut [f64], rng: &mut ChaCha8Rng) {
    for i in (1..weights.len()).rev() {
        weights.swap(i, rng.random_range(0..=i));
    }
}

/// The distribution that the chain leaves as it is. Every transition is possible, so it is unique
/// and the powers of the chain reach it.
fn stationary(transitions: &[Categorical]) -> Vec<f64> {
    let n = transitions.len();
    let mut pi = vec![1.0 / n as f64; n];
    for _ in 0..10_000 {
        let mut next = vec![0.0; n];
        for (p, row) in pi.iter().zip(transitions) {
            for (sum, q) in next.iter_mut().zip(&row.probabilities) {
                *sum += p * q;
            }
        }
        let moved: f64 = pi.iter().zip(&next).map(|(a, b)| (a - b).abs()).sum();
        pi = next;
        if moved < 1e-15 {
            break;
        }
    }
    pi
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn language(classes: u64) -> (GrammarCorpus, Grammar) {
        let definition = GrammarCorpus {
            words: 200,
            zipf: 1.1,
            classes,
            letters: 5,
            tokens: 1,
            validation_tokens: 1,
            seed: 3,
        };
        let grammar = Grammar::new(&definition).unwrap();
        (definition, grammar)
    }

    /// Every word by its spelling: its class, and its probability in the class by the definition.
    fn lexicon(grammar: &Grammar, definition: &GrammarCorpus) -> HashMap<Vec<u8>, (usize, f64)> {
        let ranks = definition.words / definition.classes;
        let total: f64 = (1..=ranks).map(|k| (k as f64).powf(-definition.zipf)).sum();
        let mut all = HashMap::new();
        for class in 0..definition.classes {
            for rank in 1..=ranks {
                let mut word = Vec::new();
                grammar.spell(class, rank, &mut word);
                let p = (rank as f64).powf(-definition.zipf) / total;
                let before = all.insert(word, (class as usize, p));
                assert!(before.is_none(), "two words of one spelling");
            }
        }
        all
    }

    /// By the asymptotic equipartition property, the surprise per symbol of a long text is the
    /// entropy rate. The surprise is summed over words as they are read back from the text.
    #[test]
    fn entropy_rate_is_the_surprise_of_a_long_text() {
        for classes in [1, 7] {
            let (definition, grammar) = language(classes);
            let of_word = lexicon(&grammar, &definition);
            let mut text = Vec::new();
            let texts = grammar.write(5, 2_000_000, &mut text).unwrap();
            let (mut surprise, mut before) = (0.0, None::<usize>);
            let mut told = texts.iter();
            let (mut sum, mut end, mut symbols) = (0.0, 0, 0);
            for word in text[1..].split_inclusive(|symbol| *symbol == SPACE) {
                let (class, p) = of_word[word];
                let next =
                    before.map_or(&grammar.stationary, |before| &grammar.transitions[before]);
                let lost = -(p * next.probabilities[class]).ln();
                surprise += lost;
                sum += lost;
                end += word.len() as u64;
                symbols += word.len();
                before = Some(class);
                if end >= TEXT || symbols == text.len() - 1 {
                    // A piece is what was said of it.
                    let piece = told.next().unwrap();
                    assert_eq!(piece.symbols, end);
                    assert!((piece.surprise / sum - 1.0).abs() < 1e-9);
                    (sum, end) = (0.0, 0);
                }
            }
            assert!(told.next().is_none());
            let measured = surprise / symbols as f64;
            let exact = grammar.entropy_rate();
            // Half a million words: the mean is good to a few parts in a thousand.
            assert!((measured / exact - 1.0).abs() < 4e-3, "{measured} {exact}");
        }
    }

    /// One class, words of equal probability: the rate is ln(words) over the mean length.
    #[test]
    fn entropy_rate_of_equal_words() {
        let definition = GrammarCorpus {
            zipf: 0.0,
            ..language(1).0
        };
        let grammar = Grammar::new(&definition).unwrap();
        let symbols: usize = lexicon(&grammar, &definition).keys().map(Vec::len).sum();
        let expected = 200f64.ln() / (symbols as f64 / 200.0);
        assert!((grammar.entropy_rate() - expected).abs() < 1e-12);
    }

    /// A lexicon that no memory would hold: the surprise of its text is its entropy rate.
    #[test]
    fn a_lexicon_may_have_a_billion_words() {
        let definition = GrammarCorpus {
            words: 1 << 30,
            letters: 26,
            ..language(4).0
        };
        let grammar = Grammar::new(&definition).unwrap();
        let texts = grammar.write(0, 4_000_000, &mut io::sink()).unwrap();
        let sums = texts.iter().map(|it| (it.surprise, it.symbols as f64));
        let (lost, symbols) = sums.fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
        let exact = grammar.entropy_rate();
        assert!(
            (lost / symbols / exact - 1.0).abs() < 4e-3,
            "{} {exact}",
            lost / symbols
        );
    }

    #[test]
    fn texts_of_two_streams_differ_and_repeat() {
        let (_, grammar) = language(3);
        let text = |stream| {
            let mut out = Vec::new();
            grammar.write(stream, 1000, &mut out).unwrap();
            out
        };
        assert_eq!(text(0), text(0));
        assert_ne!(text(0), text(1));
    }
}
