//! Enforces the module graph: dependencies point one way, main → cli → app → actors → {messages, config, …} → domain, and
//! each library is used in its own modules only. Reads all code of `src/` without comments, literals and unit tests.

#[path = "architecture/scan.rs"]
mod scan;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use scan::{Source, beside, is_word, root, sources, without_tests};

/// Modules of the crate, each with the modules it may use. An actor's module uses no other actor's.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("locale", &["domain", "alarms"]),
    ("expression", &[]),
    ("alarms", &["domain", "expression"]),
    ("config", &["domain", "locale", "alarms"]),
    ("messages", &["domain", "alarms", "config"]),
    ("supervisor", &["logging"]),
    ("logging", &["config"]),
    ("wire", &["domain", "config"]),
    ("exit", &[]),
    ("ingest", &["domain", "expression", "config", "messages", "supervisor", "logging", "wire"]),
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
            "rehearsal",
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
            "ingest",
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

/// Libraries of `Cargo.toml` by crate name, each with the modules or files that may use it.
const LIBRARIES: &[(&str, &[&str])] = &[
    // The runtime.
    (
        "actix",
        &[
            "app",
            "broker",
            "evaluator",
            "ingest",
            "messages.rs",
            "mqtt",
            "notify",
            "sensors",
            "store",
            "supervisor",
            "web",
        ],
    ),
    ("actix_rt", &["app", "cli", "ingest", "sensors", "store", "supervisor", "web"]),
    ("futures_util", &["broker", "mqtt", "supervisor", "web"]),
    (
        "tokio",
        &[
            "app",
            "broker",
            "cli",
            "evaluator",
            "ingest",
            "messages.rs",
            "mqtt",
            "notify",
            "sensors",
            "store",
            "supervisor",
            "web",
        ],
    ),
    // The wire.
    ("actix_web", &["web"]),
    ("openssl", &["broker", "mqtt", "web/access.rs", "web/password.rs", "web/tls.rs"]),
    ("argon2", &["config/web_users.rs", "web/password.rs"]),
    ("prometheus_client", &["web/metrics"]),
    ("actix_ws", &["web/live"]),
    ("paho_mqtt", &["mqtt"]),
    ("rmqtt_codec", &["broker"]),
    ("bytes", &["broker"]),
    ("bytestring", &["broker"]),
    ("tokio_openssl", &["broker"]),
    ("tokio_util", &["broker"]),
    ("actix_http", &["broker/websocket.rs"]),
    ("httparse", &["broker/websocket.rs"]),
    ("ureq", &["notify/http.rs"]),
    ("lettre", &["notify/mail.rs"]),
    (
        "url",
        &[
            "config/broker_url.rs",
            "config/receiver_services.rs",
            "notify/proxy.rs",
            "notify/redirect.rs",
            "notify/services",
            "notify/template.rs",
        ],
    ),
    ("httpdate", &["notify/outcome.rs"]),
    // Storage.
    ("r2d2", &["store/sqlite"]),
    ("r2d2_sqlite", &["store/sqlite"]),
    ("rusqlite", &["store/sqlite"]), // as a part of r2d2_sqlite
    ("crc32fast", &["ingest/journal"]),
    // Values, time, text.
    ("foldhash", &["domain/quick.rs"]),
    ("cel", &["expression", "alarms/expression", "ingest/formats/families/mapping/expression"]),
    ("base64", &["cli"]),
    ("csv", &["cli", "sensors/recording.rs"]),
    ("maud", &["alarms/report"]),
    ("regex", &["ingest/formats/families/homeassistant/template"]),
    ("chrono", EVERY_ROOM),
    ("chrono_tz", &["alarms", "config", "domain", "evaluator", "ingest", "sensors", "web", "wire"]),
    ("rand", &["broker", "mqtt", "notify", "sensors", "supervisor"]),
    ("serde", EVERY_ROOM),
    ("serde_json", EVERY_ROOM),
    ("toml", &["config"]),
    ("strsim", &["config"]),
    ("thiserror", EVERY_ROOM),
    // The command line and the log.
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("tikv_jemallocator", &["main.rs"]),
    (
        "rustix",
        &[
            "broker/files.rs",
            "cli/passwd.rs",
            "cli/private.rs",
            "store/backup.rs",
            "store/growth.rs",
            "store/lock.rs",
        ],
    ),
    ("env_logger", &["logging"]),
    ("log", EVERY_ROOM),
];

const EVERY_ROOM: &[&str] = &[""];

/// Libraries used through another one, so not in `Cargo.toml`.
const PARTS: &[&str] = &["rusqlite"];

/// Top-level module of a path: `src/mqtt/codec.rs` → `mqtt`, `src/app.rs` → `app`.
fn module_of(path: &Path) -> String {
    let first = path.strip_prefix("src").unwrap().components().next().unwrap();
    first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// Modules that code uses, as `crate::x` or (from the binary) `vigie::x`.
fn modules_named(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for prefix in ["crate::", "vigie::"] {
        for (at, _) in code.match_indices(prefix) {
            let rest = &code[at + prefix.len()..];
            let name: String =
                rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            assert!(!rest.starts_with('{'), "write one `use crate::…` a module: {rest:.40}");
            if !name.is_empty() {
                named.insert(name);
            }
        }
    }
    named
}

/// True if code uses a library, as `library::…`, `use library;` or `use library as …`.
fn names_library(code: &str, library: &str) -> bool {
    code.match_indices(library).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + library.len()..]);
        let begins = !before.ends_with("::") && !before.bytes().last().is_some_and(is_word);
        let imported = before.ends_with("use ") && (after.starts_with([';', ' ']));
        begins && (after.starts_with("::") || imported)
    })
}

/// Dependencies of the program, by crate name.
fn dependencies() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    let names = manifest["dependencies"].as_table().unwrap().keys();
    names.map(|name| name.replace('-', "_")).collect()
}

#[test]
fn arrows_point_one_way() {
    let mut wrong = Vec::new();
    for Source { path, code } in sources() {
        let module = module_of(&path);
        if module == "lib" {
            continue;
        }
        let Some((_, may_name)) = ARROWS.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("{}: the module `{module}` has no place in ARROWS", path.display()));
            continue;
        };
        for named in modules_named(&code) {
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
    for Source { path, code } in sources() {
        for (library, rooms) in LIBRARIES {
            let is_at_home = rooms.iter().any(|room| path.starts_with(Path::new("src").join(room)));
            if !is_at_home && names_library(&code, library) {
                wrong.push(format!("{} names {library}; only {rooms:?} may", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_library_has_a_room() {
    let placed: BTreeSet<_> = LIBRARIES.iter().map(|(library, _)| (*library).to_owned()).collect();
    let parts = PARTS.iter().map(|part| (*part).to_owned());
    let known: BTreeSet<_> = dependencies().into_iter().chain(parts).collect();
    assert_eq!(placed, known, "rooms in LIBRARIES, libraries in Cargo.toml");
}

#[test]
fn the_scan_sees_what_it_should() {
    let text = "use crate::gateway::X; // crate::cli\n// crate::app\nlog!(\"vigie::y \\\" {\"); \
                vigie::cli::main(); let b = r#\"crate::z \" \"#; fn x<'a>() { '{'; }\n\
                #[cfg(test)]\nuse crate::seen;\n\
                #[cfg(test)]\nmod tests { use crate::hidden; mod deeper {} }\n\
                use crate::after;\n#[cfg(test)]\npub(crate) mod far;\n\
                #[cfg(test)]\n#[path = \"by_path.rs\"]\nmod other;\nuse crate::last;";
    let (code, files) = without_tests(text);
    let named = modules_named(&code);
    assert_eq!(named.into_iter().collect::<Vec<_>>(), ["after", "cli", "gateway", "last", "seen"]);
    assert_eq!(files, ["far", "by_path.rs"]);
    assert_eq!(beside(Path::new("src/a/b.rs"), "far"), Path::new("src/a/b/far"));
    assert_eq!(beside(Path::new("src/a/mod.rs"), "far"), Path::new("src/a/far"));
    assert_eq!(beside(Path::new("src/a/b.rs"), "by_path.rs"), Path::new("src/a/by_path"));
}

#[test]
fn a_library_is_recognised_by_its_name_alone() {
    for code in ["use log;", "log::info!()", "(log::x)", "use log as l;", "&log::x"] {
        assert!(names_library(code, "log"), "{code}");
    }
    for code in ["catalog::x", "crate::log::x", "let log = 1;", "log_x::y", "use crate::log;"] {
        assert!(!names_library(code, "log"), "{code}");
    }
}
