//! The first look at all documents: what they share. One thread reads them, and others look at what was read.

use std::mem::take;
use std::sync::mpsc::sync_channel;

use crate::CorpusError;
use crate::documents::Documents;
use crate::groups::{Fingerprint, Groups};
use crate::reader::Skipped;

/// Bytes that are looked at together. A document of more is looked at where it lies.
const AT_ONCE: usize = 4 << 20;

/// What was read.
enum Read {
    Texts(Texts),
    /// What was seen of a large document.
    Large(Fingerprint),
}

/// Documents, one after the other.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    fn each(&self) -> Vec<&[u8]> {
        let mut start = 0;
        let text = |end: &usize| &self.bytes[std::mem::replace(&mut start, *end)..*end];
        self.ends.iter().map(text).collect()
    }
}

/// Documents of about so many bytes, and what they share.
///
/// # Errors
/// If one cannot be read.
pub fn grouped(documents: &Documents, bytes: u64) -> Result<(Groups, Skipped), CorpusError> {
    let (to_look, all) = sync_channel(1);
    let mut groups = Groups::new(bytes);
    let chunk = groups.chunk();
    std::thread::scope(|scope| {
        let looking = scope.spawn(move || {
            for read in all {
                match read {
                    Read::Texts(texts) => groups.add_all(&texts.each()),
                    Read::Large(print) => groups.take(print),
                }
            }
            groups
        });
        let mut texts = Texts::default();
        // It goes on until the last is sent.
        let send = |read| to_look.send(read).expect("somebody looks at it");
        let read = documents.each(|document| {
            let is_large = document.text.len() > AT_ONCE;
            if is_large || texts.bytes.len() + document.text.len() > AT_ONCE {
                send(Read::Texts(take(&mut texts)));
            }
            if is_large {
                send(Read::Large(Fingerprint::of(document.text, chunk)));
                return Ok(());
            }
            texts.bytes.extend_from_slice(document.text);
            texts.ends.push(texts.bytes.len());
            Ok(())
        });
        send(Read::Texts(texts));
        drop(to_look);
        let groups = looking.join().expect("looking at a text does not fail");
        Ok((groups, read?))
    })
}
