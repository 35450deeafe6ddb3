//! Why a fit is refused.

/// A fit that cannot be made from these data.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LawError {
    /// What is to be a law cannot be read as one.
    #[error("{0}")]
    NoEquation(String),
    /// Bounds or starts for a form whose own are built in.
    #[error("bounds and starts are for laws that are written as an equation; `{0}` has its own")]
    BuiltIn(&'static str),
    /// Huber's function of losses for a form that predicts their logarithms.
    #[error(
        "`huber` is for laws that are written as an equation; `{0}` is fitted by the logarithms of losses: `huber-log`"
    )]
    OfLogarithms(&'static str),
    /// A table whose losses are kept for other residuals than the objective's.
    #[error("the table's losses are not kept as `{0}` needs them")]
    OtherResiduals(&'static str),
    /// Bounds of which the lower is not below the upper, or that hold no number.
    #[error("no number lies between the bounds of `{0}`")]
    NoRoom(String),
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
    /// Fewer points than a group has parameters of its own.
    #[error("{points} points are too few for a group, which has {own} parameters of its own")]
    TooFewOfGroup {
        /// Usable points.
        points: usize,
        /// Parameters that are not shared.
        own: usize,
    },
    /// A shared parameter that means something else in each group.
    #[error(
        "`{name}` is measured by `{with}`, so groups that share it share that as well: add `{with}` to the shared"
    )]
    SharedAlone {
        /// The parameter.
        name: String,
        /// What it depends on.
        with: &'static str,
    },
    /// A variable that does not vary cannot have a law.
    #[error("{variable} takes {distinct} distinct values, and `{form}` needs at least {needed}")]
    NotVaried {
        /// The variable.
        variable: &'static str,
        /// The form's name.
        form: &'static str,
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
    /// Huber's function needs a bend above zero.
    #[error("delta must be a finite number above zero, and it is {0}")]
    BadDelta(f64),
    /// Standard errors for some points only.
    #[error("{known} of {points} points have a standard error: give all of them one, or none")]
    SomeErrors {
        /// Points with a standard error.
        known: usize,
        /// Points.
        points: usize,
    },
    /// Standard errors whose squares cannot be computed with.
    #[error("the standard errors are too large, too small or too different to weigh points by")]
    UselessErrors,
    /// More points hidden than can be spared.
    #[error("hiding {hidden} of {points} {what} leaves too few to fit")]
    TooManyHidden {
        /// Points to hide.
        hidden: usize,
        /// Points, or groups.
        points: usize,
        /// Which of them.
        what: &'static str,
    },
    /// A law whose parameters are beyond the numbers there are.
    #[error(
        "`{form}` fitted to the other runs has no number for the hidden ones: its parameters run away"
    )]
    SaysNothing {
        /// The form's name.
        form: &'static str,
    },
    /// No slice of equal compute has a minimum to read off.
    #[error("{0}")]
    NoSlices(String),
    /// Runs whose FLOPs are neighbours by chance.
    #[error(
        "this is no design of equal compute: the FLOPs of {runs} of {of} runs lie about as near to those of other \
         budgets as to each other; fit `chinchilla`, which needs no slices"
    )]
    NoDesign {
        /// Runs in no slice.
        runs: usize,
        /// Runs.
        of: usize,
    },
    /// A law in which data and parameters do not trade against each other.
    #[error(
        "`{form}` says nothing about how to share compute between parameters and data; fit `chinchilla` or `kaplan`"
    )]
    NoAllocation {
        /// The form's name.
        form: &'static str,
    },
    /// A law that does not fall with N and D has no best share of them.
    #[error(
        "the law does not fall with both N and D, or not with FLOPs so counted: no share is best"
    )]
    NoOptimum,
    /// A fixed parameter that the form does not have.
    #[error("`{form}` has no parameter `{name}`; its parameters are {}", parameters.join(", "))]
    NoParameter {
        /// The name as it was given.
        name: String,
        /// The form's name.
        form: &'static str,
        /// Its parameters.
        parameters: &'static [&'static str],
    },
    /// A fixed parameter with a value that it cannot have.
    #[error("`{0}` cannot have the value given for it")]
    NoValue(String),
    /// A parameter fixed more than once.
    #[error("`{0}` is fixed more than once")]
    FixedTwice(String),
    /// A best model outside of those whose FLOPs were counted.
    #[error(
        "the best N by {convention} lies outside of the models whose FLOPs it counts, {} to {} parameters",
        counted[0].round(), counted[1].round()
    )]
    NotCounted {
        /// The way of counting FLOPs.
        convention: String,
        /// Smallest and largest N counted.
        counted: [f64; 2],
    },
    /// A name that is no form's.
    #[error(
        "there is no form `{0}`; the forms are power, offset, shifted, saturating, broken, chinchilla, kaplan, data-constrained, width-depth and isoflop, `isoflop laws` lists more, and an equation is written as `loss = E + A*N^-alpha`"
    )]
    NoForm(String),
}
