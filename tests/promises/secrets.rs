//! No log contains a secret, at any log level.

use crate::support::{Home, Mosquitto, SOON, names, require};

const PASSWORD: &str = "correct-horse-battery-staple";

#[test]
fn a_trace_log_contains_no_password() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let mut broker = Mosquitto::new().with_user("vigie", PASSWORD);
    broker.start();
    let mut home = Home::new();
    home.set_env("RUST_LOG", "trace");
    home.write("password", PASSWORD);
    let mut daemon = home.start(&format!(
        "language = \"en\"\n\
         [mqtt]\n\
         url = \"mqtt://127.0.0.1:{}\"\n\
         username = \"vigie\"\n\
         password_file = \"password\"\n",
        broker.port()
    ));
    daemon.wait_line(names::CONNECTED, SOON);
    assert_eq!(daemon.stop(), 0);
    let log = daemon.log();
    assert!(log.contains(" TRACE ") || log.contains(" DEBUG "), "it talks:\n{log}");
    let bytes = format!("{:?}", PASSWORD.as_bytes());
    assert!(!log.contains(PASSWORD), "in clear");
    assert!(!log.contains(bytes.trim_matches(['[', ']'])), "as bytes");
}
