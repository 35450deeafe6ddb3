//! Devices by name: a backend and, where it has several adapters, a number.

use std::fmt;
use std::str::FromStr;

use burn::tensor::{Device, DeviceType};
use serde::{Deserialize, Serialize};

use crate::TrainError;

/// A device's name: `flex`, `wgpu:0`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum DeviceName {
    /// The processor, through Burn's `flex` backend.
    Flex,
    /// An adapter of wgpu, by its place in wgpu's list.
    Wgpu(usize),
}

impl DeviceName {
    /// The name as a folder.
    pub fn slug(&self) -> String {
        self.to_string().replace(':', "-")
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceName::Flex => f.write_str("flex"),
            DeviceName::Wgpu(index) => write!(f, "wgpu:{index}"),
        }
    }
}

impl From<DeviceName> for String {
    fn from(name: DeviceName) -> String {
        name.to_string()
    }
}

impl TryFrom<String> for DeviceName {
    type Error = TrainError;

    fn try_from(name: String) -> Result<Self, TrainError> {
        name.parse()
    }
}

impl FromStr for DeviceName {
    type Err = TrainError;

    fn from_str(name: &str) -> Result<Self, TrainError> {
        let (backend, index) = name.split_once(':').unwrap_or((name, "0"));
        match (backend, index.parse()) {
            ("flex", Ok(0)) => Ok(DeviceName::Flex),
            ("wgpu", Ok(index)) => Ok(DeviceName::Wgpu(index)),
            _ => Err(TrainError::NoDevice {
                name: name.to_owned(),
                help: "use `flex` for the processor, or `wgpu:0` for the first GPU".into(),
            }),
        }
    }
}

/// Opens a device, without autodiff.
///
/// # Errors
/// If the machine has no such device.
pub fn open_device(name: &DeviceName) -> Result<Device, TrainError> {
    match name {
        DeviceName::Flex => Ok(Device::flex()),
        DeviceName::Wgpu(index) => {
            let adapters: Vec<_> = Device::enumerate(DeviceType::Wgpu).into_iter().collect();
            let count = adapters.len();
            adapters
                .into_iter()
                .nth(*index)
                .ok_or_else(|| TrainError::NoDevice {
                    name: name.to_string(),
                    help: format!("wgpu finds {count} adapters here; `flex` is the processor"),
                })
        }
    }
}

/// A device's adapter, as its driver names it; the processor has none.
///
/// # Errors
/// If the machine has no such device.
pub fn adapter(name: &DeviceName) -> Result<Option<String>, TrainError> {
    Ok(match name {
        DeviceName::Flex => None,
        DeviceName::Wgpu(_) => open_device(name)?.identity().map(|identity| identity.name),
    })
}

/// Runs `work` on a pool of `threads` threads of the processor, as one of them.
///
/// Burn's `flex` hands every operation to the pool it is called from. Called from outside, each of
/// the thousands of operations of a step would wake a thread and wait for it.
///
/// # Errors
/// If the threads cannot be started.
pub fn on_threads<T: Send>(
    threads: usize,
    work: impl FnOnce() -> T + Send,
) -> Result<T, TrainError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|error| TrainError::Device(error.to_string()))?;
    Ok(pool.install(work))
}
