//! Devices as Burn knows them.

use burn::tensor::{Device, DeviceType};
use isoflop_suite::{Backend, DeviceName, NoDevice};

use crate::{TrainError, kernels};

/// Burn's word for a backend, where it is in this build.
fn device_type(backend: Backend) -> Option<DeviceType> {
    match backend {
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

/// Whether a backend is in this build.
pub fn is_built(backend: Backend) -> bool {
    device_type(backend).is_some()
}

/// Refuses a device whose backend is not in this build.
///
/// # Errors
/// If it is not; the error says how to build it.
pub fn require_built(name: &DeviceName) -> Result<(), NoDevice> {
    match name {
        DeviceName::Adapter(backend, _) if !is_built(*backend) => {
            let word = backend.as_str();
            Err(NoDevice {
                name: name.to_string(),
                help: format!("this build has no `{word}`; build it with `--features {word}`"),
            })
        }
        _ => Ok(()),
    }
}

/// Has compiled kernels kept beyond the process, as what tuning found is: a second process begins in seconds. All else
/// of a `cubecl.toml` or `burn.toml`, and of CubeCL's environment variables, is heard as ever.
#[cfg(feature = "persistence")]
fn keep_kernels() {
    use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let mut config = CubeClRuntimeConfig::from_current_dir().override_from_env();
        config.compilation.cache = true;
        CubeClRuntimeConfig::try_set(config);
    });
}

/// All adapters of a backend, in their order.
fn adapters(backend: Backend) -> Vec<Device> {
    #[cfg(feature = "persistence")]
    keep_kernels();
    let found = device_type(backend).map(Device::enumerate);
    found.into_iter().flatten().collect()
}

/// A backend's devices on this machine. Asking loads its drivers, which may take the process down.
pub fn devices_of(backend: Backend) -> Vec<DeviceName> {
    (0..adapters(backend).len())
        .map(|i| DeviceName::Adapter(backend, i))
        .collect()
}

/// The error of an adapter beyond the `count` that its backend finds.
pub fn no_adapter(name: &DeviceName, backend: Backend, count: usize) -> NoDevice {
    NoDevice {
        name: name.to_string(),
        help: format!(
            "{} finds {count} adapters here; `flex` is the processor",
            backend.as_str()
        ),
    }
}

/// Opens a device, without autodiff.
///
/// # Errors
/// If the machine has no such device, or the processor none of the instructions asked for.
pub fn open_device(name: &DeviceName) -> Result<Device, TrainError> {
    let DeviceName::Adapter(backend, index) = name else {
        kernels::asked().map_err(TrainError::Device)?;
        return Ok(Device::flex());
    };
    require_built(name)?;
    let adapters = adapters(*backend);
    let count = adapters.len();
    let opened = adapters.into_iter().nth(*index);
    opened.ok_or_else(|| no_adapter(name, *backend, count).into())
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
