//! Text in the encodings that programs write it in.

/// Text, and what had to be guessed of it.
pub struct Text {
    pub text: String,
    pub notes: Vec<String>,
}

/// Decodes a file: UTF-8 or UTF-16, with a mark at its beginning or not; lines that end as on any system.
pub fn decode(bytes: &[u8]) -> Result<Text, String> {
    let mut notes = Vec::new();
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes, &mut notes)?,
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes, &mut notes)?,
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest, &mut notes)?,
        // Letters of our alphabet with a zero byte after each: without its mark.
        [_, 0, _, 0, ..] if looks_like_utf16(bytes) => {
            utf16(bytes, u16::from_le_bytes, &mut notes)?
        }
        _ => utf8(bytes, &mut notes)?,
    };
    if text.contains('\0') {
        return Err("it is no text: it holds zero bytes".to_owned());
    }
    let text = if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text
    };
    Ok(Text { text, notes })
}

fn looks_like_utf16(bytes: &[u8]) -> bool {
    let first = &bytes[..bytes.len().min(512)];
    let pairs = first.chunks_exact(2);
    let letters = pairs.clone().filter(|it| it[1] == 0 && it[0] != 0).count();
    letters * 10 >= pairs.count() * 9
}

fn utf16(
    bytes: &[u8],
    unit: fn([u8; 2]) -> u16,
    notes: &mut Vec<String>,
) -> Result<String, String> {
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|it| unit([it[0], it[1]]))
        .collect();
    notes.push("read as UTF-16".to_owned());
    String::from_utf16(&units).map_err(|_| "it is neither UTF-8 nor UTF-16".to_owned())
}

fn utf8(bytes: &[u8], notes: &mut Vec<String>) -> Result<String, String> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(text.to_owned());
    }
    if bytes[..bytes.len().min(4096)].contains(&0) {
        return Err("it is no text: it holds zero bytes".to_owned());
    }
    notes.push("read as Latin-1: it is not UTF-8".to_owned());
    Ok(bytes.iter().map(|byte| char::from(*byte)).collect())
}
