//! Users and rights of the embedded broker, tested with Mosquitto's programs; their reload; MQTT over WebSocket.

use std::process::Command;

use crate::support::{Client, Daemon, Home, Process, SOON, names, require, run_vigie};

const PROGRAMS: [&str; 2] = ["mosquitto_pub", "mosquitto_sub"];

/// Writes a password file into `home`.
const CONFIG: &str = r#"
language = "en"

[broker]
listen = "127.0.0.1:0"
username = "admin"
password_file = "admin.txt"

[[broker.users]]
name = "freezer-7"
password_file = "device.txt"
preset = "device"

[[broker.users]]
name = "hall"
password_file = "hall.txt"
preset = "operator"

[[broker.users]]
name = "meter"
password_file = "meter.txt"
publish = ["site/%u/+"]
subscribe = ["site/%u/set", "factory/alerts/#"]
"#;

const READING: &str = r#"{"sensor_id":"F7","temperature":-18.5}"#;

struct Broker {
    home: Home,
    daemon: Daemon,
    port: String,
}

impl Broker {
    fn start() -> Self {
        Self::start_with(CONFIG)
    }

    fn start_with(config: &str) -> Self {
        let home = Home::new();
        for user in ["admin", "device", "hall", "meter"] {
            home.write(&format!("{user}.txt"), user);
        }
        let mut daemon = home.start(config);
        let access = daemon.embedded_broker();
        let port = access.url.rsplit_once(':').expect("a port").1.to_owned();
        Self { home, daemon, port }
    }

    /// Runs a Mosquitto program; true if it succeeds.
    fn runs(&self, program: &str, (user, password): (&str, &str), arguments: &[&str]) -> bool {
        let mut command = Command::new(program);
        command.args(["-h", "127.0.0.1", "-p", &self.port, "-V", "mqttv5", "-q", "1"]);
        command.args(["-u", user, "-P", password]).args(arguments);
        let log = self.home.path("client.txt");
        let mut process = Process::start(program, &mut command, &log);
        let is_done = process.exit(SOON).success();
        // The exit code is 0 for a refused message, too; the output tells.
        is_done && !["Not authorized", "denied"].iter().any(|no| process.log().contains(no))
    }

    fn publishes(&self, login: (&str, &str), topic: &str, text: &str) -> bool {
        self.runs("mosquitto_pub", login, &["-t", topic, "-m", text])
    }

    fn subscribes(&self, login: (&str, &str), filter: &str) -> bool {
        // The program ends once the subscription is granted.
        self.runs("mosquitto_sub", login, &["-t", filter, "-E"])
    }

    fn reload(&self, config: &str) -> String {
        let path = self.home.write("vigie.toml", config);
        let output = run_vigie(&self.home, &["reload", "-c", path.to_str().expect("text")]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

const DEVICE: (&str, &str) = ("freezer-7", "device");
const HALL: (&str, &str) = ("hall", "hall");
const METER: (&str, &str) = ("meter", "meter");
const ADMIN: (&str, &str) = ("admin", "admin");

#[test]
fn each_user_has_the_rights_of_the_configuration() {
    if !require(&PROGRAMS) {
        return;
    }
    let mut broker = Broker::start();
    broker.daemon.wait_line("everything, alerts included", SOON);
    for (login, topic, is_allowed) in [
        (DEVICE, "factory/sensors/temperature", true),
        (DEVICE, "factory/alerts/temperature", false),
        (DEVICE, "factory/sensors/status", false),
        (DEVICE, "factory/alarms/0123456789abcdef/ack", false),
        (HALL, "factory/sensors/temperature", false),
        (METER, "site/meter/power", true),
        (METER, "site/other/power", false),
        (ADMIN, "factory/alerts/temperature", true),
    ] {
        assert_eq!(broker.publishes(login, topic, READING), is_allowed, "{login:?} {topic}");
    }
    for (login, filter, is_allowed) in [
        (DEVICE, "factory/alerts/#", false),
        (HALL, "#", true),
        (METER, "site/meter/set", true),
        (METER, "site/+/set", false),
    ] {
        assert_eq!(broker.subscribes(login, filter), is_allowed, "{login:?} {filter}");
    }
    let db = broker.home.db();
    broker.daemon.wait_until("the one reading", SOON, || db.count() == 1);
    assert!(
        !broker.publishes(("nobody", "x"), "x", "x") && !broker.publishes(("hall", "x"), "x", "x")
    );
    broker.daemon.wait_line("wrong user name or password", SOON);
    assert_eq!(broker.daemon.stop(), 0);
}

#[test]
fn a_device_gets_no_right_to_a_topic_by_announcing_it() {
    if !require(&PROGRAMS) {
        return;
    }
    let config = format!("{CONFIG}\n[[devices]]\npreset = \"homeassistant\"\n");
    let mut broker = Broker::start_with(&config);
    let announcement = r#"{"uniq_id":"kiln","dev_cla":"temperature","stat_t":"site/other/set"}"#;
    let announces = "homeassistant/sensor/kiln/config";
    assert!(broker.publishes(DEVICE, announces, announcement));
    assert!(broker.publishes(ADMIN, "site/other/set", "184.5"), "by one who may all");
    let db = broker.home.db();
    broker.daemon.wait_until("it is learned", SOON, || db.count() == 1);
    assert!(!broker.publishes(DEVICE, "site/other/set", "20"));
    assert_eq!(broker.reload(&config).trim(), "nothing changed");
    assert!(!broker.publishes(DEVICE, "site/other/set", "20"));
    assert_eq!(broker.daemon.stop(), 0);
}

#[test]
fn a_reload_replaces_the_users() {
    if !require(&PROGRAMS) {
        return;
    }
    let mut broker = Broker::start();
    let mut access = broker.daemon.embedded_broker();
    access.user = Some(("meter".into(), "meter".into()));
    let meter = Client::connect(&access);
    assert_eq!(broker.reload(CONFIG).trim(), "nothing changed");
    let more = CONFIG.replace("\"site/%u/+\"", "\"site/%u/+\", \"new/#\"");
    assert!(!broker.publishes(METER, "new/x", "x"));
    assert_eq!(broker.reload(&more).trim(), "the users of the broker");
    assert!(broker.publishes(METER, "new/x", "x"));
    assert!(meter.is_connected());
    let fewer = CONFIG.split("[[broker.users]]\nname = \"meter\"").next().expect("the others");
    assert_eq!(broker.reload(fewer).trim(), "the users of the broker");
    broker.daemon.wait_until("the end of its connection", SOON, || !meter.is_connected());
    assert!(
        !broker.publishes(METER, "new/x", "x")
            && broker.publishes(DEVICE, "factory/sensors/temperature", READING)
    );
    assert_eq!(broker.daemon.stop(), 0);
}

#[test]
fn pahos_client_connects_over_websocket() {
    let home = Home::new();
    let mut daemon = home.start(
        "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\nlisten_ws = \"127.0.0.1:0\"\n",
    );
    let line = daemon.wait_line("for WebSocket", SOON);
    let address = line.split("listening on ").nth(1).and_then(|rest| rest.split(' ').next());
    let mut access = daemon.embedded_broker();
    let listener = Client::listening(&access, &["big"]);
    access.url = format!("ws://{}", address.expect("an address"));
    let page = Client::listening(&access, &["factory/#"]);
    page.publish("factory/sensors/temperature", READING, 1);
    page.wait_message(names::READINGS, SOON, |message| message.payload == READING.as_bytes());
    // A message that spans several WebSocket frames.
    let big = "x".repeat(300_000);
    page.publish("big", big.clone(), 1);
    listener.wait_message("big", SOON, |message| message.payload == big.as_bytes());
    daemon.wait_until("the reading in the table", SOON, || home.db().count() == 1);
    assert_eq!(daemon.stop(), 0);
}
