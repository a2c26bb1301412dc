//! The log: what is written, how often, in which form.

mod limit;

pub use limit::{Admission, LineLimit};
