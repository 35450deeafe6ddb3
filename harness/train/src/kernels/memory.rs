//! The memory of `flex`'s tensors.

use burn::backend::flex::FlexTensor;
use burn::backend::{TensorData, TensorMetadata};
use burn::tensor::Shape;

/// The tensor with its numbers in order, one after the other.
pub fn in_order(tensor: FlexTensor) -> FlexTensor {
    if tensor.as_slice::<f32>().is_some() {
        tensor
    } else {
        tensor.to_contiguous()
    }
}

/// Its numbers.
///
/// # Panics
/// If they are not in order, or no f32.
pub fn numbers(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice::<f32>().expect("f32 in order")
}

/// A tensor of these numbers.
pub fn tensor(values: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// The tensor as one whose memory may be written: its own where nothing else holds it, else a copy.
pub fn writable(tensor_: FlexTensor) -> FlexTensor {
    let tensor_ = in_order(tensor_);
    let whole = tensor_.layout().start_offset() == 0
        && tensor_.storage::<f32>().len() == tensor_.shape().num_elements();
    if whole {
        tensor_
    } else {
        tensor(numbers(&tensor_).to_vec(), tensor_.shape())
    }
}
