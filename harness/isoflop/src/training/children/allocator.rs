//! Memory from the system, as ever. A child that is refused some tells its parent before Rust ends
//! it, so that the parent need not read that out of its last words.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;

use super::wire::parent;

/// Memory that a child is refused is told to its parent.
#[global_allocator]
static ALLOCATOR: Telling = Telling;

/// The system's allocator.
struct Telling;

// SAFETY: all of it is the system's allocator; a refusal is told and handed on.
unsafe impl GlobalAlloc for Telling {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        told(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        told(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        told(unsafe { System.realloc(at, layout, size) }, size)
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

fn told(at: *mut u8, size: usize) -> *mut u8 {
    if at.is_null()
        && let Some(mut parent) = parent()
    {
        // Written without any memory of its own: `Message::OutOfMemory`.
        let mut line = [0u8; 64];
        let mut rest = &mut line[..];
        let _ = writeln!(rest, "{{\"message\":\"out-of-memory\",\"bytes\":{size}}}");
        let left = rest.len();
        let _ = parent.write_all(&line[..64 - left]);
    }
    at
}

#[cfg(test)]
mod tests {
    use crate::training::children::Message;

    #[test]
    fn the_line_is_a_message() {
        let line = format!("{{\"message\":\"out-of-memory\",\"bytes\":{}}}", u64::MAX);
        assert!(line.len() < 64);
        let read: Message = serde_json::from_str(&line).unwrap();
        assert!(matches!(read, Message::OutOfMemory { bytes: u64::MAX }));
    }
}
