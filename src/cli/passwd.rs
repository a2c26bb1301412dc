//! `vigie passwd`: makes the lines of a user for the configuration.
//!
//! Never: a password on the screen, in an error, or in anything that is written.

use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write, stderr, stdin, stdout};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::config::Role;
use crate::domain::Operator;
use crate::exit::Exit;
use crate::web;

/// Shorter ones are guessed at.
const SHORTEST_CHARS: usize = 8;

/// Limit of the input, above any typed password.
const LONGEST_BYTES: u64 = 1024;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Login name; also recorded with the user's actions.
    user: String,
    /// Rights: a viewer reads, an operator also acts on alarms.
    #[arg(long, value_name = "ROLE", default_value = "viewer", value_parser = role)]
    role: Role,
}

fn role(word: &str) -> Result<Role, String> {
    let found = Role::WORDS.into_iter().find(|(it, _)| *it == word);
    found.map(|(_, role)| role).ok_or_else(|| "it is viewer or operator".to_owned())
}

/// Prints the lines (exit code 0), or an error about the name or password (2).
pub(super) fn run(args: &Args) -> Exit {
    match lines(args) {
        Ok(lines) => match stdout().write_all(lines.as_bytes()) {
            Ok(()) => Exit::Ok,
            Err(_) => Exit::Failed,
        },
        Err(why) => {
            let _ = writeln!(stderr(), "vigie passwd: {why}"); // nobody left to tell
            Exit::Usage
        }
    }
}

fn lines(args: &Args) -> Result<String, String> {
    let Args { user, role } = args;
    if user.trim() != user || Operator::new(user, None).is_err() {
        return Err("a user's name has 1 to 64 bytes, without spaces at either end".into());
    }
    let password = if stdin().is_terminal() { ask_twice(user)? } else { line(stdin())? };
    let hash = web::hash_password(checked(&password)?)?;
    Ok(table(user, &hash, *role))
}

/// Lines for the configuration.
fn table(user: &str, hash: &str, role: Role) -> String {
    let user = user.replace('\\', "\\\\").replace('"', "\\\"");
    let role = role.as_str();
    format!("[[web.users]]\nname = \"{user}\"\npassword_hash = \"{hash}\"\nrole = \"{role}\"\n")
}

fn checked(password: &str) -> Result<&str, String> {
    if password.chars().any(char::is_control) {
        return Err("there is a control character in it: type the password again".into());
    }
    if password.chars().count() < SHORTEST_CHARS {
        return Err(format!("a password has at least {SHORTEST_CHARS} characters"));
    }
    Ok(password)
}

fn ask_twice(user: &str) -> Result<String, String> {
    let hidden =
        Hidden::new().map_err(|error| format!("the terminal can't be silenced: {error}"))?;
    let first = ask(&format!("Password for {user}: "))?;
    let second = ask("Once more: ")?;
    drop(hidden);
    if first == second { Ok(first) } else { Err("the two are not the same: try again".into()) }
}

fn ask(prompt: &str) -> Result<String, String> {
    let mut out = stderr();
    // Without a terminal for the prompt, typing still works.
    let _ = write!(out, "{prompt}").and_then(|()| out.flush());
    let password = line(stdin());
    let _ = writeln!(out);
    password
}

/// The first line.
fn line(from: impl Read) -> Result<String, String> {
    let mut line = String::new();
    let read = BufReader::new(from.take(LONGEST_BYTES)).read_line(&mut line);
    // The error could quote the input.
    read.map_err(|_| "the password can't be read: it has to be one line of UTF-8".to_owned())?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// A terminal that echoes nothing until dropped. Like `getpass`, it blocks signals meanwhile, which would leave the
/// terminal in this state.
struct Hidden(Termios);

impl Hidden {
    fn new() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut silent = before.clone();
        silent.local_modes &= !(LocalModes::ECHO | LocalModes::ISIG);
        tcsetattr(stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // A closed terminal needs no reset.
        let _ = tcsetattr(stdin(), OptionalActions::Flush, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_taken_by_the_configuration() {
        let hash = web::hash_password("correct horse").unwrap();
        for (user, role) in [("anne", Role::Viewer), ("a \"b\\", Role::Operator)] {
            let lines = table(user, &hash, role);
            let text = format!("[broker]\n[web]\nlisten = \"127.0.0.1:0\"\n{lines}");
            let web = crate::config::parse(&text, "test.toml").unwrap().web;
            assert_eq!((&*web.users[0].name, web.users[0].role), (user, role));
            assert_eq!(web.users[0].password_hash.reveal(), hash);
        }
    }

    #[test]
    fn a_password_is_the_first_line() {
        let of = |text: &str| line(text.as_bytes()).unwrap();
        assert_eq!(of("correct horse\r\nbattery\n"), "correct horse");
        assert_eq!(of(" é "), " é ");
        assert!(line([0xff, b'\n'].as_slice()).is_err());
        assert!(checked("1234567").is_err() && checked("").is_err());
        assert!(checked("a\u{3}bcdefghij").is_err());
        assert_eq!(checked("ééééèèèè"), Ok("ééééèèèè"));
    }
}
