//! `vigie decode`: decodes messages, given or live, with a configuration. Stores nothing.

mod listen;

use std::io::{self, BufRead, Write, stdin, stdout};
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::ConfigFile;
use crate::config::{Config, duration};
use crate::domain::{Measurement, News, ReadingClock, Value, time};
use crate::exit::Exit;
use crate::ingest::formats::{self, Claim, Decoded, DecodedMessage, Decoders, Message};
use crate::logging::one_line;

/// Which message.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub file: ConfigFile,
    /// Topic of the message. With --listen: topic filter, # by default.
    #[arg(long, required_unless_present_any = ["jsonl", "listen"])]
    topic: Option<String>,
    /// Payload as text.
    #[arg(long, conflicts_with_all = ["payload_file", "jsonl"], allow_hyphen_values = true)]
    payload: Option<String>,
    /// File with the payload; - for standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "jsonl")]
    payload_file: Option<PathBuf>,
    /// The message is retained.
    #[arg(long, conflicts_with = "jsonl")]
    retained: bool,
    /// Read messages from standard input, one JSON object a line: topic, `payload_utf8` or `payload_base64`,
    /// retained, `received_at`. Writes one JSON object for each.
    #[arg(long, conflicts_with = "topic")]
    jsonl: bool,
    /// Listen to the broker for this time (`30s`) as an additional client. Shows by shape of topic the readings, or
    /// configuration that would read the messages.
    #[arg(long, value_name = "TIME", value_parser = duration::parse, conflicts_with_all = ["jsonl", "payload", "payload_file", "retained"])]
    listen: Option<Duration>,
}

/// Input line of `--jsonl`.
#[derive(Debug, Deserialize)]
struct Line {
    topic: String,
    #[serde(default)]
    payload_utf8: Option<String>,
    #[serde(default)]
    payload_base64: Option<String>,
    #[serde(default)]
    received_at: Option<DateTime<Utc>>,
}

/// Output line of `--jsonl`.
#[derive(Debug, Default, Serialize)]
struct Outcome<'a> {
    rule: Option<&'a str>,
    readings: Vec<ReadingLine>,
    availability: Vec<AvailabilityLine>,
    ignored: Option<String>,
    rejected: Option<String>,
    rejected_parts: usize,
    /// Reasons of the parts that are rejected, for a person.
    #[serde(skip)]
    faults: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ReadingLine {
    sensor_id: String,
    location: String,
    quantity: String,
    value: Value,
    unit: String,
    timestamp: String,
    historical: bool,
}

#[derive(Debug, Serialize)]
struct AvailabilityLine {
    device: String,
    state: &'static str,
}

/// Runs the command.
pub fn run(args: &Args, config: &Config) -> Exit {
    let Ok(formats) = formats::formats(config) else { return Exit::Usage }; // checked when it was read
    let decoders = Decoders::new(&formats, Vec::new());
    if let Some(time) = args.listen {
        return listen::run(config, args.topic.as_deref().unwrap_or("#"), time, decoders);
    }
    let done = if args.jsonl {
        lines(decoders, &mut stdin().lock(), &mut stdout().lock())
    } else {
        one(decoders, args, &mut stdout().lock())
    };
    match done {
        Ok(()) => Exit::Ok,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Ok,
        Err(error) => super::complain("decode", &error, Exit::Usage),
    }
}

/// Decodes line after line, with the state that earlier ones left.
fn lines(mut decoders: Decoders, from: &mut dyn BufRead, to: &mut dyn Write) -> io::Result<()> {
    for (number, line) in from.lines().enumerate() {
        let line = line?;
        let wrong = |why: String| {
            io::Error::new(io::ErrorKind::InvalidData, format!("line {}: {why}", number + 1))
        };
        let line: Line = serde_json::from_str(&line)
            .map_err(|error| wrong(format!("{error}; write {{\"topic\":…,\"payload_utf8\":…}}")))?;
        let payload = match (line.payload_base64, line.payload_utf8) {
            (Some(text), _) => BASE64
                .decode(text)
                .map_err(|why| wrong(format!("the payload is no base64: {why}")))?,
            (None, text) => text.unwrap_or_default().into_bytes(),
        };
        let received_at = line.received_at.unwrap_or_else(Utc::now);
        let message =
            Message { topic: &line.topic, payload: &payload, received_at, is_replayed: false };
        let outcome = outcome(&mut decoders, &message);
        writeln!(to, "{}", serde_json::to_string(&outcome)?)?;
        to.flush()?;
    }
    Ok(())
}

fn outcome<'a>(decoders: &'a mut Decoders, message: &Message<'_>) -> Outcome<'a> {
    let Some(DecodedMessage { rule, decoded, .. }) = decoders.decode(message, &mut Vec::new())
    else {
        let ignored = Some("no rule takes this topic".into());
        return Outcome { ignored, ..Outcome::default() };
    };
    let rule = Some(rule);
    let Decoded { measurements, availability, action, faults, num_faults, ignored } = match decoded
    {
        Ok(decoded) => decoded,
        Err(why) => return Outcome { rule, rejected: Some(why), ..Outcome::default() },
    };
    let reading = |mut measurement: Measurement| {
        measurement.distrust_unset_clock(message.received_at);
        reading_line(&measurement)
    };
    let action = action.map(|_| "an operator's action".into());
    Outcome {
        rule,
        readings: measurements.into_iter().map(reading).collect(),
        availability: availability
            .into_iter()
            .map(|it| AvailabilityLine {
                device: it.device.to_string(),
                state: it.presence.as_str(),
            })
            .collect(),
        ignored: ignored.map(Into::into).or(action),
        rejected: None,
        rejected_parts: num_faults,
        faults,
    }
}

fn reading_line(Measurement { reading, clock, news }: &Measurement) -> ReadingLine {
    ReadingLine {
        sensor_id: reading.sensor_id.to_string(),
        location: reading.location.to_string(),
        quantity: reading.quantity.to_string(),
        value: reading.value,
        unit: reading.unit.as_str().to_owned(),
        timestamp: match clock {
            ReadingClock::Sender => time::on_wire(reading.timestamp, None),
            ReadingClock::Receipt => "receive".into(),
        },
        historical: *news == News::Historical,
    }
}

/// Explains one message: which table claims it, its readings, and why the other tables don't.
fn one(mut decoders: Decoders, args: &Args, to: &mut dyn Write) -> io::Result<()> {
    let topic = args.topic.as_deref().unwrap_or_default();
    let payload = match (&args.payload, &args.payload_file) {
        (Some(text), _) => text.clone().into_bytes(),
        (None, Some(path)) if path.as_os_str() == "-" => {
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut stdin().lock(), &mut bytes)?;
            bytes
        }
        (None, Some(path)) => std::fs::read(path).map_err(|error| {
            io::Error::new(error.kind(), format!("can't read {}: {error}", path.display()))
        })?,
        (None, None) => Vec::new(),
    };
    let claims: Vec<(String, Claim)> =
        decoders.claims(topic).map(|(rule, claim)| (rule.to_owned(), claim)).collect();
    let is_replayed = args.retained;
    let message = Message { topic, payload: &payload, received_at: Utc::now(), is_replayed };
    let misses = decoders.explain(&message);
    show(&outcome(&mut decoders, &message), is_replayed, to)?;
    for miss in misses {
        say(to, &format!("nothing of it: {miss}"))?;
    }
    let mut is_taken = false;
    for (rule, claim) in claims {
        if claim == Claim::Foreign {
            say(to, &format!("not by {rule}: the topic is not one of its"))?;
        } else if is_taken {
            say(to, &format!("not by {rule}: a rule before it takes the topic"))?;
        }
        is_taken |= claim != Claim::Foreign;
    }
    Ok(())
}

fn show(outcome: &Outcome<'_>, is_replayed: bool, to: &mut dyn Write) -> io::Result<()> {
    match outcome.rule {
        Some(rule) => say(to, &format!("rule: {rule}"))?,
        None => say(to, "no rule takes this topic")?,
    }
    for it in &outcome.readings {
        let unit = if it.unit.is_empty() { String::new() } else { format!(" {}", it.unit) };
        let at = if it.timestamp == "receive" { "at receipt" } else { &it.timestamp };
        let place =
            if it.location.is_empty() { String::new() } else { format!(", {}", it.location) };
        let past = if it.historical { ", historical: stored, never judged" } else { "" };
        let (id, quantity, value) = (&it.sensor_id, &it.quantity, it.value);
        say(to, &format!("reading: {id} {quantity} = {value}{unit} ({at}{place}{past})"))?;
    }
    for it in &outcome.availability {
        say(to, &format!("availability: {} is {}", it.device, it.state))?;
    }
    if is_replayed && !outcome.readings.is_empty() {
        say(to, "retained: shown until something newer comes; not stored, not judged")?;
    }
    for fault in &outcome.faults {
        say(to, &format!("can't be used: {fault}"))?;
    }
    if let Some(why) = &outcome.ignored {
        say(to, &format!("ignored: {why}"))?;
    }
    if let Some(why) = &outcome.rejected {
        say(to, &format!("rejected: {why}"))?;
    }
    Ok(())
}

/// One line, without anything of a stranger's that a terminal would obey.
fn say(to: &mut dyn Write, line: &str) -> io::Result<()> {
    writeln!(to, "{}", one_line(line))
}
