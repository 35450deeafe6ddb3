//! Why a fit is refused.

/// A fit that cannot be made from these data.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LawError {
    /// Fewer points than the form has parameters, and one to judge it by.
    #[error(
        "{points} points are too few for `{form}`, which has {parameters} parameters; {needed} are the least"
    )]
    TooFew {
        /// Usable points.
        points: usize,
        /// The form's name.
        form: &'static str,
        /// Its parameters.
        parameters: usize,
        /// Points needed.
        needed: usize,
    },
    /// A variable that does not vary cannot have a law.
    #[error("{variable} takes {distinct} distinct values, and an exponent needs at least {needed}")]
    NotVaried {
        /// The variable.
        variable: &'static str,
        /// Its distinct values.
        distinct: usize,
        /// Values needed.
        needed: usize,
    },
    /// No start led to a minimum.
    #[error("no start of `{form}` led to a minimum")]
    NoMinimum {
        /// The form's name.
        form: &'static str,
    },
    /// A law in which data and parameters do not trade against each other.
    #[error(
        "`{form}` says nothing about how to share compute between parameters and data; fit `chinchilla`"
    )]
    NoAllocation {
        /// The form's name.
        form: &'static str,
    },
    /// A name that is no form's.
    #[error("there is no form `{0}`; the forms are power, offset, chinchilla")]
    NoForm(String),
}
