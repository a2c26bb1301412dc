//! `vigie receivers`: the state of the receivers of notifications, and a test of one.

use std::io::Write;

use super::status::receivers;
use super::{ConfigFile, complain};
use crate::app::{self, ReceiverTestResult};
use crate::config::Config;
use crate::exit::Exit;
use crate::web;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(flatten)]
    file: ConfigFile,
    /// Print one JSON list.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Send a test notification to a receiver. Works without the daemon.
    Test(Test),
}

#[derive(clap::Args)]
struct Test {
    /// Name of the receiver in the configuration.
    name: String,
    #[command(flatten)]
    file: ConfigFile,
}

impl Args {
    pub(super) const fn file(&self) -> &ConfigFile {
        match &self.command {
            Some(Command::Test(test)) => &test.file,
            None => &self.file,
        }
    }

    pub(super) fn run(&self, config: &Config) -> Exit {
        match &self.command {
            Some(Command::Test(Test { name, .. })) => test(name, config),
            None => self.list(config),
        }
    }

    fn list(&self, config: &Config) -> Exit {
        let (report, answer) = match web::status(&config.storage.path) {
            Ok(answers) => answers,
            Err(error) => return complain("receivers", &error, Exit::Unavailable),
        };
        let text = if self.json {
            format!("{}\n", answer["receivers"])
        } else if report.receivers.is_empty() {
            "no receivers: alerts are published over MQTT alone; add [[receivers]]\n".to_owned()
        } else {
            receivers(&report.receivers).trim_start().to_owned()
        };
        let _ = std::io::stdout().write_all(text.as_bytes()); // a reader that left wants no more
        Exit::Ok
    }
}

/// Exit code 0 when it was delivered; 69, and why, when it was not; 2 for an unknown name.
fn test(name: &str, config: &Config) -> Exit {
    let (lines, exit) = match app::test_receiver(config, name) {
        Ok(ReceiverTestResult::Delivered) => {
            let done = format!("test notification delivered to receiver {name}");
            let _ = writeln!(std::io::stdout(), "{done}"); // a reader that left wants no more
            return Exit::Ok;
        }
        Ok(ReceiverTestResult::Failed(why)) => {
            let lines = why.iter().map(|why| format!("vigie receivers test {name}: {why}"));
            (lines.collect(), Exit::Unavailable)
        }
        Err(why) => (vec![format!("vigie receivers test: {why}")], Exit::Usage),
    };
    let _ = writeln!(std::io::stderr(), "{}", lines.join("\n")); // nobody left to tell
    exit
}
