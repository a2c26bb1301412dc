//! Runs one attempt to send something, which blocks.

use std::time::Duration;

use tokio::sync::oneshot;

use super::outcome::DeliveryOutcome;

/// All of an attempt, the channel's own waits added up.
pub(super) const ATTEMPT: Duration = Duration::from_secs(60);

/// Runs it on a thread of its own, not one of the arbiter's: a stop must not wait for a host that is gone. Past `at_most`
/// the attempt counts as unanswered; it ends by the channel's own timeouts.
pub(super) async fn attempt(
    thread: String,
    at_most: Duration,
    send: impl FnOnce() -> DeliveryOutcome + Send + 'static,
) -> DeliveryOutcome {
    let (reply, answer) = oneshot::channel();
    let begun = std::thread::Builder::new().name(thread).spawn(move || {
        // Who no longer waits has stopped; the next start sends it again.
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
