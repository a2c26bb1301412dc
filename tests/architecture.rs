//! The arrows between modules point one way: main → cli → app → actors → {messages, config, …} →
//! domain. This scans the imports and fails where one points back, or where a library is named
//! outside its one room.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module of the crate, and the modules it may name. An actor's module names no other actor's.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("locale", &["domain", "alarms"]),
    ("alarms", &["domain"]),
    ("config", &["domain", "locale", "alarms"]),
    ("messages", &["domain", "alarms", "config", "ingest"]),
    ("supervisor", &["logging"]),
    ("logging", &["config"]),
    ("wire", &["domain", "config"]),
    ("exit", &[]),
    ("ingest", &["domain", "config", "messages", "logging", "wire"]),
    ("sensors", ACTOR_MAY_NAME),
    ("mqtt", ACTOR_MAY_NAME),
    ("broker", ACTOR_MAY_NAME),
    ("evaluator", ACTOR_MAY_NAME),
    ("store", ACTOR_MAY_NAME),
    ("notify", ACTOR_MAY_NAME),
    ("rehearsal", &["domain", "alarms", "locale", "config", "evaluator"]),
    ("web", ACTOR_MAY_NAME),
    (
        "app",
        &[
            "domain",
            "alarms",
            "locale",
            "config",
            "messages",
            "supervisor",
            "logging",
            "wire",
            "exit",
            "ingest",
            "sensors",
            "mqtt",
            "broker",
            "evaluator",
            "store",
            "notify",
            "web",
        ],
    ),
    (
        "cli",
        &[
            "supervisor",
            "domain",
            "alarms",
            "locale",
            "config",
            "logging",
            "wire",
            "exit",
            "store",
            "rehearsal",
            "web",
            "app",
        ],
    ),
    ("main", &["cli"]),
];

const ACTOR_MAY_NAME: &[&str] = &[
    "domain",
    "alarms",
    "locale",
    "config",
    "messages",
    "supervisor",
    "logging",
    "wire",
    "ingest",
];

/// Libraries that only one room may name.
const ROOMS: &[(&str, &str)] = &[
    ("paho_mqtt", "src/mqtt/"),
    ("rmqtt", "src/broker/"),
    ("actix_web", "src/web/"),
    ("vm_memory", "src/ingest/journal/window.rs"),
    ("rusqlite", "src/store/sqlite/"),
    ("r2d2_sqlite", "src/store/sqlite/"),
    ("r2d2", "src/store/sqlite/"),
    ("ureq", "src/notify/http.rs"),
    ("lettre", "src/notify/mail.rs"),
];

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path.strip_prefix(root).unwrap().to_owned(), text));
            }
        }
    }
    assert!(files.len() > 20, "the scan found only {} files", files.len());
    files
}

/// `src/mqtt/codec.rs` → `gateway`; `src/app.rs` → `app`.
fn module_of(path: &Path) -> String {
    let first = path.strip_prefix("src").unwrap().components().next().unwrap();
    first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// The crate's modules a text names, as `crate::x` or (from the binary) `vigie::x`. Comments and
/// unit tests may name what they like.
fn modules_named(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap();
    let code: Vec<_> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let mut named = BTreeSet::new();
    for prefix in ["crate::", "vigie::"] {
        for (at, _) in code.match_indices(prefix) {
            let rest = &code[at + prefix.len()..];
            let is_target = code[..at].ends_with('"'); // a log target, not a path
            let name: String =
                rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            assert!(!rest.starts_with('{'), "write one `use crate::…` a module: {rest:.40}");
            if !is_target && !name.is_empty() {
                named.insert(name);
            }
        }
    }
    named
}

#[test]
fn arrows_point_one_way() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let module = module_of(&path);
        if module == "lib" {
            continue;
        }
        let Some((_, may_name)) = ARROWS.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("{}: the module `{module}` has no place in ARROWS", path.display()));
            continue;
        };
        for named in modules_named(&text) {
            if named != module && !may_name.contains(&named.as_str()) {
                wrong.push(format!("{}: `{module}` may not name `{named}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn libraries_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        for (library, room) in ROOMS {
            let names_it = text.lines().any(|line| {
                !line.trim_start().starts_with("//") && line.contains(&format!("{library}::"))
            });
            if names_it && !path.starts_with(room) {
                wrong.push(format!("{} names {library}; only {room} may", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_scan_sees_what_it_should() {
    let named = modules_named(
        "use crate::gateway::X; // crate::cli\n// crate::app\nlog!(\"vigie::y\"); vigie::cli::main()",
    );
    assert_eq!(named.into_iter().collect::<Vec<_>>(), ["cli", "gateway"]);
}
