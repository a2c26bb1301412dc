//! `[[web.users]]`: accounts of the page, with their roles.
//!
//! The file has the Argon2 hash of a password, never the password; an error quotes neither.

use std::collections::HashMap;

use argon2::{Algorithm, Params, PasswordHash};

use super::connection_model::Secret;
use super::credentials::claim_name;
use super::errors::{Mistake, quote};
use super::inspector::At;
use super::reader::TableReader;
use super::web_model::{Role, WebUser};
use crate::domain::Operator;

/// Limit of the memory for checking a password, in KiB: 256 MiB, 13 times Argon2's default. One is checked at a
/// time, in this process.
const MOST_MEMORY_KIB: u32 = 256 * 1024;

/// Limit of passes over that memory, 8 times Argon2's default: a login takes seconds at most.
const MOST_PASSES: u32 = 16;

const HASH_HINT: &str = "run vigie passwd USER, and paste the lines it prints";

/// Reads the `[[web.users]]` tables below `[web]`, in their order.
pub(super) fn users(web: &mut TableReader<'_>) -> Vec<WebUser> {
    let mut users = Vec::new();
    let mut names = HashMap::new();
    let mut num_tables = 0;
    for mut table in web.tables("users", "[[web.users]]") {
        let name = name(&mut table);
        if let Some(name) = name {
            claim_name(&mut names, &table, name);
        }
        users.extend(user(table, name.map(|name| name.value)));
        num_tables += 1;
    }
    if let (Some(at), 0) = (web.place_of("users"), num_tables) {
        // No one could log in; read as "no login", it would let everyone in.
        web.wrong(at, "`users` has nobody in it", "remove the line, or write [[web.users]]");
    }
    users
}

fn user(mut table: TableReader<'_>, name: Option<&str>) -> Option<WebUser> {
    if let Some(at) = table.refused("password") {
        table.wrong(at, "a password has no place in this file", HASH_HINT);
    }
    let hash = table.string("password_hash");
    let hash =
        if table.has("password") { hash } else { table.require(hash, "password_hash", HASH_HINT) };
    let hash = hash.and_then(|hash| table.inspector.check(hash.at, password_hash(hash.value)));
    // The role with fewer rights.
    let role = table.choice("role", &Role::WORDS).unwrap_or(Role::Viewer);
    table.finish();
    Some(WebUser { name: name?.into(), password_hash: hash?, role })
}

/// Name of an account, valid as an operator's name in recorded actions.
fn name<'a>(table: &mut TableReader<'a>) -> Option<At<&'a str>> {
    let name = table.text("name");
    let name = table.require(name, "name", "name the user: name = \"anne\"")?;
    let is_trimmed = name.value.trim() == name.value;
    if is_trimmed && Operator::new(name.value, None).is_ok() {
        return Some(name);
    }
    let what = format!("{} is no name of a user", quote(name.value));
    table.wrong(name.at, what, "use at most 64 bytes, without spaces at either end");
    None
}

fn password_hash(text: &str) -> Result<Secret, Mistake> {
    let wrong = |what: &str| Mistake::new(format!("`password_hash` {what}"), HASH_HINT);
    let hash = PasswordHash::new(text).map_err(|_| wrong("is no Argon2 hash"))?;
    let is_argon2 = Algorithm::try_from(hash.algorithm.as_str()).is_ok();
    let params = Params::try_from(&hash).map_err(|_| wrong("is no Argon2 hash"))?;
    if !is_argon2 || hash.salt.is_none() || hash.hash.is_none() {
        return Err(wrong("is no Argon2 hash"));
    }
    if params.m_cost() > MOST_MEMORY_KIB || params.t_cost() > MOST_PASSES {
        let most = format!("costs more than m={MOST_MEMORY_KIB},t={MOST_PASSES}");
        return Err(wrong(&most));
    }
    Ok(Secret::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepted, hint};
    use super::super::{WebConfig, parse};
    use super::*;

    /// Well formed; of no password that anybody knows.
    const HASH: &str = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$\
                        9aiyNEVGHBpdzCRjPlzVVJAGRXYJGxZGLpZYhPXVYFk";

    fn text(lines: &str) -> String {
        format!("[broker]\n[web]\nlisten = \"127.0.0.1:0\"\n{lines}\n")
    }

    fn said(lines: &str) -> Vec<String> {
        super::super::testing::said(&text(lines))
    }

    fn user(more: &str) -> String {
        format!("[[web.users]]\n{more}\n")
    }

    fn web_of(lines: &str) -> WebConfig {
        accepted(&text(lines)).web
    }

    #[test]
    fn a_user_has_a_name_a_hash_and_a_role() {
        let hash = format!("password_hash = \"{HASH}\"");
        let web = web_of(
            &[
                user(&format!("name = \"anne\"\n{hash}\nrole = \"operator\"")),
                user(&format!("name = \"écran du hall\"\n{hash}")),
            ]
            .concat(),
        );
        let [anne, screen] = web.users.as_slice() else { panic!("{web:?}") };
        assert_eq!((&*anne.name, anne.role), ("anne", Role::Operator));
        assert_eq!((&*screen.name, screen.role), ("écran du hall", Role::Viewer));
        assert_eq!(anne.password_hash.reveal(), HASH);
        assert!(!format!("{web:?}").contains("argon2"), "{web:?}");
    }

    #[test]
    fn what_is_no_hash_is_said_and_not_quoted() {
        let of = |hash: &str| user(&format!("name = \"anne\"\npassword_hash = \"{hash}\""));
        for wrong in [
            "hunter2",
            "",
            "$2b$12$KIXhunter2",
            "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0",
            "$argon2id$v=19$m=64,t=1,p=1",
            "$pbkdf2-sha256$i=1000$c2FsdHNhbHRzYWx0$9aiyNEVGHBpdzCRjPlzVVJAGRXYJGxZGLpZYhPXVYFk",
        ] {
            assert_eq!(said(&of(wrong)), ["6: `password_hash` is no Argon2 hash"], "{wrong}");
        }
        let dear = HASH.replace("m=64", "m=524288");
        assert_eq!(said(&of(&dear)), ["6: `password_hash` costs more than m=262144,t=16"]);
        assert!(hint(&text(&of("hunter2"))).contains("vigie passwd"));
        let errors = parse(&text(&of("hunter2")), "f").unwrap_err();
        assert!(!errors.to_string().contains("hunter2"), "{errors}");
    }

    #[test]
    fn a_name_is_there_fit_and_ones_own() {
        let of = |name: &str| user(&format!("name = \"{name}\"\npassword_hash = \"{HASH}\""));
        assert_eq!(said(&of(" anne")), ["5: ` anne` is no name of a user"]);
        assert_eq!(said(&of(&"x".repeat(65))).len(), 1);
        assert_eq!(said(&of("a\\tb")), ["5: `name` has a control character in it"]);
        let twice = [of("anne"), of("bob"), of("anne")].concat();
        assert_eq!(said(&twice), ["11: user `anne` is defined twice, first at test.toml:5:8"]);
        assert_eq!(
            said("[[web.users]]"),
            [
                "4: `name` is missing in [[web.users]]",
                "4: `password_hash` is missing in [[web.users]]"
            ]
        );
        assert_eq!(said("users = []"), ["4: `users` has nobody in it"]);
    }

    #[test]
    fn a_password_stays_out_of_the_file() {
        let plain = user("name = \"anne\"\npassword = \"hunter2\"");
        assert_eq!(said(&plain), ["6: a password has no place in this file"]);
        let errors = parse(&text(&plain), "f").unwrap_err();
        assert!(!errors.to_string().contains("hunter2"), "{errors}");
        let odd = user(&format!("name = \"anne\"\npassword_hash = \"{HASH}\"\nrole = \"admin\""));
        assert_eq!(said(&odd), ["7: `role` can't be `admin`"]);
    }
}
