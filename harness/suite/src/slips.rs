//! What people write who mean one of our words: other programs' names for the same thing.

/// Names that other programs have for ours.
const NAMES: [(&str, &[&str]); 15] = [
    ("learning_rate", &["lr", "rate", "max_lr", "peak_lr"]),
    ("batch", &["batch_size", "bs", "global_batch_size"]),
    ("micro_batch", &["micro_batch_size", "microbatch"]),
    ("depth", &["layers", "n_layer", "n_layers", "num_layers"]),
    (
        "width",
        &["d_model", "n_embd", "hidden_size", "dim", "embed_dim"],
    ),
    ("head_width", &["head_dim", "d_head", "heads", "n_head"]),
    (
        "sequence_length",
        &["seq_len", "seq_length", "block_size", "context_length"],
    ),
    ("feed_forward_ratio", &["mlp_ratio", "ffn_ratio"]),
    (
        "gradient_clip",
        &["grad_clip", "clip_grad", "max_grad_norm"],
    ),
    ("weight_decay", &["wd"]),
    ("precision", &["dtype"]),
    ("f32", &["fp32", "float32", "float", "single"]),
    ("f16", &["fp16", "float16", "half"]),
    ("bf16", &["bfloat16", "brain"]),
    ("mixed-f16", &["amp", "mixed", "mixed-fp16"]),
];

/// Our word for another program's.
pub fn ours(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    let found = NAMES
        .iter()
        .find(|(_, others)| others.contains(&word.as_str()));
    found.map(|(ours, _)| *ours)
}

/// The number that someone means by `1.5M`, `20B`, `300k` or `1,000`, as it is written here.
pub fn number(text: &str) -> Option<String> {
    let digits: String = text
        .chars()
        .filter(|letter| !",_ ".contains(*letter))
        .collect();
    let end = digits.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (mantissa, unit) = digits.split_at(end);
    mantissa.parse::<f64>().ok()?;
    let power = match unit {
        "k" | "K" => 3,
        "m" | "M" => 6,
        "b" | "B" | "g" | "G" => 9,
        "t" | "T" => 12,
        _ => return None,
    };
    Some(format!("{mantissa}e{power}"))
}

/// The known word nearest to a given one, if one is near.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(ours) = ours(given)
        && let Some(found) = known.iter().find(|word| **word == ours)
    {
        return Some(found);
    }
    let (best, distance) = known
        .into_iter()
        .map(|word| (word, strsim::damerau_levenshtein(given, word)))
        .min_by_key(|(_, distance)| *distance)?;
    (distance <= given.len().max(best.len()) / 2).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_programs_words_are_known() {
        assert_eq!(ours("lr"), Some("learning_rate"));
        assert_eq!(ours("FP16"), Some("f16"));
        assert_eq!(
            nearest("lr", ["width", "learning_rate"]),
            Some("learning_rate")
        );
        assert_eq!(nearest("widht", ["width", "depth"]), Some("width"));
        assert_eq!(nearest("colour", ["width", "depth"]), None);
    }

    #[test]
    fn numbers_with_units_are_written_out() {
        assert_eq!(number("1.5M").as_deref(), Some("1.5e6"));
        assert_eq!(number("20 B").as_deref(), Some("20e9"));
        assert_eq!(number("300k").as_deref(), Some("300e3"));
        assert_eq!(number("wide"), None);
        assert_eq!(number("1e6"), None);
    }
}
