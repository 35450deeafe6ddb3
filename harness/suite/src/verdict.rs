//! What is to be thought of a device.

use serde::{Deserialize, Serialize};

/// What the check says of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Verdict {
    /// It trained as the reference did.
    Trusted,
    /// It did not.
    Untrusted,
    /// It was not asked.
    Untested,
}

impl Verdict {
    /// The word for it in tables.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
