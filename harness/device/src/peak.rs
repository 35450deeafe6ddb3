//! How fast a device multiplies matrices and copies memory at best, by Burn's own kernels.

use std::time::Instant;

use burn::tensor::{Device, FloatDType, Tensor};
use isoflop_suite::{Bytes, Flops, Precision, Seconds};
use isoflop_train::{TrainError, Types};

/// A measurement this long is long enough, and larger ones would not be faster.
const LONG: Seconds = 0.03;
/// The best of so many repetitions counts.
const REPEATS: usize = 5;
const SMALLEST_SIDE: usize = 256;
const LARGEST_SIDE: usize = 8192;
const FEWEST_NUMBERS: usize = 1 << 20;
const MOST_NUMBERS: usize = 1 << 27;

/// FLOPs per second of square matrix products in a precision, the best over sizes.
///
/// # Errors
/// If the device fails.
pub fn multiply_peak(device: &Device, precision: Precision) -> Result<Flops, TrainError> {
    let multiply = Types::from(precision).multiply;
    let mut best = 0.0f64;
    let mut side = SMALLEST_SIDE;
    while side <= LARGEST_SIDE {
        let matrix = varied(device, [side, side]).cast(multiply);
        let seconds = shortest(device, || matrix.clone().matmul(matrix.clone()))?;
        best = best.max(2.0 * (side as f64).powi(3) / seconds);
        if seconds > LONG {
            break;
        }
        side *= 2;
    }
    Ok(best)
}

/// Bytes per second read and written by the scaling of a long vector, the best over lengths.
///
/// # Errors
/// If the device fails.
pub fn copy_peak(device: &Device) -> Result<f64, TrainError> {
    let mut best = 0.0f64;
    let mut length = FEWEST_NUMBERS;
    while length <= MOST_NUMBERS {
        let vector = varied(device, [1, length]);
        let seconds = shortest(device, || vector.clone().mul_scalar(1.5))?;
        let bytes: Bytes = 2 * 4 * length as u64;
        best = best.max(bytes as f64 / seconds);
        if seconds > LONG {
            break;
        }
        length *= 2;
    }
    Ok(best)
}

/// Numbers around one, made on the device.
fn varied(device: &Device, shape: [usize; 2]) -> Tensor<2> {
    Tensor::<2>::ones(shape, device).cast(FloatDType::F32)
}

/// The shortest time of a few repetitions, after one that compiles and tunes.
fn shortest(device: &Device, work: impl Fn() -> Tensor<2>) -> Result<Seconds, TrainError> {
    let timed = || -> Result<Seconds, TrainError> {
        let begin = Instant::now();
        // A result that nobody holds any more need not be computed.
        let result = work();
        let done = device.sync();
        let seconds = begin.elapsed().as_secs_f64();
        drop(result);
        done.map_err(|error| TrainError::Device(format!("{error:?}")))?;
        Ok(seconds)
    };
    timed()?;
    let mut shortest = f64::INFINITY;
    for _ in 0..REPEATS {
        shortest = shortest.min(timed()?);
    }
    Ok(shortest)
}
