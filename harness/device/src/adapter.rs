//! What a device's adapter and driver say of themselves.

use burn::tensor::{Device, TensorData};
use burn_wgpu::wgpu;
use futures_lite::future::block_on;
use isoflop_machine::{Machine, Memory};
use isoflop_suite::{Backend, Bytes, DeviceName, Precision};
use isoflop_train::{TrainError, Types, open_device};
use serde::{Deserialize, Serialize};

/// What kind of thing computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The processor.
    Processor,
    /// A GPU of its own.
    DiscreteGpu,
    /// A GPU that shares the processor's memory.
    IntegratedGpu,
    /// A GPU lent to a virtual machine.
    VirtualGpu,
    /// A graphics driver that computes on the processor: not a GPU.
    Software,
    /// Unknown.
    Other,
}

impl Kind {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Processor => "processor",
            Kind::DiscreteGpu => "GPU",
            Kind::IntegratedGpu => "integrated GPU",
            Kind::VirtualGpu => "virtual GPU",
            Kind::Software => "software",
            Kind::Other => "unknown",
        }
    }
}

/// What is known of a device before it computes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdapterFacts {
    /// The adapter, as its driver names it.
    pub name: String,
    /// What kind of thing it is.
    pub kind: Kind,
    /// Driver and its version, and the graphics API; the processor has none.
    pub driver: Option<String>,
    /// Memory of the machine, for a device that uses it. No backend tells a GPU's own.
    pub memory: Option<Bytes>,
    /// The largest single buffer, where the driver sets a limit.
    pub largest_buffer: Option<Bytes>,
}

impl AdapterFacts {
    /// Asks a device.
    ///
    /// # Errors
    /// If the machine has no such device.
    pub fn of(name: &DeviceName) -> Result<Self, TrainError> {
        let DeviceName::Adapter(backend, index) = name else {
            return Ok(AdapterFacts {
                name: Machine::here().processor.unwrap_or_default(),
                kind: Kind::Processor,
                driver: None,
                memory: total_memory(),
                largest_buffer: None,
            });
        };
        let identity = open_device(name)?.identity();
        let adapter = identity.map_or_else(String::new, |identity| identity.name);
        Ok(match backend {
            Backend::Wgpu | Backend::Vulkan | Backend::Metal => of_wgpu(*backend, *index, adapter),
            Backend::Cuda | Backend::Rocm => AdapterFacts {
                name: adapter,
                kind: Kind::DiscreteGpu,
                driver: kernel_driver(),
                memory: None,
                largest_buffer: None,
            },
        })
    }
}

/// The facts of an adapter that wgpu knows by this name. Of several alike, the one at the same place.
fn of_wgpu(backend: Backend, index: usize, name: String) -> AdapterFacts {
    let backends = match backend {
        Backend::Vulkan => wgpu::Backends::VULKAN,
        Backend::Metal => wgpu::Backends::METAL,
        _ => wgpu::Backends::PRIMARY,
    };
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let adapters = block_on(instance.enumerate_adapters(backends));
    let of_name: Vec<_> = adapters
        .iter()
        .filter(|adapter| adapter.get_info().name == name)
        .collect();
    let Some(adapter) = of_name.get(index).or(of_name.first()) else {
        return AdapterFacts {
            name,
            kind: Kind::Other,
            driver: None,
            memory: None,
            largest_buffer: None,
        };
    };
    let info = adapter.get_info();
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => Kind::DiscreteGpu,
        wgpu::DeviceType::IntegratedGpu => Kind::IntegratedGpu,
        wgpu::DeviceType::VirtualGpu => Kind::VirtualGpu,
        wgpu::DeviceType::Cpu => Kind::Software,
        wgpu::DeviceType::Other => Kind::Other,
    };
    let shares = matches!(kind, Kind::Software | Kind::IntegratedGpu);
    AdapterFacts {
        name,
        kind,
        driver: Some(format!(
            "{} {} ({:?})",
            info.driver, info.driver_info, info.backend
        )),
        memory: shares.then(total_memory).flatten(),
        largest_buffer: Some(adapter.limits().max_buffer_size),
    }
}

fn total_memory() -> Option<Bytes> {
    Memory::here().map(|memory| memory.total)
}

/// The version of NVIDIA's or AMD's kernel module, where Linux has one loaded.
fn kernel_driver() -> Option<String> {
    ["nvidia", "amdgpu"].into_iter().find_map(|module| {
        let path = format!("/sys/module/{module}/version");
        let version = std::fs::read_to_string(path).ok()?;
        Some(format!("{module} {}", version.trim()))
    })
}

/// Whether a device computes in a precision: it says so, and a small matrix product comes out right.
pub fn computes(device: &Device, precision: Precision) -> bool {
    let types = Types::from(precision);
    if !device.supports_dtype(types.multiply) || !device.supports_dtype(types.through) {
        return false;
    }
    // Whole numbers up to 64: exact in every type.
    let side = 16;
    let values: Vec<f32> = (0..side * side).map(|i| (i % 3) as f32).collect();
    let data = TensorData::new(values.clone(), [side, side]);
    let matrix = burn::tensor::Tensor::<2>::from_data(data, device).cast(types.multiply);
    let product = matrix.clone().matmul(matrix);
    let product = product.cast(burn::tensor::FloatDType::F32);
    let expected = |row: usize, column: usize| -> f32 {
        (0..side)
            .map(|i| values[row * side + i] * values[i * side + column])
            .sum()
    };
    let Ok(found) = product.into_data().try_into_vec::<f32>() else {
        return false;
    };
    (0..side * side).all(|at| found[at] == expected(at / side, at % side))
}
