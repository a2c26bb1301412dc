//! What leaves or enters the daemon in more than one place: the JSON shapes on the broker, in the
//! log, in files and in the answers of commands, and the topics. Field names and their order, and
//! the levels of topics, are the contract's.

mod alarm;
mod alert;
mod home_assistant;
pub mod payload;
mod topics;

pub use alarm::AlarmJson;
pub use alert::{AlertJson, write_alert};
pub use home_assistant::{Component, HomeAssistantTopics, series_id};
pub use topics::{Subject, Topics};
