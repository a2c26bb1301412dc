//! `vigie passwd`: the lines of a user, from a script and on a terminal.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::USAGE;
use crate::fixture::EMBEDDED;
use crate::login::{PASSWORD, log_in};
use crate::support::{Home, require, run_vigie};

/// Runs `vigie passwd` with this standard input; returns exit code, stdout and stderr.
fn passwd(args: &[&str], stdin: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    command.arg("passwd").args(args).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("vigie");
    child.stdin.take().expect("a pipe").write_all(stdin.as_bytes()).expect("write");
    let output = child.wait_with_output().expect("an end");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("an exit"), text(output.stdout), text(output.stderr))
}

#[test]
fn passwd_prints_the_lines_of_a_user() {
    let (code, lines, said) = passwd(&["carl", "--role", "operator"], "correct horse\n");
    assert_eq!((code, &*said), (0, ""), "{said}");
    let home = Home::new();
    let config = format!("{EMBEDDED}[web]\nlisten = \"127.0.0.1:0\"\n{lines}");
    home.write("vigie.toml", &config);
    let output = run_vigie(&home, &["check", "-c", "vigie.toml"]);
    assert!(output.status.success(), "{output:?}");
    let mut daemon = home.start(&config);
    let tcp = daemon.web();
    assert_eq!(log_in(&tcp, "carl", PASSWORD, &[]).status, 204);

    for (args, stdin, why) in [
        (&["carl"] as &[_], "hunter2\n", "at least 8 characters"),
        (&["carl"], "", "at least 8 characters"),
        (&[" carl"], "correct horse\n", "1 to 64 bytes"),
        (&["carl", "--role", "admin"], "correct horse\n", "viewer or operator"),
    ] {
        let (code, lines, said) = passwd(args, stdin);
        assert_eq!((code, &*lines), (USAGE, ""), "{said}");
        assert!(said.contains(why) && !said.contains("hunter2"), "{said}");
    }
}

/// Python script: types two passwords into `vigie passwd` on a pseudo-terminal, prints what it shows, and exits with the
/// same code.
const TERMINAL: &str = r"
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], [sys.argv[1], 'passwd', 'anne'])
shown = b''
def until(what):
    global shown
    while shown.count(b': ') < what:
        shown += os.read(terminal, 4096)
until(1)
os.write(terminal, sys.argv[2].encode() + b'\n')
until(2)
os.write(terminal, sys.argv[3].encode() + b'\n')
try:
    while chunk := os.read(terminal, 4096):
        shown += chunk
except OSError:
    pass
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
";

#[test]
fn a_terminal_does_not_show_the_password() {
    if !require(&["python3"]) {
        return;
    }
    let typed = |first: &str, second: &str| {
        let mut python = Command::new("timeout");
        python.args(["60", "python3", "-c", TERMINAL, env!("CARGO_BIN_EXE_vigie"), first, second]);
        let output = python.output().expect("python");
        (output.status.code(), String::from_utf8(output.stdout).expect("text"))
    };
    let (code, shown) = typed(PASSWORD, PASSWORD);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("password_hash = \"$argon2id$") && !shown.contains("horse"), "{shown}");
    let (code, shown) = typed(PASSWORD, "correct house");
    assert_eq!(code, Some(USAGE), "{shown}");
    assert!(shown.contains("not the same") && !shown.contains("argon2"), "{shown}");
}
