//! Scaling laws: forms, fitting, intervals, prediction and allocation. Numbers in, numbers out: no
//! file, no table library and no training framework.
//!
//! ```
//! use isoflop_law::{Form, FitOptions, Table, fit};
//!
//! // Losses of twelve runs, made with a known law: E = 1.7, A = 400, alpha = 0.34, ...
//! let mut table = Table::new(2);
//! for n in [1e7, 1e8, 1e9, 1e10_f64] {
//!     for d in [1e9, 1e10, 1e11_f64] {
//!         table.push(&[n, d], 1.7 + 400.0 * n.powf(-0.34) + 410.0 * d.powf(-0.28));
//!     }
//! }
//!
//! let fit = fit(Form::Chinchilla, &table, &FitOptions::default()).unwrap();
//! assert!(fit.converged);
//! assert!((fit.parameter("alpha").unwrap().value - 0.34).abs() < 1e-6);
//! assert!((fit.predict(&[1e11, 1e12]).loss - 1.95176).abs() < 1e-4);
//! ```

mod allocate;
mod bootstrap;
mod convention;
mod coordinate;
mod declaration;
mod effects;
mod error;
mod fit;
mod form;
mod forms;
mod holdout;
mod huber_step;
mod identification;
mod interval;
mod isoflop;
mod jet;
mod lanes;
mod law;
mod layout;
mod library;
mod local;
mod minimize;
mod misfit;
mod objective;
mod optimum;
mod pins;
mod points;
mod predict;
mod profile;
mod project;
mod ranking;
mod record;
mod rows;
mod search;
mod shared;
mod solved;
mod spread;
mod table;
mod tree;
mod written;

pub use allocate::{Allocation, AllocationExponent, allocate};
pub use convention::Convention;
pub use effects::RandomEffects;
pub use error::LawError;
pub use fit::{Fit, FitOptions, Joint, Parameter, possible};
pub use form::Form;
pub use holdout::{Hidden, Hiding, Holdout, holdout};
pub use identification::Identification;
pub use isoflop::{
    Approach, BestTokens, Bias, Isoflop, Method, Minimum, NoApproach, Refused, isoflop,
};
pub use library::{Meaning, Published, library};
pub use misfit::{LackOfFit, Pattern};
pub use objective::Objective;
pub use predict::{Prediction, average};
pub use ranking::{Ranked, Ranking, rank};
pub use record::{FitRecord, HoldoutRecord, IsoflopRecord, Provenance, Record};
pub use shared::fit_together;
pub use solved::fit;
pub use table::{Point, Table};
pub use written::{Equation, Written};
