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
//! theorem 4.2.4). A model that has learnt the language reaches h and cannot pass it.

use std::collections::HashSet;
use std::io::{self, Write};

use isoflop_suite::{GrammarCorpus, Nats, Tokens};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};

use crate::CorpusError;

/// The symbol that ends a word.
const SPACE: u8 = 0;

/// A language, made from its definition.
#[derive(Debug)]
pub struct Grammar {
    letters: u64,
    seed: u64,
    /// A lexicon for each class.
    lexicons: Vec<Lexicon>,
    /// Row c: the distribution of the class that follows c.
    transitions: Vec<Categorical>,
    stationary: Categorical,
}

#[derive(Debug)]
struct Lexicon {
    words: Vec<Vec<u8>>,
    ranks: Categorical,
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

    /// Probabilities in proportion to `1, 2^-s, 3^-s, ...`.
    fn zipf(n: usize, s: f64) -> Vec<f64> {
        (1..=n).map(|rank| (rank as f64).powf(-s)).collect()
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
        if classes == 0 || words < 2 * classes || words > 1 << 22 {
            return refuse(
                "`words` must be from twice the classes to 4194304, and there must be at least one class",
            );
        }
        if !(0.0..=4.0).contains(&zipf) {
            return refuse("`zipf` lies from 0 to 4");
        }
        if definition.tokens == 0 || definition.validation_tokens == 0 {
            return refuse("both parts need tokens");
        }
        let mut rng = ChaCha8Rng::seed_from_u64(definition.seed);
        let mut taken = HashSet::new();
        let per_class = (words / classes) as usize;
        let lexicons = (0..classes)
            .map(|_| Lexicon {
                words: (0..per_class)
                    .map(|rank| spell(rank, letters, &mut taken, &mut rng))
                    .collect(),
                ranks: Categorical::new(Categorical::zipf(per_class, zipf)),
            })
            .collect();
        let transitions: Vec<_> = (0..classes as usize)
            .map(|_| {
                let mut weights = Categorical::zipf(classes as usize, 1.0);
                shuffle(&mut weights, &mut rng);
                Categorical::new(weights)
            })
            .collect();
        let stationary = Categorical::new(stationary(&transitions));
        Ok(Grammar {
            letters,
            seed: definition.seed,
            lexicons,
            transitions,
            stationary,
        })
    }

    /// Symbols of the language: the letters and the space.
    pub fn vocabulary(&self) -> u64 {
        self.letters + 1
    }

    /// Entropy rate in nats per symbol, exact but for rounding.
    pub fn entropy_rate(&self) -> Nats {
        let (mut entropy, mut symbols) = (0.0, 0.0);
        for ((pi, lexicon), next) in self
            .stationary
            .probabilities
            .iter()
            .zip(&self.lexicons)
            .zip(&self.transitions)
        {
            entropy += pi * (next.entropy() + lexicon.ranks.entropy());
            symbols += pi * lexicon.mean_symbols();
        }
        entropy / symbols
    }

    /// Writes `tokens` symbols of text. Texts of different `stream`s are independent.
    ///
    /// # Errors
    /// If the text cannot be written.
    pub fn write(&self, stream: u64, tokens: Tokens, out: &mut impl Write) -> io::Result<()> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        // Stream 0 made the lexicon.
        rng.set_stream(stream + 1);
        let mut class = self.stationary.sample(&mut rng);
        let mut left = tokens as usize;
        while left > 0 {
            let lexicon = &self.lexicons[class];
            let word = &lexicon.words[lexicon.ranks.sample(&mut rng)];
            let end = word.len().min(left);
            out.write_all(&word[..end])?;
            left -= end;
            class = self.transitions[class].sample(&mut rng);
        }
        Ok(())
    }
}

impl Lexicon {
    /// Letters of a word and its space, on average.
    fn mean_symbols(&self) -> f64 {
        let lengths = self.words.iter().map(|word| word.len() as f64);
        lengths
            .zip(&self.ranks.probabilities)
            .map(|(length, p)| length * p)
            .sum()
    }
}

/// A spelling nobody has yet, with its space. Frequent words are short, as in Zipf's law of
/// abbreviation.
fn spell(rank: usize, letters: u64, taken: &mut HashSet<Vec<u8>>, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let shortest = ((rank + 2) as f64).log(letters as f64).ceil() as usize;
    let mut length = shortest + rng.random_range(0..3usize);
    loop {
        // A few tries at one length: where it is crowded, a longer word.
        for _ in 0..8 {
            let letter = |_| rng.random_range(1..=letters) as u8;
            let word: Vec<u8> = (0..length).map(letter).chain([SPACE]).collect();
            if taken.insert(word.clone()) {
                return word;
            }
        }
        length += 1;
    }
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

    /// By the asymptotic equipartition property, the surprise per symbol of a long text is the
    /// entropy rate. The surprise is summed over words as they are read back from the text.
    #[test]
    fn entropy_rate_is_the_surprise_of_a_long_text() {
        for classes in [1, 7] {
            let (_, grammar) = language(classes);
            let mut text = Vec::new();
            grammar.write(5, 2_000_000, &mut text).unwrap();
            let mut of_word = std::collections::HashMap::new();
            for (class, lexicon) in grammar.lexicons.iter().enumerate() {
                for (word, p) in lexicon.words.iter().zip(&lexicon.ranks.probabilities) {
                    of_word.insert(word.clone(), (class, *p));
                }
            }
            let (mut surprise, mut symbols, mut before) = (0.0, 0, None);
            for word in text.split_inclusive(|symbol| *symbol == SPACE) {
                let Some((class, p)) = of_word.get(word) else {
                    continue;
                };
                if let Some(before) = before {
                    let next: &Categorical = &grammar.transitions[before];
                    surprise -= (p * next.probabilities[*class]).ln();
                    symbols += word.len();
                }
                before = Some(*class);
            }
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
        let letters: usize = grammar.lexicons[0].words.iter().map(Vec::len).sum();
        let expected = 200f64.ln() / (letters as f64 / 200.0);
        assert!((grammar.entropy_rate() - expected).abs() < 1e-12);
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
