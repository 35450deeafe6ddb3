//! What this program is built from.

/// Version and, where it is known, commit.
pub const VERSION: &str = env!("ISOFLOP_VERSION");
