//! A client that only listens: its own connection beside those of the daemon, without a persistent session.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

use paho_mqtt as paho;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::connecting::{SUBSCRIBE, connect, keep_paho_running, report_loss, retire};
use super::options::{listening_options, outcome};
use crate::mqtt::link::{Outcome, Plan};
use crate::mqtt::listening::ReceivedMessage;

/// A listening connection.
pub struct Listener {
    client: paho::AsyncClient,
    lost: mpsc::Receiver<Outcome>,
}

impl Listener {
    /// Connects and subscribes at QoS 0. Messages go to the queue; those that find it full are counted and dropped.
    ///
    /// # Errors
    /// If the broker is unreachable, or refuses the client or the filter.
    pub async fn open(
        plan: &Plan,
        filter: &str,
        queue: SyncSender<ReceivedMessage>,
        missed: Arc<AtomicU64>,
    ) -> Result<Self, Outcome> {
        keep_paho_running();
        let (told, lost) = mpsc::channel(4);
        let options = listening_options(plan)?;
        let (client, _) = connect(plan, options, |client| {
            report_loss(client, &told);
            client.set_message_callback(move |_, message| {
                let Some(message) = message else { return };
                let overheard = ReceivedMessage {
                    topic: message.topic().to_owned(),
                    payload: message.payload().to_vec(),
                    is_replayed: message.retained(),
                };
                if queue.try_send(overheard).is_err() {
                    missed.fetch_add(1, Ordering::Relaxed);
                }
            });
        })
        .await?;
        match subscribe(&client, filter).await {
            Ok(()) => Ok(Self { client, lost }),
            Err(outcome) => {
                retire(client).await;
                Err(outcome)
            }
        }
    }

    /// How the connection ended, if it has.
    pub fn lost(&mut self) -> Option<Outcome> {
        self.lost.try_recv().ok()
    }

    /// Disconnects.
    pub async fn close(self) {
        retire(self.client).await;
    }
}

async fn subscribe(client: &paho::AsyncClient, filter: &str) -> Result<(), Outcome> {
    let refused = || Outcome::SubscriptionRefused { filter: filter.to_owned() };
    match timeout(SUBSCRIBE, client.subscribe_many(&[filter], &[paho::QoS::AtMostOnce])).await {
        Ok(Ok(answer)) => {
            let codes = answer.subscribe_many_response().unwrap_or_default();
            if codes.iter().any(|code| *code >= 0x80) { Err(refused()) } else { Ok(()) }
        }
        Ok(Err(error)) => Err(outcome(&error)),
        Err(_elapsed) => Err(Outcome::TimedOut),
    }
}
