//! What the check is made on: a device, or `flex` with a fault made on purpose, on which the check
//! itself is tested. Suites train on devices alone.

use std::fmt;
use std::str::FromStr;

use isoflop_suite::{DeviceName, NoDevice};
use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// A subject of the check: `wgpu:0`, `faulty:gradient`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Subject {
    /// A device as it is.
    Device(DeviceName),
    /// `flex`, made wrong on purpose.
    Faulty(Fault),
}

impl Subject {
    /// The device that computes.
    pub fn device(&self) -> DeviceName {
        match self {
            Subject::Device(name) => name.clone(),
            Subject::Faulty(_) => DeviceName::Flex,
        }
    }

    /// What is made wrong, where something is.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Subject::Device(_) => None,
            Subject::Faulty(fault) => Some(*fault),
        }
    }

    /// The name as a folder or a file.
    pub fn slug(&self) -> String {
        self.to_string().replace(':', "-")
    }
}

impl From<DeviceName> for Subject {
    fn from(name: DeviceName) -> Self {
        Subject::Device(name)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Device(name) => name.fmt(f),
            Subject::Faulty(fault) => f.pad(&format!("faulty:{}", fault.as_str())),
        }
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> String {
        subject.to_string()
    }
}

impl TryFrom<String> for Subject {
    type Error = NoDevice;

    fn try_from(name: String) -> Result<Self, NoDevice> {
        name.parse()
    }
}

impl FromStr for Subject {
    type Err = NoDevice;

    fn from_str(name: &str) -> Result<Self, NoDevice> {
        let fault = name.strip_prefix("faulty:");
        match fault.and_then(|word| Fault::ALL.into_iter().find(|it| it.as_str() == word)) {
            Some(fault) => Ok(Subject::Faulty(fault)),
            None => name.parse().map(Subject::Device),
        }
    }
}
