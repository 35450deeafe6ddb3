//! Shards of tokens: bare numbers (nanoGPT, OLMo), with the header of llm.c, or with that of NumPy.

use std::fs::File;
use std::path::Path;

use isoflop_suite::TokenType;
use memmap2::Mmap;

use crate::CorpusError;
use crate::reader::{Document, Reader};
use crate::stream::Width;
use crate::text::TextFile;

/// Where a shard's tokens stand, and what each is kept as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    start: usize,
    dtype: TokenType,
    /// How many there are, where the file says it.
    tokens: Option<u64>,
}

/// Whether a file of a folder is a shard.
pub fn is_shard(path: &Path) -> bool {
    let ending = path.extension().and_then(|it| it.to_str());
    matches!(ending, Some("bin" | "npy"))
}

/// Shows the documents of a shard.
pub fn read(
    file: &TextFile,
    dtype: Option<TokenType>,
    end: u32,
    vocabulary: u64,
    reader: &mut Reader,
) -> Result<(), CorpusError> {
    let wrong = |message: String| CorpusError::Table {
        path: file.path.clone(),
        message,
    };
    let opened = File::open(&file.path).map_err(CorpusError::io(&file.path))?;
    let facts = opened.metadata().map_err(CorpusError::io(&file.path))?;
    if facts.len() == 0 {
        reader.skip("empty", &file.name, None);
        return Ok(());
    }
    // SAFETY: a file that is written to while it is read gives tokens that nobody wrote, as reading it would.
    let map = unsafe { Mmap::map(&opened) }.map_err(CorpusError::io(&file.path))?;
    let usual = if vocabulary > 1 << 16 {
        TokenType::U32
    } else {
        TokenType::U16
    };
    let layout = layout(&map, dtype.unwrap_or(usual)).map_err(wrong)?;
    let is_a_guess = dtype.is_none() && layout.tokens.is_none();
    if is_a_guess && layout.dtype == TokenType::U16 && is_wider(&map) {
        return Err(wrong(
            "every second of its numbers is 0, as of tokens that are kept in four bytes\n  help: say what they are kept in: \
             `dtype = \"u32\"` in [corpus.shards]"
                .to_owned(),
        ));
    }
    let width = bytes(layout.dtype);
    let kept = &map[layout.start..];
    if kept.len() % width != 0
        || layout
            .tokens
            .is_some_and(|it| it != (kept.len() / width) as u64)
    {
        let said = layout.tokens.map_or_else(
            || format!("tokens of {width} bytes"),
            |tokens| format!("{tokens} tokens of {width} bytes, as it says"),
        );
        return Err(wrong(format!(
            "its {} bytes are not {said}\n  help: is the file whole, and is `dtype` in [corpus.shards] what its tokens are kept as?",
            kept.len()
        )));
    }
    let name = file.name.as_str();
    let to = Width::of(vocabulary);
    let mut text = Vec::new();
    let mut first = 1;
    for (position, token) in (1..).zip(kept.chunks_exact(width)) {
        let token = token
            .iter()
            .rev()
            .fold(0, |all, byte| all << 8 | u32::from(*byte));
        if u64::from(token) >= vocabulary {
            return Err(wrong(format!(
                "token {position} is {token}, and the vocabulary has {vocabulary}\n  help: is `dtype` in [corpus.shards] what \
                 its tokens are kept as, and `vocabulary` that of its tokenizer?"
            )));
        }
        if token != end {
            to.push(token, &mut text);
            continue;
        }
        if !text.is_empty() {
            reader.take(Document {
                name,
                row: Some(first),
                text: &text,
            })?;
        }
        text.clear();
        first = position + 1;
    }
    if text.is_empty() {
        return Ok(());
    }
    reader.take(Document {
        name,
        row: Some(first),
        text: &text,
    })
}

/// Whether a file of numbers of two bytes looks like one of more.
fn is_wider(file: &[u8]) -> bool {
    const LOOK: usize = 1 << 14;
    let start = &file[..file.len().min(LOOK)];
    start.len() >= 64
        && start.chunks_exact(4).all(|token| token[2..] == [0, 0])
        && start.chunks_exact(4).any(|token| token[..2] != [0, 0])
}

fn bytes(dtype: TokenType) -> usize {
    match dtype {
        TokenType::U8 => 1,
        TokenType::U16 => 2,
        TokenType::U32 => 4,
    }
}

/// What a file says of its tokens; of one that says nothing, what the definition says.
fn layout(file: &[u8], dtype: TokenType) -> Result<Layout, String> {
    if file.starts_with(b"\x93NUMPY") {
        return of_numpy(file);
    }
    /// Bytes of the header: 256 whole numbers.
    const HEADER: usize = 1024;
    let number = |at: usize| {
        let bytes = file.get(4 * at..4 * at + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    // https://github.com/karpathy/llm.c/blob/master/dev/data/data_common.py: GPT-2's tokens, and Llama 3's.
    let dtype = match (number(0), number(1)) {
        (Some(20_240_520), Some(1)) => TokenType::U16,
        (Some(20_240_801), Some(7)) => TokenType::U32,
        _ => {
            return Ok(Layout {
                start: 0,
                dtype,
                tokens: None,
            });
        }
    };
    if file.len() < HEADER {
        return Err("it ends within its header".to_owned());
    }
    Ok(Layout {
        start: HEADER,
        dtype,
        tokens: number(2).map(u64::from),
    })
}

/// <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>
fn of_numpy(file: &[u8]) -> Result<Layout, String> {
    let damaged = || "its NumPy header is damaged".to_owned();
    let length = match file.get(6) {
        Some(1) => file
            .get(8..10)
            .map(|it| (10, usize::from(it[0]) | usize::from(it[1]) << 8)),
        _ => file
            .get(8..12)
            .and_then(|it| Some((12, u32::from_le_bytes(it.try_into().ok()?) as usize))),
    };
    let (from, length) = length.ok_or_else(damaged)?;
    let start = from + length;
    let header = file.get(from..start).ok_or_else(damaged)?;
    let header = std::str::from_utf8(header).map_err(|_| damaged())?;
    let after = |key: &str| Some(header.split_once(key)?.1.trim_start_matches([' ', ':']));
    let descr = after("'descr'")
        .and_then(|it| it.split('\'').nth(1))
        .ok_or_else(damaged)?;
    let dtype = match descr {
        "|u1" => TokenType::U8,
        "<u2" => TokenType::U16,
        "<u4" | "<i4" => TokenType::U32,
        other => {
            return Err(format!(
                "its numbers are of NumPy's type `{other}`, and tokens are `<u2` or `<u4`"
            ));
        }
    };
    let is_by_columns = after("'fortran_order'").is_some_and(|it| it.starts_with("True"));
    let shape = after("'shape'").and_then(|it| it.strip_prefix('(')?.split(')').next());
    let sizes = shape
        .ok_or_else(damaged)?
        .split(',')
        .map(str::trim)
        .filter(|it| !it.is_empty());
    let sizes: Option<Vec<u64>> = sizes.map(|size| size.parse().ok()).collect();
    let sizes = sizes.ok_or_else(damaged)?;
    if is_by_columns && sizes.iter().filter(|size| **size > 1).count() > 1 {
        return Err("its numbers are kept column by column (`fortran_order`), and tokens are read row by row".to_owned());
    }
    let tokens = sizes
        .iter()
        .try_fold(1u64, |all, size| all.checked_mul(*size));
    Ok(Layout {
        start,
        dtype,
        tokens: Some(tokens.ok_or_else(damaged)?),
    })
}
