//! Devices by name: a backend and, where it has several adapters, a number.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A device's name that names nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no device `{name}`\n  help: {help}")]
pub struct NoDevice {
    /// The name as it was given.
    pub name: String,
    /// What there is.
    pub help: String,
}

/// A device's name: `flex`, `wgpu:0`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum DeviceName {
    /// The processor, through Burn's `flex` backend: the reference that others are checked against.
    Flex,
    /// An adapter of a GPU backend, by its place in the backend's list.
    Adapter(Backend, usize),
}

/// A GPU backend of Burn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Backend {
    /// Any graphics API that wgpu finds, by shaders in WGSL.
    Wgpu,
    /// Vulkan, by shaders in SPIR-V.
    Vulkan,
    /// NVIDIA's CUDA.
    Cuda,
    /// AMD's ROCm.
    Rocm,
    /// Apple's Metal, by shaders in MSL.
    Metal,
}

impl Backend {
    /// Every backend, whether or not it is in this build.
    pub const ALL: [Backend; 5] = [
        Backend::Wgpu,
        Backend::Vulkan,
        Backend::Cuda,
        Backend::Rocm,
        Backend::Metal,
    ];

    /// Its name, and that of the Cargo feature that builds it in.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl DeviceName {
    /// The name as a folder.
    pub fn slug(&self) -> String {
        self.to_string().replace(':', "-")
    }

    /// Whether it computes on the processor, so that several workers share its cores.
    pub fn is_processor(&self) -> bool {
        !matches!(self, DeviceName::Adapter(..))
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceName::Flex => f.pad("flex"),
            DeviceName::Adapter(backend, index) => f.pad(&format!("{}:{index}", backend.as_str())),
        }
    }
}

impl From<DeviceName> for String {
    fn from(name: DeviceName) -> String {
        name.to_string()
    }
}

impl TryFrom<String> for DeviceName {
    type Error = NoDevice;

    fn try_from(name: String) -> Result<Self, NoDevice> {
        name.parse()
    }
}

impl FromStr for DeviceName {
    type Err = NoDevice;

    fn from_str(name: &str) -> Result<Self, NoDevice> {
        let none = |help: String| NoDevice {
            name: name.to_owned(),
            help,
        };
        let (word, rest) = name.split_once(':').unwrap_or((name, "0"));
        if word == "faulty" {
            return Err(none(
                "`isoflop devices --device faulty:gradient` tests the check on a fault made on \
                 purpose; the faults are layer, gradient, nan, leak, die and hang, and no suite \
                 trains on them"
                    .to_owned(),
            ));
        }
        let backend = Backend::ALL.into_iter().find(|it| it.as_str() == word);
        match (word, backend, rest.parse()) {
            ("flex", _, Ok(0)) => Ok(DeviceName::Flex),
            (_, Some(backend), Ok(index)) => Ok(DeviceName::Adapter(backend, index)),
            _ => Err(none(
                "use `flex` for the processor, `wgpu:0` for the first GPU, `auto` for the best that \
                 passes its check; `isoflop devices` lists them"
                    .to_owned(),
            )),
        }
    }
}
