//! Products of matrices, by the `gemm` crate.

use gemm::Parallelism;

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
    let count = a.rows * b.columns;
    let mut product = Vec::with_capacity(count);
    // SAFETY: there is room for it, and all of it is written, since nothing is added to what is there.
    unsafe {
        product_to(a, b, product.as_mut_ptr(), b.columns, false, threads());
        product.set_len(count);
    }
    product
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
}
