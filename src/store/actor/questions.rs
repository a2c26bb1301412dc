//! What others ask the writer.

use actix::prelude::*;
use tokio::sync::oneshot;

use super::Writer;
use super::job::{Question, said};
use super::pending::Search;
use crate::domain::Fingerprint;
use crate::messages::{
    ConfirmCommitted, FindStored, KeptByReceiver, LoadAlerts, LoadPendingAlerts, LoadReceiver,
    LoadResumePoint, PendingAlert, ResumePoint,
};
use crate::store::sqlite::resume;
use crate::supervisor::Routed;

/// What a question about the file gets.
pub(super) type Answer<T> = Result<T, String>;

impl Writer {
    /// Asks after the next commit; `permit` is kept until the answer is there.
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
    type Result = ResponseActFuture<Self, Answer<Vec<PendingAlert>>>;

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

impl Handler<Routed<LoadPendingAlerts>> for Writer {
    type Result = ResponseActFuture<Self, Answer<Vec<PendingAlert>>>;

    fn handle(&mut self, ask: Routed<LoadPendingAlerts>, ctx: &mut Self::Context) -> Self::Result {
        let (which, room) = ask.split();
        let search = Search {
            reader: self.reader.take(),
            settings: self.settings.clone(),
            uncommitted: self.backlog.uncommitted(which.after_row_id, self.ahead.through()),
            which,
        };
        let found = actix_rt::task::spawn_blocking(move || search.run());
        // Who asks has delivered what it knew: those that are not marked come again after a kill.
        self.hasten(ctx);
        Box::pin(found.into_actor(self).map(move |found, writer, _| {
            drop(room);
            let (reader, answer) = found.map_err(|error| format!("the search died: {error}"))?;
            writer.reader = reader;
            answer
        }))
    }
}

impl Handler<Routed<FindStored>> for Writer {
    type Result = ResponseActFuture<Self, Answer<Vec<Fingerprint>>>;

    /// Answered beside the commits, by a reader of its own.
    fn handle(&mut self, ask: Routed<FindStored>, _: &mut Self::Context) -> Self::Result {
        let (FindStored { readings }, room) = ask.split();
        let readers = self.readers.clone();
        let found = actix_rt::task::spawn_blocking(move || {
            let found: Answer<_> = said(resume::find_stored(&*readers.get()?, &readings));
            found
        });
        Box::pin(found.into_actor(self).map(move |found, _, _| {
            drop(room);
            found.unwrap_or_else(|error| Err(format!("the search died: {error}")))
        }))
    }
}
