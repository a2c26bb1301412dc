use proptest::prelude::*;

use super::*;

const FACTORY: &str = include_str!("../../config/factory.toml");

#[test]
fn all_mistakes_are_reported_at_once_in_their_order() {
    let text = "langage = \"fr\"\n[broker]\nusername = \"u\"\n[mqtt]\ntopic_prefix = \"a/#\"\n";
    assert_eq!(
        testing::said(text),
        [
            "1: unknown key `langage` in the top level",
            "3: `username` comes without a password",
            "5: `topic_prefix` has a wildcard in it",
        ]
    );
}

#[test]
fn a_syntax_error_is_reported_alone_with_its_place() {
    let text = "langage = \"fr\"\n[broker]\nlisten = localhost\n[mqtt]\ntopic_prefix = \"a/#\"\n";
    assert_eq!(testing::said(text), ["3: this text is not in quotes"]);
}

#[test]
fn files_are_looked_for_by_load_alone() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("c.toml");
    let there = dir.path().join("there");
    std::fs::write(&there, "").unwrap();
    let text = format!(
        "[broker]\ntls_cert = '{}'\ntls_key = 'no/key'\n[mqtt]\nurl = 'mqtts://h'\n\
         ca_file = 'no/ca'\nclient_cert = 'no/cert'\nclient_key = '{}'\n\
         username = 'u'\npassword_file = 'no/password'\n\
         [[sensors]]\nid = 'A'\nsource = {{ type = 'replay', file = 'no/csv' }}\n",
        there.display(),
        dir.path().display(),
    );
    std::fs::write(&config, &text).unwrap();
    assert!(parse(&text, "c.toml").is_ok());
    let errors = load(&config).unwrap_err();
    let said = errors.to_string();
    let keys = ["tls_key", "ca_file", "client_cert", "client_key", "file"];
    assert_eq!(errors.as_slice().len(), keys.len(), "{errors}");
    for key in keys {
        assert!(said.contains(&format!("`{key}`: there is no file")), "{key}: {said}");
    }
}

#[test]
fn a_file_that_cant_be_read_is_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let no_file = dir.path().join("no.toml");
    let errors = load(&no_file).unwrap_err().to_string();
    let expected =
        format!("{}: error: there is no such file; name one with -c FILE", no_file.display());
    assert_eq!(errors, expected);
    assert!(load(dir.path()).unwrap_err().to_string().contains("this is a directory"));
    let latin1 = dir.path().join("latin1.toml");
    std::fs::write(&latin1, b"a = 1\nb = \"Entrep\xf4t\"\n").unwrap();
    let errors = load(&latin1).unwrap_err().to_string();
    assert!(errors.contains("latin1.toml:2:12: error: this is not UTF-8"), "{errors}");
}

#[test]
fn a_byte_order_mark_and_dos_lines_are_fine() {
    let text = format!("\u{feff}{}", FACTORY.replace('\n', "\r\n"));
    assert!(parse(&text, "f").is_ok());
    let text = text.replace("cycle_pause", "cycle_paus");
    let errors = parse(&text, "f").unwrap_err();
    let line = FACTORY.lines().position(|line| line.starts_with("cycle_pause")).unwrap() + 1;
    assert_eq!(errors.as_slice()[0].place, Some(Place { line, column: 1 }));
}

/// Errors are there, each with a place in the text, a cause and a hint, on lines of their own.
fn assert_sound(text: &str) {
    let Err(errors) = parse(text, "f") else { return };
    assert!(!errors.as_slice().is_empty());
    let num_lines = text.lines().count().max(1);
    for error in errors.as_slice() {
        let Place { line, column } = error.place.unwrap();
        assert!((1..=num_lines).contains(&line), "line {line} of {num_lines}: {error}");
        let longest = text.split('\n').nth(line - 1).unwrap().chars().count() + 1;
        assert!((1..=longest).contains(&column), "column {column} of {longest}: {error}");
        assert!(!error.mistake.what.is_empty() && !error.mistake.hint.is_empty());
        assert_eq!(error.to_string().lines().count(), 2, "{error}");
    }
}

/// Reading in pieces finds what reading as a whole does, however small the pieces.
fn assert_pieces_make_the_whole(text: &str) -> bool {
    let Some((config, findings)) = in_pieces(text, 10, &|_| true) else { return false };
    let (whole, whole_findings) = as_a_whole(text, &|_| true);
    let said = |findings: Vec<Finding>| located(findings, text, "f").to_string();
    assert_eq!(said(findings), said(whole_findings), "{text}");
    assert_eq!(format!("{config:?}"), format!("{whole:?}"), "{text}");
    true
}

#[test]
fn pieces_make_the_whole() {
    assert!(assert_pieces_make_the_whole(FACTORY));
    assert!(assert_pieces_make_the_whole(&FACTORY.replace('\n', "\r\n")));
    assert!(assert_pieces_make_the_whole(include_str!("../../config/replay.toml")));
    let twice = FACTORY.replace("TEMP_004", "TEMP_001");
    assert!(assert_pieces_make_the_whole(&twice));
    assert_eq!(parse(&twice, "f").unwrap_err().as_slice().len(), 1);
}

#[test]
fn rules_are_read_beside_sensors_in_pieces() {
    let sensor = "[[sensors]]\nid = \"A\"\nsource = { type = \"simulated\" }\n";
    let rule = "[[rules]]\nname = \"r\"\nkind = \"high\"\nsensors = [\"A*\"]\nlimit = 1\n";
    for text in [
        format!("[broker]\n{rule}{sensor}"),
        format!("[broker]\n{sensor}{rule}"),
        format!("[broker]\n{rule}{rule}{sensor}{}", rule.replace("A*", "")),
    ] {
        assert!(assert_pieces_make_the_whole(&text), "{text}");
    }
}

#[test]
fn what_is_not_plainly_in_pieces_is_read_as_a_whole() {
    let sensor = "[[sensors]]\nid = \"A\"\nsource = { type = \"simulated\" }\n";
    assert!(assert_pieces_make_the_whole(&format!("{sensor}{sensor}[broker]\n")));
    for whole in [
        "[broker]\n".to_owned(),
        format!("{sensor}[broker]\n{sensor}"),
        format!("{sensor}[broker]\n[sensors.source]\n"),
        format!("sensors = []\n{sensor}"),
        format!("[[ sensors ]]\n{sensor}"),
        format!("[mqtt]\nname = \"\"\"\n{sensor}[log]\n\"\"\"\n"),
        format!("x = [\n{sensor}[1]]\n"),
        format!("{sensor}x\n{sensor}"),
    ] {
        assert!(!assert_pieces_make_the_whole(&whole), "{whole}");
    }
}

proptest! {
    #[test]
    fn any_text_is_refused_soundly(text in any::<String>()) {
        assert_sound(&text);
    }

    #[test]
    fn any_toml_like_text_is_refused_soundly(
        text in "([a-c\\[\\]{}=.,'\"#0-9 \n\t\\\\é-]|\"\"\"|\\[\\[sensors\\]\\]\n|\\[mqtt\\]\n|id = ){0,40}"
    ) {
        assert_sound(&text);
    }

    #[test]
    fn a_damaged_config_is_refused_soundly(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, "[\\PC\n]{0,6}"), 1..6)
    ) {
        let mut chars: Vec<char> = FACTORY.chars().collect();
        for (at, cut, put) in edits {
            let start = at.index(chars.len() + 1);
            let end = (start + cut).min(chars.len());
            chars.splice(start..end, put.chars());
        }
        assert_sound(&chars.into_iter().collect::<String>());
    }

    #[test]
    fn lines_in_any_order_are_refused_soundly(
        lines in prop::collection::vec(any::<prop::sample::Index>(), 0..30)
    ) {
        let all: Vec<&str> = FACTORY.lines().filter(|line| !line.is_empty()).collect();
        let lines: Vec<&str> = lines.iter().map(|line| *line.get(&all)).collect();
        assert_sound(&lines.join("\n"));
        assert_pieces_make_the_whole(&lines.join("\n"));
    }

    #[test]
    fn parts_in_any_order_are_read_alike_in_pieces(
        parts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)
    ) {
        let all = [
            "[broker]\n",
            "[mqtt]\nreading_topic = 'per-sensor'\n",
            "[alerts.co2]\nhigh = 1\n",
            "[[rules]]\nname = 'R'\nkind = 'stale'\nafter = '1h'\n",
            "[[rules]]\nname = 'high-co2'\nkind = 'high'\nsensors = ['A', 1]\n",
            "[[sensors]]\nid = 'A'\nsource.type = 'simulated'\n",
            "[[sensors]]\nid = 'B/b'\n[sensors.source]\ntype = 'replay'\n",
            "[[sensors]]\nid = 'T{1..3}'\nlocation = '''x'''\n",
            "[sensors.source]\ntype = 3\n",
            "language = 'fr'\n",
            "x = [[\n[[1]]\n]]\n",
            "'''",
            "y = '''\n",
            "[\n",
            "]\n",
        ];
        let text: String = parts.iter().map(|part| *part.get(&all)).collect();
        assert_pieces_make_the_whole(&text);
    }
}

/// Every table and kind, so that the reader requests every key.
fn with_every_table() -> String {
    let mut text = "[broker]\n[[broker.users]]\n[broker.limits]\n[mqtt]\n[fleet]\n[alerts]\n\
                    [alerts.temperature]\n[alerts.chattering]\n[alerts.flood]\n[homeassistant]\n[storage]\n\
                    [storage.retention]\n[web]\n[[web.users]]\n[log]\n[heartbeat]\n[[maintenance]]\n"
        .to_owned();
    for source in ["simulated", "replay"] {
        text += &format!("[[sensors]]\nsource = {{ type = \"{source}\" }}\n");
    }
    for kind in
        ["high", "low", "rate", "stale", "flatline", "deviation", "difference", "expression"]
    {
        text += &format!("[[rules]]\nname = \"{kind}\"\nkind = \"{kind}\"\n");
    }
    for kind in
        ["webhook", "template", "email", "ntfy", "slack", "teams", "telegram", "alertmanager"]
    {
        text += &format!("[[receivers]]\nname = \"{kind}\"\ntype = \"{kind}\"\n");
    }
    text + "[[devices]]\npreset = \"zigbee2mqtt\"\n[[devices]]\ntopic = \"a/b\"\n"
}

#[test]
fn every_key_that_is_read_is_in_the_manual() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let pages = [docs.clone(), docs.join("devices")];
    let pages = pages.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let pages = pages.map(|page| page.unwrap().path()).filter(|page| page.is_file());
    let manual: String = pages.map(|page| std::fs::read_to_string(page).unwrap()).collect();
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words: std::collections::HashSet<_> = manual.split(|c| !is_part(c)).collect();
    let _ = parse(&with_every_table(), "all.toml");
    let requested = reader::REQUESTED.take();
    assert!(requested.len() > 150, "{} keys: {requested:?}", requested.len());
    let missing: Vec<_> = requested.iter().filter(|(_, key)| !words.contains(key)).collect();
    assert!(missing.is_empty(), "no page of the manual names {missing:?}");
}
