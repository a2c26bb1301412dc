//! The JSON shapes that leave the daemon in more than one place: on the broker, in the log, in
//! files and in the answers of commands. Field names and their order are the contract's.

mod alert;

pub use alert::AlertJson;
