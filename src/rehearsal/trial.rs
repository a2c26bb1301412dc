//! Trial of one limit on the stored readings of one series: when its alarm would have stood. Pure.
//!
//! The rule is written as lines of configuration, which are parsed and judged like any: so a trial shows exactly
//! what these lines would do.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::replay::{Replay, before, lead};
use crate::config::{self, Config, ConfigErrors};
use crate::domain::unit::{convert, quantity_default};
use crate::domain::{AlertState, Conversion, Reading, TriedRule};

/// The longest name of a rule, in bytes.
const LONGEST_NAME: usize = 64;

/// Start and end of an alarm; `None` if it would still stand.
pub type Span = (DateTime<Utc>, Option<DateTime<Utc>>);

/// A trial in progress.
pub struct Trial {
    replay: Replay,
    from: DateTime<Utc>,
    start: DateTime<Utc>,
}

impl TriedRule {
    /// The lines of configuration.
    #[must_use]
    pub fn config(&self) -> String {
        let Self { sensor, quantity, kind, limit, deadband, on_delay, .. } = self;
        let kind = kind.as_str();
        let mut text = format!(
            "[[rules]]\nname = \"{}\"\nkind = \"{kind}\"\nsensors = [{}]\nquantity = {}\nlimit = {limit:?}\n",
            self.name(),
            quoted(sensor),
            quoted(quantity),
        );
        if *deadband != 0.0 {
            text += &format!("deadband = {deadband:?}\n");
        }
        if let Some(unit) = self.other_unit() {
            text += &format!("unit = {}\n", quoted(unit));
        }
        if let Some(on_delay) = on_delay {
            text += &format!("on_delay = {}\n", quoted(on_delay));
        }
        text
    }

    /// Unit, if the numbers would be misunderstood without it.
    fn other_unit(&self) -> Option<&str> {
        let unit = self.unit.as_deref()?;
        let own = quantity_default(&self.quantity)?;
        matches!(convert(own, unit), Conversion::Affine { .. }).then_some(unit)
    }

    /// Name of the rule, from the series, as far as valid and short enough.
    fn name(&self) -> String {
        let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let fit: String = self.sensor.chars().map(|c| if is_fit(c) { c } else { '-' }).collect();
        let end = format!("-{}", self.kind.as_str());
        let fit = fit.to_ascii_lowercase();
        format!("{}{end}", &fit[..fit.len().min(LONGEST_NAME - end.len())])
    }
}

/// A text in TOML syntax.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted += &format!("\\u{:04X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// Errors, without their places in generated lines.
fn said(errors: &ConfigErrors) -> String {
    let mistakes: Vec<_> =
        errors.as_slice().iter().map(|error| error.mistake.to_string()).collect();
    mistakes.join("; ")
}

impl Trial {
    /// Over the time from `from` until before `to`.
    ///
    /// # Errors
    /// If the rule is invalid, as lines of configuration.
    pub fn new(rule: &TriedRule, from: DateTime<Utc>, to: DateTime<Utc>) -> Result<Self, String> {
        // A configuration needs a broker.
        let text = format!("[broker]\n{}", rule.config());
        let config: Config = config::parse(&text, "rule").map_err(|errors| said(&errors))?;
        // Lead-in: an alarm that stands at the beginning was raised before it.
        let start = before(from, lead(&config).max(Duration::from_secs(3600)));
        Ok(Self { replay: Replay::new(&config, start, to, None), from, start })
    }

    /// Time from which the readings are to be played, in order.
    #[must_use]
    pub const fn start(&self) -> DateTime<Utc> {
        self.start
    }

    /// The next reading of the series.
    pub fn take(&mut self, reading: &Reading) {
        self.replay.take(reading);
    }

    /// Spans in which the alarm would have stood, within the period.
    #[must_use]
    pub fn finish(self) -> Vec<Span> {
        let Self { replay, from, .. } = self;
        let mut spans: Vec<Span> = Vec::new();
        for (_, announced) in replay.finish().list {
            match announced.state {
                AlertState::Active => spans.push((announced.at, None)),
                AlertState::Resolved => {
                    spans.last_mut().into_iter().for_each(|span| span.1 = Some(announced.at));
                }
            }
        }
        spans.retain(|(_, end)| end.is_none_or(|end| end > from));
        spans.iter_mut().for_each(|(begin, _)| *begin = from.max(*begin));
        spans
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::domain::{Limit, Location, Quantity, SensorId, Unit, Value};

    fn rule() -> TriedRule {
        TriedRule {
            sensor: "TEMP \"1\"".into(),
            quantity: "temperature".into(),
            kind: Limit::High,
            limit: 30.0,
            deadband: 1.0,
            unit: Some("celsius".into()),
            on_delay: Some("30s".into()),
        }
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(100_000 + second, 0).unwrap()
    }

    fn tried(
        rule: &TriedRule,
        from: i64,
        to: i64,
        values: &[(i64, f64)],
    ) -> Vec<(i64, Option<i64>)> {
        let mut trial = Trial::new(rule, at(from), at(to)).unwrap();
        assert_eq!(trial.start(), at(from) - TimeDelta::hours(1));
        for (second, value) in values {
            trial.take(&Reading {
                sensor_id: SensorId::new(&rule.sensor).unwrap(),
                location: Location::new(""),
                quantity: Quantity::temperature(),
                value: Value::new(*value).unwrap(),
                unit: Unit::new(rule.unit.as_deref().unwrap_or_default()),
                timestamp: at(*second),
            });
        }
        let second = |time: DateTime<Utc>| (time - at(0)).num_seconds();
        let spans = trial.finish().into_iter();
        spans.map(|(begin, end)| (second(begin), end.map(second))).collect()
    }

    #[test]
    fn the_lines_are_those_of_a_configuration() {
        let expected = "[[rules]]\nname = \"temp--1--high\"\nkind = \"high\"\n\
            sensors = [\"TEMP \\\"1\\\"\"]\nquantity = \"temperature\"\nlimit = 30.0\n\
            deadband = 1.0\non_delay = \"30s\"\n";
        assert_eq!(rule().config(), expected);
        let other = TriedRule { unit: Some("°F".into()), ..rule() };
        assert!(
            other.config().contains("unit = \"°F\"\n") && Trial::new(&other, at(0), at(1)).is_ok()
        );
        let long = TriedRule { sensor: "É".repeat(80), deadband: 0.0, on_delay: None, ..rule() };
        assert!(Trial::new(&long, at(0), at(1)).is_ok());
        let wrong = TriedRule { on_delay: Some("30".into()), ..rule() };
        let why = Trial::new(&wrong, at(0), at(1)).err().unwrap();
        assert!(why.contains("has no unit"), "{why}");
    }

    #[test]
    fn a_limit_is_tried_in_the_unit_of_the_readings() {
        let values = [(0, 86.0), (10, 86.2), (20, 84.0)];
        let (unit, limit, deadband) = (Some("°F".to_owned()), 86.0, 1.8);
        let rule = TriedRule { unit, limit, deadband, on_delay: None, ..rule() };
        assert_eq!(tried(&rule, 0, 60, &values), [(10, Some(20))]);
        // An unknown unit is no mistake: figures and numbers are taken for the same.
        let rule = TriedRule { unit: Some("warmths".into()), ..rule };
        assert_eq!(tried(&rule, 0, 60, &values), [(10, Some(20))]);
    }

    #[test]
    fn an_alarm_stands_from_the_end_of_its_delay_to_its_return() {
        let values: Vec<_> = [
            (0, 20.0),
            (10, 31.0),
            (20, 20.0), // too short
            (30, 31.0),
            (40, 32.0),
            (70, 32.0),
            (80, 29.5),
            (90, 28.0), // within the deadband, then out
            (100, 40.0),
            (140, 40.0),
        ]
        .into();
        assert_eq!(tried(&rule(), 0, 200, &values), [(60, Some(90)), (130, None)]);
        // What began before the period is cut, and what ended before it is left out.
        assert_eq!(tried(&rule(), 75, 95, &values[..8]), [(75, Some(90))]);
        assert_eq!(tried(&rule(), 95, 99, &values[..8]), []);
        let low = TriedRule { kind: Limit::Low, limit: 25.0, on_delay: None, ..rule() };
        assert_eq!(tried(&low, 0, 25, &values[..3]), [(0, Some(10)), (20, None)]);
    }
}
