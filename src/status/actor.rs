//! The actor that answers who asks how the daemon is.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};

use super::socket_path;
use crate::supervisor::{ChildEnv, Failure, GracefulStop};

/// A reader that takes longer is cut off.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);

/// A pause after a failed accept (out of file descriptors, say), so that it can't spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What the reporter is made from.
#[derive(Clone)]
pub struct ReporterSettings {
    pub database: PathBuf,
    /// Makes the document; called once a connection.
    pub report: Arc<dyn Fn() -> serde_json::Value + Send + Sync>,
}

/// Answers each connection with the daemon's state.
pub struct Reporter {
    settings: ReporterSettings,
    env: ChildEnv,
    listener: Option<UnixListener>,
    path: PathBuf,
}

impl Reporter {
    /// # Errors
    /// When the socket can't be made.
    pub fn new(settings: ReporterSettings, env: &ChildEnv) -> Result<Self, Failure> {
        let path = socket_path(&settings.database);
        // Left by a killed daemon. A living one would hold the database's folder for itself.
        let _ = std::fs::remove_file(&path);
        let unavailable = |error: std::io::Error| {
            Failure::Unavailable(format!(
                "can't open the status socket {}: {error}",
                path.display()
            ))
        };
        let listener = UnixListener::bind(&path).map_err(unavailable)?;
        let only_me = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, only_me).map_err(unavailable)?;
        Ok(Self { settings, env: env.clone(), listener: Some(listener), path })
    }
}

impl Actor for Reporter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let Some(listener) = self.listener.take() else {
            return self.env.fail::<Self>(ctx, "started without its socket");
        };
        let report = self.settings.report.clone();
        // One reader at a time: asking is rare and the answer is short.
        let serve = async move {
            loop {
                match listener.accept().await {
                    Ok((socket, _)) => answer(socket, &report()).await,
                    Err(error) => {
                        log::warn!(target: "vigie::status", "status socket: {error}");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        ctx.spawn(serve.into_actor(self));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn answer(mut socket: UnixStream, report: &serde_json::Value) {
    let text = format!("{report}\n");
    let write = async {
        socket.write_all(text.as_bytes()).await?;
        socket.shutdown().await
    };
    // A reader that left or stalls loses only its own answer.
    let _ = tokio::time::timeout(WRITE_PATIENCE, write).await;
}

impl Handler<GracefulStop> for Reporter {
    type Result = ();

    fn handle(&mut self, _: GracefulStop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
