//! Runs one blocking attempt to send a notification.

use std::time::Duration;

use tokio::sync::oneshot;

use super::outcome::DeliveryOutcome;

/// Timeout of an attempt; exceeds the sum of the channel's own timeouts.
pub(super) const ATTEMPT: Duration = Duration::from_secs(60);

/// Runs `send` on a thread of its own, not of the arbiter's, so that a stop doesn't wait for an
/// unreachable host. After `at_most` the attempt counts as unanswered; its thread ends by the
/// channel's own timeouts.
pub(super) async fn attempt(
    thread: String,
    at_most: Duration,
    send: impl FnOnce() -> DeliveryOutcome + Send + 'static,
) -> DeliveryOutcome {
    let (reply, answer) = oneshot::channel();
    let begun = std::thread::Builder::new().name(thread).spawn(move || {
        // The actor has stopped; the next start sends it again.
        let _ = reply.send(send());
    });
    if let Err(error) = begun {
        return DeliveryOutcome::Unreachable { why: format!("no thread to send from: {error}") };
    }
    let why = match tokio::time::timeout(at_most, answer).await {
        Ok(Ok(outcome)) => return outcome,
        Ok(Err(_)) => "the attempt panicked; please report it".to_owned(),
        Err(_) => format!("the attempt took more than {} s", at_most.as_secs()),
    };
    DeliveryOutcome::Unreachable { why }
}
