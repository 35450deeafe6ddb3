//! Files that were compressed, by what they begin with.

use std::io::{self, Read};

use crate::limits::BYTES;

/// What a file holds, unpacked where it is packed, and how it was.
pub fn unpack(bytes: Vec<u8>) -> Result<(Vec<u8>, Option<&'static str>), String> {
    let (name, unpacked) = match bytes[..] {
        [0x1f, 0x8b, ..] => ("gzip", read(flate2::read::MultiGzDecoder::new(&bytes[..]))),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let decoder = zstd::stream::read::Decoder::new(&bytes[..]);
            ("zstd", decoder.and_then(read))
        }
        _ => return Ok((bytes, None)),
    };
    let unpacked = unpacked.map_err(|error| format!("its {name} is damaged: {error}"))?;
    if unpacked.len() as u64 > BYTES {
        return Err(format!(
            "it unpacks to more than {BYTES} bytes, and no more are read"
        ));
    }
    Ok((unpacked, Some(name)))
}

fn read(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
