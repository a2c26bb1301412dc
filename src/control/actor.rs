//! The actor that is asked.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use actix::prelude::*;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::{RELOAD, RELOAD_AT_MOST, socket_path};
use crate::messages::{Reload, ReloadAnswer};
use crate::supervisor::{ChildEnv, Failure, GracefulStop, Route};

/// Who takes longer to ask, or to take the answer, is cut off.
const PATIENCE: Duration = Duration::from_secs(5);

/// No line that means anything is longer.
const LONGEST_LINE: u64 = 256;

/// A pause after a failed accept (out of file descriptors, say), so that it can't spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What the actor is made from.
#[derive(Clone)]
pub struct ControlSettings {
    pub database: PathBuf,
    pub reload: Route<Reload>,
}

/// Takes what is asked, one connection at a time, and passes it on.
pub struct Control {
    settings: ControlSettings,
    env: ChildEnv,
    listener: Option<UnixListener>,
    path: PathBuf,
}

impl Control {
    /// # Errors
    /// When the socket can't be made.
    pub fn new(settings: ControlSettings, env: &ChildEnv) -> Result<Self, Failure> {
        let path = socket_path(&settings.database);
        // Left by a killed daemon. A living one would hold the database's folder for itself.
        let _ = std::fs::remove_file(&path);
        let listener = listen(&path).map_err(|error| {
            Failure::Unavailable(format!(
                "can't open the control socket {}: {error}; check its folder",
                path.display()
            ))
        })?;
        Ok(Self { settings, env: env.clone(), listener: Some(listener), path })
    }
}

fn listen(path: &PathBuf) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

impl Actor for Control {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let Some(listener) = self.listener.take() else {
            return self.env.fail::<Self>(ctx, "started without its socket");
        };
        let reload = self.settings.reload.clone();
        let serve = async move {
            loop {
                match listener.accept().await {
                    Ok((socket, _)) => serve(socket, &reload).await,
                    Err(error) => {
                        log::warn!(target: "vigie::control", "control socket: {error}");
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

async fn serve(socket: UnixStream, reload: &Route<Reload>) {
    let mut socket = BufReader::new(socket);
    let mut line = String::new();
    let mut asking = (&mut socket).take(LONGEST_LINE);
    let asked = asking.read_line(&mut line);
    // Who says nothing, or leaves, wants nothing.
    let Ok(Ok(1..)) = tokio::time::timeout(PATIENCE, asked).await else {
        return;
    };
    let answer = if line.trim() == RELOAD {
        let answer = reload.request(Reload, RELOAD_AT_MOST).await;
        answer.unwrap_or_else(|error| ReloadAnswer::Failed(error.to_string()))
    } else {
        ReloadAnswer::Refused(format!("unknown request; write `{RELOAD}`"))
    };
    let text = serde_json::to_string(&answer).unwrap_or_default() + "\n";
    let write = async {
        socket.write_all(text.as_bytes()).await?;
        socket.shutdown().await
    };
    // A reader that left or stalls loses only its own answer.
    let _ = tokio::time::timeout(PATIENCE, write).await;
}

impl Handler<GracefulStop> for Control {
    type Result = ();

    fn handle(&mut self, _: GracefulStop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
