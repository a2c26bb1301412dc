//! The commands, one file each.

pub mod alerts;
mod history;
pub mod readings;

pub use history::{CommandError, until_ctrl_c};
