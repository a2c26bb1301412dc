//! What comes in: from a message as the broker carried it to readings.

pub mod codec;
mod fields;
mod times;
