//! Products of matrices, by the `gemm` crate.

use std::cell::Cell;

use gemm::Parallelism;

use super::functions::LANES;
use super::lanes::{instruction_set, vectorized};

/// A matrix in memory, with the steps from row to row and from column to column.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    pub values: &'a [f32],
    pub rows: usize,
    pub columns: usize,
    pub strides: [usize; 2],
}

impl<'a> Matrix<'a> {
    /// Rows of so many columns, one after the other.
    pub fn of_rows(values: &'a [f32], columns: usize) -> Self {
        Matrix {
            values,
            rows: values.len() / columns,
            columns,
            strides: [columns, 1],
        }
    }

    pub fn transposed(self) -> Self {
        Matrix {
            rows: self.columns,
            columns: self.rows,
            strides: [self.strides[1], self.strides[0]],
            ..self
        }
    }

    /// The place after its last number: nothing is read from there on.
    fn end(self) -> usize {
        (self.rows - 1) * self.strides[0] + (self.columns - 1) * self.strides[1] + 1
    }

    /// Whether it lies in columns, and is small enough to be in the cache.
    fn is_to_be_turned(self) -> bool {
        let in_columns = self.strides[0] == 1 && self.strides[1] > 1;
        in_columns && self.rows > 1 && self.columns > 1 && self.rows * self.columns <= CACHED
    }

    fn check(self) {
        assert!(self.rows > 0 && self.columns > 0, "a matrix with numbers");
        assert!(self.end() <= self.values.len(), "a matrix in its memory");
    }
}

/// Writes the product of two matrices, or adds it, to one with `step` numbers from row to row. On this thread alone.
///
/// # Panics
/// If the matrices do not fit each other, or reach beyond their memory.
pub fn multiply(a: Matrix, b: Matrix, to: &mut [f32], step: usize, add: bool) {
    let room = step >= b.columns && (a.rows - 1) * step + b.columns <= to.len();
    assert!(room, "room for the product");
    // SAFETY: there is room for it, in memory that is borrowed alone and holds numbers.
    unsafe { product_to(a, b, to.as_mut_ptr(), step, add, Parallelism::None) };
}

/// The product of two matrices, its rows one after the other; on the threads of the pool that this is called from.
///
/// # Panics
/// If the matrices do not fit each other, or reach beyond their memory.
pub fn product(a: Matrix, b: Matrix) -> Vec<f32> {
    products(a, &[b])
}

/// The same by several matrices, one product after the other.
///
/// # Panics
/// If the matrices do not fit each other, or reach beyond their memory.
pub fn products(a: Matrix, by: &[Matrix]) -> Vec<f32> {
    let columns: usize = by.iter().map(|b| b.columns).sum();
    let mut all: Vec<f32> = Vec::with_capacity(a.rows * columns);
    for b in by {
        let count = a.rows * b.columns;
        // SAFETY: there is room for it after those before, and all of it is written, since nothing is added to what is
        // there.
        unsafe {
            let to = all.as_mut_ptr().add(all.len());
            product_to(a, *b, to, b.columns, false, threads());
            all.set_len(all.len() + count);
        }
    }
    all
}

/// Adds the product of two matrices to rows that lie one after the other; on the threads of the pool.
///
/// # Panics
/// If the matrices do not fit each other, or reach beyond their memory.
pub fn add_product(a: Matrix, b: Matrix, to: &mut [f32]) {
    assert_eq!(to.len(), a.rows * b.columns, "room for the product");
    // SAFETY: there is room for it, in memory that is borrowed alone and holds numbers.
    unsafe { product_to(a, b, to.as_mut_ptr(), b.columns, true, threads()) };
}

fn threads() -> Parallelism {
    match rayon::current_num_threads() {
        1 => Parallelism::None,
        more => Parallelism::Rayon(more),
    }
}

/// # Safety
/// `to` is the only way to memory for the product, which holds numbers where these are to be added to.
unsafe fn product_to(
    a: Matrix,
    b: Matrix,
    to: *mut f32,
    step: usize,
    add: bool,
    threads: Parallelism,
) {
    a.check();
    b.check();
    assert_eq!(a.columns, b.rows, "matrices that fit each other");
    let mut copy = COPY.take();
    let b = if b.is_to_be_turned() {
        in_rows(b, &mut copy)
    } else {
        b
    };
    // SAFETY: the assertions hold every index that is read within its slice, and the caller vouches for what is
    // written.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            to,
            1,
            step as isize,
            add,
            a.values.as_ptr(),
            a.strides[1] as isize,
            a.strides[0] as isize,
            b.values.as_ptr(),
            b.strides[1] as isize,
            b.strides[0] as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            threads,
        );
    }
    COPY.set(copy);
}

/// Numbers of a matrix that is turned: one that comes from memory costs as much to turn as `gemm` takes to gather it.
const CACHED: usize = 1 << 16;

thread_local! {
    /// Memory for [`in_rows`], as large as it ever was.
    static COPY: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// A copy of a matrix that lies in columns, row after row. `gemm` would gather its numbers one by one, far from each
/// other.
fn in_rows<'a>(matrix: Matrix, copy: &'a mut Vec<f32>) -> Matrix<'a> {
    let (step, columns) = (matrix.strides[1], matrix.columns);
    let count = matrix.rows * columns;
    if copy.len() < count {
        copy.resize(count, 0.0);
    }
    let copy = &mut copy[..count];
    transpose(instruction_set(), matrix.values, step, copy, columns);
    Matrix::of_rows(copy, columns)
}

vectorized! {
    /// Writes the rows of a matrix whose columns lie `step` apart.
    fn transpose(x: &[f32], step: usize, y: &mut [f32], columns: usize) {
        let rows = y.len() / columns;
        let (whole_rows, whole_columns) = (rows / LANES * LANES, columns / LANES * LANES);
        for row in (0..whole_rows).step_by(LANES) {
            for first in (0..whole_columns).step_by(LANES) {
                let mut tile = [[0f32; LANES]; LANES];
                for (i, column) in tile.iter_mut().enumerate() {
                    column.copy_from_slice(&x[(first + i) * step + row..][..LANES]);
                }
                for j in 0..LANES {
                    let y = &mut y[(row + j) * columns + first..][..LANES];
                    for (y, column) in y.iter_mut().zip(&tile) {
                        *y = column[j];
                    }
                }
            }
        }
        for row in 0..rows {
            let rest = if row < whole_rows { whole_columns } else { 0 };
            for column in rest..columns {
                y[row * columns + column] = x[column * step + row];
            }
        }
    }
}
