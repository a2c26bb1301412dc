//! `vigie receivers test`: one test notification to one receiver, by its own channel, without a daemon.

#![expect(clippy::disallowed_methods, reason = "a test is sent at the time it is asked for")]

use chrono::Utc;

use crate::config::{Config, ReceiverConfig};
pub use crate::notify::ReceiverTestResult;
use crate::notify::send_test_notification;

/// Sends a test notification to the receiver of this name. Blocks for one attempt.
///
/// # Errors
/// If the configuration has no such receiver; names the existing ones.
pub fn test_receiver(config: &Config, name: &str) -> Result<ReceiverTestResult, String> {
    let receiver = config.receivers.iter().find(|receiver| &*receiver.name == name);
    let receiver = receiver.ok_or_else(|| unknown(name, &config.receivers))?;
    let words = config.language.words().notify;
    Ok(actix_rt::System::new().block_on(send_test_notification(receiver, words, Utc::now())))
}

fn unknown(name: &str, receivers: &[ReceiverConfig]) -> String {
    let names: Vec<&str> = receivers.iter().map(|it| &*it.name).collect();
    if names.is_empty() {
        return format!("there is no receiver {name}: the configuration has no [[receivers]]");
    }
    format!("there is no receiver {name}; there is {}", names.join(", "))
}
