//! Hands messages to sessions, and sessions from one connection to the next, losing nothing.
//!
//! rmqtt's own hand-over (seen in tests, `tests/reconnects.rs`) drops what is published while a client
//! comes back, repeats unacknowledged messages last first, puts live messages before older queued
//! ones, and forgets the whole session when the new connection dies at once. Hence this layer over
//! its shared state: from the moment a session is called in until its new connection owns it,
//! messages for it wait here; and what the session had is put into the new one's queue before it runs.
//!
//! Holds always: a message that a session with its subscription should get is in exactly one place;
//! messages of one sender keep their order.
//! Never: a wait for a client; only the hand-over itself waits, a moment, for the old connection's task.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use async_trait::async_trait;
use rmqtt::context::ServerContext;
use rmqtt::session::Session;
use rmqtt::shared::{DefaultShared, Entry, RetainLoadCallback, Shared};
use rmqtt::types::{
    ClientId, ForwardedCount, ForwardedRecipients, From, Id, Message, MessageQueueType, MsgID,
    NodeId, Publish, Reason, SessionStatus, SubRelation, SubRelations, SubRelationsMap,
    SubsSearchParams, SubsSearchResult, To, TopicFilter,
};

use super::handover::Handover;
use super::limits::MAX_QUEUED;

/// A message with the client it came from.
pub(super) type Letter = (From, Publish);

/// A message that could not be handed on, to whom, and why.
pub(super) type Undelivered = (To, From, Publish, Reason);

/// rmqtt's shared state, with hand-overs that lose nothing. Cheap to clone.
#[derive(Clone)]
pub(super) struct Sessions {
    inner: DefaultShared,
    pub(super) context: ServerContext,
    arriving: Arc<RwLock<HashMap<ClientId, Mutex<Vec<Letter>>>>>,
}

impl Sessions {
    pub(super) fn new(context: ServerContext) -> Self {
        let inner = DefaultShared::new(Some(context.clone()));
        Self { inner, context, arriving: Arc::default() }
    }

    /// From now on messages for this client wait here. What was handed on before is in front of
    /// anything the caller sends to the client's session next.
    pub(super) fn hold(&self, client: &ClientId) {
        let mut arriving = self.arriving.write().unwrap_or_else(PoisonError::into_inner);
        arriving.entry(client.clone()).or_default();
    }

    /// Messages go to the client's session again; what waited meanwhile is the caller's to place.
    pub(super) fn let_go(&self, client: &ClientId) -> Vec<Letter> {
        let mut arriving = self.arriving.write().unwrap_or_else(PoisonError::into_inner);
        let waiting = arriving.remove(client).unwrap_or_default();
        waiting.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a message to a client's session.
    pub(super) fn hand(
        &self,
        client: &ClientId,
        (from, publish): Letter,
    ) -> Result<(), Box<Undelivered>> {
        // Held until the message is on its way, so that it can't slip in behind a hand-over.
        let arriving = self.arriving.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = arriving.get(client) {
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.len() >= MAX_QUEUED {
                let to = To::from(0, client.clone());
                return Err(Box::new((to, from, publish, Reason::MessageQueueFull)));
            }
            waiting.push((from, publish));
            return Ok(());
        }
        let Some((sender, to)) = self.inner.tx(client) else {
            let to = To::from(0, client.clone());
            return Err(Box::new((to, from, publish, Reason::from_static("no such session"))));
        };
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "its type is another library's"
        )]
        let sent = sender
            .unbounded_send(Message::Forward(from, publish))
            .map_err(|error| error.into_inner());
        match sent {
            Err(Message::Forward(from, publish)) => self.keep_for_stray(to, (from, publish)),
            // It is the very message we sent, so it can't be another kind.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The session has no task: its client was gone before the handshake was over. It keeps
    /// its messages in its queue, from where the next hand-over takes them.
    fn keep_for_stray(&self, to: To, letter: Letter) -> Result<(), Box<Undelivered>> {
        let left = match self.inner.entry(to.clone()).session() {
            Some(session) => session.deliver_queue().push(letter),
            None => Err(letter),
        };
        left.map_err(|(from, publish)| Box::new((to, from, publish, Reason::MessageQueueFull)))
    }

    async fn relations(&self, from: &From, publish: &Publish) -> SubRelations {
        let router = self.context.extends.router().await;
        match router.matches(from.id.clone(), &publish.topic).await {
            Ok(mut nodes) => nodes.remove(&self.context.node.id()).unwrap_or_default(),
            Err(error) => {
                log::warn!(target: "vigie::broker", "can't route {:?}: {error:#}", publish.topic);
                SubRelations::default()
            }
        }
    }
}

/// Appends, at the cost of the oldest when the queue is full: newer readings are worth more.
pub(super) fn push(queue: &MessageQueueType, letter: Letter) {
    if let Err(letter) = queue.push(letter) {
        queue.pop();
        // Nobody else pushes to a queue that isn't running yet, so there is room now.
        let _ = queue.push(letter);
    }
}

/// The message as one subscription gets it.
fn addressed(publish: &Publish, relation: &mut SubRelation) -> Publish {
    let (_, _, options, subscription_ids, _) = relation;
    let mut copy = publish.clone();
    copy.dup = false;
    copy.packet_id = None;
    copy.retain = publish.retain && options.retain_as_published().unwrap_or(false);
    copy.qos = copy.qos.less_value(options.qos());
    if let (Some(ids), Some(properties)) = (subscription_ids.take(), &mut copy.properties) {
        properties.subscription_ids = ids;
    }
    copy
}

#[async_trait]
impl Shared for Sessions {
    fn entry(&self, id: Id) -> Box<dyn Entry> {
        Box::new(Handover::new(self.inner.entry(id), self.clone()))
    }

    fn exist(&self, client_id: &str) -> bool {
        self.inner.exist(client_id)
    }

    async fn forwards(
        &self,
        _: Option<MsgID>,
        from: From,
        publish: Publish,
    ) -> Result<ForwardedCount, (ForwardedCount, Vec<Undelivered>)> {
        let relations = self.relations(&from, &publish).await;
        match self.forwards_to(from, &publish, relations, None).await {
            Ok(recipients) => Ok(recipients.len()),
            Err((recipients, undelivered)) => Err((recipients.len(), undelivered)),
        }
    }

    async fn forwards_to(
        &self,
        from: From,
        publish: &Publish,
        relations: SubRelations,
        _: Option<MsgID>,
    ) -> Result<ForwardedRecipients, (ForwardedRecipients, Vec<Undelivered>)> {
        let (mut reached, mut undelivered) = (ForwardedRecipients::new(), Vec::new());
        for mut relation in relations {
            let copy = addressed(publish, &mut relation);
            let client = relation.1;
            match self.hand(&client, (from.clone(), copy)) {
                Ok(()) => reached.push((client, None)),
                Err(failed) => undelivered.push(*failed),
            }
        }
        if undelivered.is_empty() { Ok(reached) } else { Err((reached, undelivered)) }
    }

    /// For clusters; nothing here calls it.
    async fn forwards_and_get_shareds(
        &self,
        from: From,
        publish: Publish,
    ) -> Result<(SubRelationsMap, ForwardedRecipients), (ForwardedRecipients, Vec<Undelivered>)>
    {
        self.inner.forwards_and_get_shareds(from, publish).await
    }

    fn iter(&self) -> Box<dyn Iterator<Item = Box<dyn Entry>> + Sync + Send + '_> {
        self.inner.iter()
    }

    fn random_session(&self) -> Option<Session> {
        self.inner.random_session()
    }

    async fn session_status(&self, client_id: &str) -> Option<SessionStatus> {
        self.inner.session_status(client_id).await
    }

    async fn client_states_count(&self) -> usize {
        self.inner.client_states_count().await
    }

    fn sessions_count(&self) -> usize {
        self.inner.sessions_count()
    }

    async fn query_subscriptions(&self, query: &SubsSearchParams) -> Vec<SubsSearchResult> {
        self.inner.query_subscriptions(query).await
    }

    async fn subscriptions_count(&self) -> usize {
        self.inner.subscriptions_count().await
    }

    async fn retain_load_with(
        &self,
        filter: &TopicFilter,
        callback: Arc<dyn RetainLoadCallback>,
    ) -> rmqtt::Result<Vec<(NodeId, MsgID)>> {
        self.inner.retain_load_with(filter, callback).await
    }
}

#[cfg(test)]
mod tests {
    use rmqtt::types::{CodecPublish, MessageQueue, QoS};

    use super::*;

    fn letter(payload: &'static str) -> Letter {
        let publish = Publish::from(CodecPublish {
            dup: false,
            retain: false,
            qos: QoS::AtLeastOnce,
            topic: "a".into(),
            packet_id: None,
            payload: payload.into(),
            properties: None,
        });
        (From::from_custom(Id::from(0, "sender".into())), publish)
    }

    #[test]
    fn a_full_queue_lets_go_of_its_oldest() {
        let queue = MessageQueueType::new(MessageQueue::new(2));
        for payload in ["1", "2", "3"] {
            push(&queue, letter(payload));
        }
        let mut left =
            std::iter::from_fn(|| queue.pop()).map(|(_, publish)| publish.payload.clone());
        assert_eq!(
            (left.next(), left.next(), left.next()),
            (Some("2".into()), Some("3".into()), None)
        );
    }
}
