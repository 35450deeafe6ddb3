//! Tensors read back from a device.

use burn::tensor::Tensor;

/// The numbers of a tensor, by the layer or parameter it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// The layer's or the parameter's path in the model.
    pub name: String,
    /// In row-major order.
    pub values: Vec<f32>,
    /// Whether weight decay is for it.
    pub matrix: bool,
}

impl Named {
    /// The values as f64.
    pub fn numbers(&self) -> Vec<f64> {
        self.values.iter().map(|x| f64::from(*x)).collect()
    }
}

/// A tensor's numbers, in f32. Waits for the device.
///
/// # Panics
/// If the device has failed.
pub fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor
        .into_data_as::<f32>()
        .try_into_vec()
        .expect("numbers are floats")
}
