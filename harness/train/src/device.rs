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
    /// The processor, through Burn's `flex` backend: the reference that others are checked against.
    Flex,
    /// An adapter of a GPU backend, by its place in the backend's list.
    Adapter(Backend, usize),
}

/// A GPU backend of Burn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
        match self {
            Backend::Wgpu => "wgpu",
            Backend::Vulkan => "vulkan",
            Backend::Cuda => "cuda",
            Backend::Rocm => "rocm",
            Backend::Metal => "metal",
        }
    }

    /// Burn's word for it, where it is in this build.
    fn device_type(self) -> Option<DeviceType> {
        match self {
            Backend::Wgpu => Some(DeviceType::Wgpu),
            #[cfg(feature = "vulkan")]
            Backend::Vulkan => Some(DeviceType::Vulkan),
            #[cfg(feature = "cuda")]
            Backend::Cuda => Some(DeviceType::Cuda),
            #[cfg(feature = "rocm")]
            Backend::Rocm => Some(DeviceType::Rocm),
            #[cfg(feature = "metal")]
            Backend::Metal => Some(DeviceType::Metal),
            #[allow(unreachable_patterns)]
            _ => None,
        }
    }

    /// Whether it is in this build.
    pub fn is_built(self) -> bool {
        self.device_type().is_some()
    }

    /// The backend's devices on this machine. Asking loads its drivers, which may take the process
    /// down.
    pub fn devices(self) -> Vec<DeviceName> {
        let found = self
            .device_type()
            .map_or(0, |it| Device::enumerate(it).len());
        (0..found).map(|i| DeviceName::Adapter(self, i)).collect()
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
    type Error = TrainError;

    fn try_from(name: String) -> Result<Self, TrainError> {
        name.parse()
    }
}

impl FromStr for DeviceName {
    type Err = TrainError;

    fn from_str(name: &str) -> Result<Self, TrainError> {
        let none = |help: String| TrainError::NoDevice {
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
            (_, Some(backend), Ok(index)) if backend.is_built() => {
                Ok(DeviceName::Adapter(backend, index))
            }
            (_, Some(_), Ok(_)) => Err(none(format!(
                "this build has no `{word}`; build it with `--features {word}`"
            ))),
            _ => Err(none(
                "use `flex` for the processor, `wgpu:0` for the first GPU, `auto` for the best that \
                 passes its check; `isoflop devices` lists them"
                    .to_owned(),
            )),
        }
    }
}

/// Opens a device, without autodiff.
///
/// # Errors
/// If the machine has no such device.
pub fn open_device(name: &DeviceName) -> Result<Device, TrainError> {
    let DeviceName::Adapter(backend, index) = name else {
        return Ok(Device::flex());
    };
    let found = backend.device_type().map(Device::enumerate);
    let adapters: Vec<Device> = found.into_iter().flatten().collect();
    let count = adapters.len();
    adapters
        .into_iter()
        .nth(*index)
        .ok_or_else(|| TrainError::NoDevice {
            name: name.to_string(),
            help: format!(
                "{} finds {count} adapters here; `flex` is the processor",
                backend.as_str()
            ),
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
