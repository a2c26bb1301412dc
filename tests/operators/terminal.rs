//! Commands escape text of others: ids, topics, payloads, units, and answers of brokers and receivers. No control sequence
//! reaches the terminal, and no text forges a line.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::thread;

use serde_json::{Value, json};

use crate::support::{Client, Home, SOON, eventually, names, run_vigie};

const EMBEDDED: &str = "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n";

const SITE: &str = "[[devices]]\ntopic = \"site/{sensor}/state\"\n\
    values = { temperature = { at = \"/t\", unit = \"/u\" } }\n";

/// Clears the screen, starts a forged line, and reverses the text direction.
const ODD: &str = "\u{1b}[2J\nPROBLEM none\r\u{202e}cba\u{2066}\u{9b}1m";

fn said(home: &Home, args: &[&str]) -> String {
    let output = run_vigie(home, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Checks that no control character is printed; `shown` is the escaped text.
fn assert_escaped(text: &str, shown: &[&str]) {
    let odd = |c: &char| {
        *c != '\n' && c.is_control()
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert_eq!(text.chars().find(odd), None, "{text:?}");
    assert!(!text.lines().any(|line| line.starts_with("PROBLEM none")), "{text}");
    for part in shown {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

/// Answers one request in place of a daemon, on its socket.
fn answer(home: &Home, body: &Value) {
    let listener = UnixListener::bind(home.path(names::API_SOCKET)).expect("a socket");
    let body = body.to_string();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a command");
        let (mut request, mut some) = (Vec::new(), [0; 1024]);
        while !request.windows(4).any(|it| it == b"\r\n\r\n") {
            let count = stream.read(&mut some).expect("a request");
            request.extend_from_slice(&some[..count]);
        }
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length:";
        write!(stream, "{head} {}\r\n\r\n{body}", body.len()).expect("an answer");
    });
}

#[test]
fn status_escapes_control_characters() {
    let home = Home::new();
    let sensor = "[[sensors]]\nid = \"S\"\nsource = { type = \"simulated\" }\n";
    let mut daemon = home.start(&format!("{EMBEDDED}{sensor}"));
    let mut report: Value =
        serde_json::from_str(&said(&home, &["status", "--json", "-c", "vigie.toml"]))
            .expect("JSON");
    assert_eq!(daemon.stop(), 0);
    let odd = |name: &str| format!("{name}{ODD}");
    report["broker"]["name"] = odd("broker").into();
    report["broker"]["limits"] = json!([odd("limit")]);
    report["problems"] = json!([{ "since": "2026-03-01T00:00:00Z", "what": odd("problem") }]);
    report["tree"]["children"][0]["name"] = odd("child").into();
    report["tree"]["children"][0]["last_exit"] =
        json!({ "at": "2026-03-01T00:00:00Z", "what": odd("exit") });
    report["tree"]["groups"][0]["name"] = odd("group").into();
    report["receivers"] = json!([{
        "name": odd("receiver"), "state": "failing", "waiting": 1, "delivered": 0, "given_up": 0, "dropped": 0,
        "untold": 0, "last_success": null, "last_error": { "at": "2026-03-01T00:00:00Z", "why": odd("error") },
    }]);
    answer(&home, &report);
    let text = said(&home, &["status", "-c", "vigie.toml"]);
    let escaped = "\\u{1b}[2J\\u{a}PROBLEM none\\u{d}\\u{202e}cba\\u{2066}\\u{9b}1m";
    let parts = ["broker", "limit", "problem", "child", "exit", "group", "receiver", "error"];
    let shown = parts.map(|name| format!("{name}{escaped}"));
    assert_escaped(&text, &shown.each_ref().map(String::as_str));
}

#[test]
fn devices_escapes_control_characters() {
    let home = Home::new();
    let mut daemon = home.start(&format!("{EMBEDDED}{SITE}"));
    let device = Client::connect(&daemon.embedded_broker());
    let bidi = "a\u{202e}b";
    let reading = json!({ "sensor_id": bidi, "temperature": 3.5, "unit": format!("x{bidi}") });
    device.publish(names::READINGS, reading.to_string(), 1);
    device.publish("site/cellar/state", json!({ "t": ODD }).to_string(), 1);
    device.publish(&format!("plant/{bidi}/data"), ODD, 1);
    device.publish("hall/state", json!({ format!("t{bidi}"): 3.5, "u": ODD }).to_string(), 1);
    let mut text = String::new();
    eventually("all heard", SOON, || {
        text = said(&home, &["devices", "-c", "vigie.toml"]);
        (text.contains("not understood") && text.contains("hall/state") && text.contains("plant/"))
            .then_some(())
    });
    let shown =
        ["a\\u{202e}b ", "xa\\u{202e}b", "plant/a\\u{202e}b/data: \\u{1b}[2J\\u{a}PROBLEM none"];
    assert_escaped(&text, &shown);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn decode_escapes_control_characters() {
    let home = Home::new();
    home.write("c.toml", &format!("{EMBEDDED}{SITE}"));
    let of = |topic: &str, payload: &str| {
        said(&home, &["decode", "-c", "c.toml", "--topic", topic, "--payload", payload])
    };
    let reading = json!({ "t": 3.5, "u": "x\u{202e}y" }).to_string();
    assert_escaped(&of("site/a\u{202e}b/state", &reading), &["reading: a\\u{202e}b temperature"]);
    let wrong = of("site/cellar/state", &json!({ "t": ODD, "u": "C" }).to_string());
    assert_escaped(&wrong, &["rejected: "]);
    let own = json!({ "sensor_id": "a\u{202e}b", "temperature": 3.5, "unit": "x\u{202e}y", "location": "l\u{2066}" });
    let shown = ["reading: a\\u{202e}b temperature = 3.5 x\\u{202e}y (at receipt, l\\u{2066})"];
    assert_escaped(&of(names::READINGS, &own.to_string()), &shown);
    assert_escaped(&of(&format!("other/{ODD}"), ODD), &["no rule takes this topic"]);
}
