//! The way in for readings and acknowledgements: a PUBLISH is in the [`Log`] before anything else happens to
//! it, its acknowledgement above all.
//!
//! rmqtt asks whether a message may be published before it keeps it as a retained one, forwards it
//! and acknowledges it (PUBACK, PUBREC), and waits for the answer; meanwhile it does nothing else
//! for that client, and everything for the others.
//!
//! Holds always: a reading that was acknowledged is in the log; while the log takes nothing no
//! reading is acknowledged. What the daemon's own gateway publishes is left out. Never: a client that waits for longer than [`PATIENCE`].

#![expect(clippy::disallowed_methods, reason = "lines are limited by time")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rmqtt::codec::v5::PublishAckReason;
use rmqtt::hook::{Handler, HookResult, Parameter, ReturnType};
use rmqtt::types::{From, FromType, Publish, PublishAclResult, PublishResult};

use super::actor::GATEWAY_USER;
use super::losses::Seldom;
use crate::domain::Ingress;
use crate::ingest::formats::Formats;
use crate::ingest::{Arrival, Log};

/// A client whose reading isn't taken for so long is cut off, and sends it again when it is back.
/// While it waits it gets nothing, what it is sent piles up, and it can't be called away: it must
/// end before rmqtt stops asking its session to make room for a new connection of the same client
/// (5 s), or those that wait would add up.
const PATIENCE: Duration = Duration::from_secs(4);

/// Where readings go that are published to the embedded broker.
#[derive(Clone)]
pub struct PublishHook {
    /// Log that has each message before it is acknowledged.
    pub log: Arc<Log>,
    /// They tell what is to come in.
    pub formats: Formats,
}

impl PublishHook {
    /// False when the intake didn't take it in time.
    async fn take(&self, publish: &Publish) -> bool {
        if !self.formats.decodes(&publish.topic) {
            return true;
        }
        let qos = publish.qos.value();
        let arrival = Arrival::live(Ingress::Embedded, &publish.topic, &publish.payload, qos);
        let taken = self.log.accept_async(&arrival);
        tokio::time::timeout(PATIENCE, taken).await.is_ok()
    }
}

/// Asked about each message of a client. (It isn't asked about superusers' ones, which `access`
/// never makes.)
pub(super) struct Messages {
    hook: PublishHook,
    cuts: Seldom,
}

impl Messages {
    pub(super) fn new(hook: PublishHook) -> Self {
        Self { hook, cuts: Seldom::default() }
    }
}

#[async_trait]
impl Handler for Messages {
    async fn hook(&self, parameter: &Parameter, before: Option<HookResult>) -> ReturnType {
        let Parameter::MessagePublishCheckAcl(session, publish) = parameter else {
            return (true, before);
        };
        // The gateway publishes what the log has already.
        if session.id().username_ref() == GATEWAY_USER || self.hook.take(publish).await {
            return (true, before);
        }
        if let Some(times) = self.cuts.count(Instant::now()) {
            log::warn!(
                target: "vigie::broker",
                "cut off client {:?}, whose reading was not taken in within {PATIENCE:?}: it was not \
                 acknowledged and can be sent again ({times} cut off since the last such line)",
                session.id().client_id,
            );
        }
        // An acknowledgement that says no would make the client drop the message.
        let cut_off = PublishResult::reason_code(PublishAckReason::QuotaExceeded, None, true);
        (false, Some(HookResult::PublishAclResult(PublishAclResult(cut_off))))
    }
}

/// Asked about wills, too, on which there is no acknowledgement to hold back.
pub(super) struct Wills(pub(super) PublishHook);

#[async_trait]
impl Handler for Wills {
    async fn hook(&self, parameter: &Parameter, before: Option<HookResult>) -> ReturnType {
        if let Parameter::MessagePublish(_, from, publish) = parameter
            && is_will(from)
            && !self.0.take(publish).await
        {
            log::warn!(
                target: "vigie::broker",
                "the will of client {:?} was not taken in within {PATIENCE:?}, and is not kept",
                from.client_id,
            );
        }
        (true, before)
    }
}

fn is_will(from: &From) -> bool {
    matches!(from.typ(), FromType::LastWill)
}
