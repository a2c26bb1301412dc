//! Key-value changes of state that outlives the process.

/// Change of the stored state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerStateChange {
    /// Sets the value of a key.
    Put(Vec<u8>, Vec<u8>),
    /// Deletes a key.
    Delete(Vec<u8>),
    /// Deletes all keys with a prefix.
    DeleteAll(Vec<u8>),
}
