//! Requests that schemathesis makes up from the API's own description, valid ones and broken ones, from a fixed seed.
//!
//! Always: no answer is a 5xx; each has a status, media type, headers and shape that the description has; what
//! contradicts it is refused. The daemon outlives it all without a panic.
//!
//! Runs with `VIGIE_ACCEPT=fuzz`; `make accept` installs schemathesis.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::scale;
use crate::support::api::Server;
use crate::support::{Daemon, Home, Process, SOON, names, readings};
use vigie::web::hash_password;

/// Where `make accept` puts it.
const TOOL: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/schemathesis/bin/schemathesis");

const SEED: &str = "20240814";

/// Requests of each operation in each phase.
const EXAMPLES: &str = "50";

/// Bound of one run; there are three.
const AT_MOST: Duration = Duration::from_secs(100);

/// Without `positive_data_acceptance`, since a schema can't say what a moment or an alarm's name is, and
/// `unsupported_method`: a POST that is no JSON is refused as such wherever it goes.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
     response_headers_conformance,response_schema_conformance,negative_data_rejection,\
     missing_required_header,allow_header_conformance,use_after_free,ignored_auth";

const CONFIG: &str = r#"
language = "en"
[broker]
listen = "127.0.0.1:0"
[[rules]]
name = "warm"
kind = "high"
limit = 24.0
acknowledge = true
[web]
listen = "127.0.0.1:0"
"#;

fn tool() -> Option<PathBuf> {
    let tool = std::env::var_os("VIGIE_SCHEMATHESIS").map_or_else(|| TOOL.into(), PathBuf::from);
    if Path::new(&tool).exists() {
        return Some(tool);
    }
    scale::cannot(&format!("{} is missing: `make accept` installs it", tool.display()))
}

/// A daemon with an alarm that stands, so that there is something to act on.
fn start(home: &Home, more: &str) -> Daemon {
    let mut daemon = home.start(&format!("{CONFIG}{more}"));
    let client = crate::support::Client::connect(&daemon.embedded_broker());
    for (number, sensor) in ["T_1", "T_2", "T_1"].into_iter().enumerate() {
        let reading = readings::reading(sensor, 30.0, &readings::timestamp(number));
        client.publish(names::READINGS, reading, 1);
    }
    daemon.wait_until("the readings", SOON, || home.db().count() == 3);
    daemon
}

/// One run with a header, if there is one, on a daemon that goes on after it.
fn run(home: &Home, daemon: &mut Daemon, tool: &Path, name: &str, header: Option<&str>) {
    let Server::Tcp(address) = daemon.web() else { panic!("an address") };
    // The description is read from the daemon, but where it needs credentials, which the tool would not send.
    let description = home.api().get("/api/v1/openapi.json").expect("the description").json;
    let file = home.write("openapi.json", &description.to_string());
    let mut command = Command::new(tool);
    command.current_dir(home.path("")).arg("run").arg(file);
    command.args(["--url", &format!("http://{address}"), "--seed", SEED]);
    command.args(["--max-examples", EXAMPLES, "--checks", CHECKS, "--continue-on-failure"]);
    command.args(["--generation-database", "none", "--suppress-health-check", "all"]);
    command.args(["--request-timeout", "30", "--warnings", "off", "--no-color"]);
    if let Some(header) = header {
        command.args(["--header", header]);
    }
    let mut process = Process::start(name, &mut command, &home.path(&format!("{name}.txt")));
    let status = process.exit(AT_MOST);
    let log = process.log();
    let summary = log.split("= SUMMARY =").nth(1).unwrap_or(&log);
    eprintln!("{name}: {}", summary.trim_matches(['=', '\n']));
    assert!(status.success(), "{name}: {status}");
    assert!(daemon.is_running());
    let panics = daemon.lines_with(names::PANIC_IN);
    assert!(panics.is_empty(), "{panics:?}");
}

#[test]
fn every_api_response_matches_the_description() {
    if !scale::wants("fuzz") {
        return;
    }
    let Some(tool) = tool() else { return };
    let home = Home::new();
    let mut open = start(&home, "");
    run(&home, &mut open, &tool, "open", None);
    assert_eq!(open.stop(), 0);

    let mut home = Home::new();
    home.set_env("WEB_TOKEN", "s3cret-t0ken");
    let hash = hash_password("correct horse").expect("a hash");
    let users = format!(
        "token_env = \"WEB_TOKEN\"\n[[web.users]]\nname = \"anne\"\npassword_hash = \"{hash}\"\n\
         role = \"operator\"\n"
    );
    let mut closed = start(&home, &users);
    run(&home, &mut closed, &tool, "stranger", None);
    let bearer = "Authorization: Bearer s3cret-t0ken";
    run(&home, &mut closed, &tool, "bearer", Some(bearer));
    assert_eq!(closed.stop(), 0);
}
