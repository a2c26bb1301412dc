//! Queries to the writer: answered from the ledger after the next commit, or by a reader beside the commits.
//!
//! Always: a query of the first kind is answered after everything sent before it is committed, and holds its
//! route's permit until then.

use actix::prelude::*;
use tokio::sync::oneshot;

use super::Writer;
use super::job::{Answer, Question, answer};
use crate::domain::{AlertEvent, Fingerprint};
use crate::messages::{
    ConfirmCommitted, FindStored, KeptByReceiver, LoadAlerts, LoadReceiver, LoadResumePoint,
    ResumePoint,
};
use crate::supervisor::Routed;

impl Writer {
    /// Queues a query for after the next commit, with its permit.
    fn ask<T: 'static>(
        &mut self,
        question: impl FnOnce(oneshot::Sender<Answer<T>>) -> Question,
        permit: impl Sized + 'static,
        ctx: &mut Context<Self>,
    ) -> ResponseActFuture<Self, Answer<T>> {
        let (reply, answer) = oneshot::channel();
        self.questions.push(question(reply));
        self.proceed(ctx);
        let answer = async move {
            let answer = answer.await;
            drop(permit);
            answer.unwrap_or_else(|_| Err("the writer failed before it could answer".into()))
        };
        Box::pin(answer.into_actor(self))
    }
}

impl Handler<Routed<LoadReceiver>> for Writer {
    type Result = ResponseActFuture<Self, Answer<KeptByReceiver>>;

    fn handle(&mut self, ask: Routed<LoadReceiver>, ctx: &mut Self::Context) -> Self::Result {
        let receiver = ask.message.receiver.clone();
        self.ask(|reply| Question::Receiver { receiver, reply }, ask, ctx)
    }
}

impl Handler<Routed<LoadAlerts>> for Writer {
    type Result = ResponseActFuture<Self, Answer<Vec<AlertEvent>>>;

    fn handle(&mut self, ask: Routed<LoadAlerts>, ctx: &mut Self::Context) -> Self::Result {
        let (which, room) = ask.split();
        self.ask(|reply| Question::Alerts { which, reply }, room, ctx)
    }
}

impl Handler<Routed<LoadResumePoint>> for Writer {
    type Result = ResponseActFuture<Self, Answer<ResumePoint>>;

    fn handle(&mut self, ask: Routed<LoadResumePoint>, ctx: &mut Self::Context) -> Self::Result {
        self.ask(|reply| Question::Resume { reply }, ask, ctx)
    }
}

impl Handler<Routed<ConfirmCommitted>> for Writer {
    type Result = ResponseActFuture<Self, Answer<()>>;

    fn handle(&mut self, ask: Routed<ConfirmCommitted>, ctx: &mut Self::Context) -> Self::Result {
        self.ask(|reply| Question::Committed { reply }, ask, ctx)
    }
}

impl Handler<Routed<FindStored>> for Writer {
    type Result = ResponseActFuture<Self, Answer<Vec<Fingerprint>>>;

    /// Answered beside the commits, by a reader.
    fn handle(&mut self, ask: Routed<FindStored>, _: &mut Self::Context) -> Self::Result {
        let (FindStored { readings }, room) = ask.split();
        let (backend, reader) = (self.backend.clone(), self.reader.clone());
        let found = actix_rt::task::spawn_blocking(move || {
            let reader = reader.map_or_else(|| backend.reader(), Ok)?;
            reader.find_stored(&readings).map(|found| (reader, found))
        });
        Box::pin(found.into_actor(self).map(move |found, writer, _| {
            drop(room);
            let found = found.map_err(|error| format!("the query died: {error}"))?;
            let (reader, found) = answer(found)?;
            writer.reader = Some(reader);
            Ok(found)
        }))
    }
}
