//! External formats used in more than one place: JSON shapes (broker, log, files, command output) and topics. Field
//! names, their order and the topic levels are fixed by the contract.

mod alarm;
mod alert;
mod home_assistant;
pub mod payload;
mod topics;

pub use alarm::AlarmJson;
pub use alert::{AlertJson, write_alert};
pub use home_assistant::{Component, HomeAssistantTopics, series_id};
pub use topics::{Subject, Topics};
