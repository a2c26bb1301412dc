//! One rule test: plays its readings, and says where what came of them differs from what it expects. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::diff::{Line, diff};
use super::player::Player;
use crate::alarms::engine::Outcome;
use crate::alarms::machine::Change;
use crate::config::rule_tests::{
    ExpectedAlarm, ExpectedTransition, RuleTest, RuleTests, StandingAt, TestSeries, words,
};
use crate::config::{Config, duration};
use crate::domain::{Reading, SensorId};
use crate::evaluator;

/// Something an alarm did.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Happened {
    /// From the start of the test.
    at: Duration,
    rule: Arc<str>,
    sensor_id: SensorId,
    change: Change,
    /// What people would be told.
    message: String,
}

/// An alarm that is not at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Standing {
    rule: Arc<str>,
    sensor_id: SensorId,
    state: &'static str,
}

/// What a test came to.
#[derive(Debug, Default)]
struct Played {
    history: Vec<Happened>,
    /// At each time that the test asks for.
    standing: Vec<Vec<Standing>>,
}

/// Runs all tests of a file; of each that fails its name and where it differs, ready to be read.
#[must_use]
pub fn failures(tests: &RuleTests, file: &str) -> Vec<String> {
    let failed = tests.tests.iter().filter_map(|test| {
        let differences = differences(test, &play(test, &tests.config));
        (!differences.is_empty()).then(|| {
            let place = test.place.line;
            format!("FAILED {} ({file}:{place}); - expected, + got\n{differences}", test.name)
        })
    });
    failed.collect()
}

fn play(test: &RuleTest, config: &Config) -> Played {
    let readings = readings(test);
    let mut stage = Stage {
        test,
        config,
        player: Player::new(config, test.start),
        states: BTreeMap::new(),
        played: Played::default(),
    };
    let mut checks = test.standing.iter().peekable();
    for reading in &readings {
        while let Some(check) = checks.next_if(|check| test.start + check.at < reading.timestamp) {
            stage.look(check);
        }
        let mut out = Vec::new();
        stage.player.hear(reading, &mut out);
        stage.note(out);
    }
    checks.for_each(|check| stage.look(check));
    stage.wait(end(test));
    stage.played
}

/// The readings of all series, in order of time; of the same time in that of the file.
fn readings(test: &RuleTest) -> Vec<Reading> {
    let mut readings = Vec::new();
    for series in &test.series {
        let times = (0..).map(|n| test.start + series.start + series.interval * n);
        for (timestamp, value) in times.zip(&series.values) {
            readings.extend(value.map(|value| Reading {
                sensor_id: series.sensor_id.clone(),
                location: series.location.clone(),
                quantity: series.quantity.clone(),
                value,
                unit: series.unit.clone(),
                timestamp,
            }));
        }
    }
    readings.sort_by_key(|reading| reading.timestamp);
    readings
}

/// The last time that the test speaks of: of a value, of none, or of what is expected.
fn end(test: &RuleTest) -> DateTime<Utc> {
    let values = test.series.iter().map(TestSeries::end);
    let standing = test.standing.iter().map(|standing| standing.at);
    let transitions = test.transitions.iter().flatten().map(|transition| transition.at);
    test.start + values.chain(standing).chain(transitions).max().unwrap_or_default()
}

/// A test while it is played.
struct Stage<'t> {
    test: &'t RuleTest,
    config: &'t Config,
    player: Player,
    states: BTreeMap<(Arc<str>, SensorId), &'static str>,
    played: Played,
}

impl Stage<'_> {
    fn wait(&mut self, until: DateTime<Utc>) {
        let mut out = Vec::new();
        self.player.wait(until, &mut out);
        self.note(out);
    }

    fn look(&mut self, check: &StandingAt) {
        self.wait(self.test.start + check.at);
        let standing = self.states.iter().map(|((rule, sensor_id), state)| Standing {
            rule: rule.clone(),
            sensor_id: sensor_id.clone(),
            state,
        });
        self.played.standing.push(standing.collect());
    }

    fn note(&mut self, outcomes: Vec<Outcome>) {
        for outcome in outcomes {
            let Outcome { rule, sensor_id, transition, .. } = &outcome;
            if self.test.rules.as_ref().is_some_and(|only| !only.contains(&rule.name)) {
                continue;
            }
            let key = (rule.name.clone(), sensor_id.clone());
            match words::of_state(transition.state) {
                Some(state) => self.states.insert(key, state),
                None => self.states.remove(&key),
            };
            let (rule, sensor_id) = (rule.name.clone(), sensor_id.clone());
            let at = (transition.at - self.test.start).to_std().unwrap_or_default();
            let change = transition.change;
            let message = evaluator::event(outcome, self.config.language.words()).message;
            self.played.history.push(Happened { at, rule, sensor_id, change, message });
        }
    }
}

/// Where a test differs from what it expects; empty when nowhere.
fn differences(test: &RuleTest, played: &Played) -> String {
    let mut text = String::new();
    for (expected, got) in test.standing.iter().zip(&played.standing) {
        let mut alarms: Vec<_> = expected.alarms.iter().collect();
        alarms.sort_by_key(|alarm| (&alarm.rule, &alarm.sensor_id));
        let lines = diff(&alarms, got, |expected, got| {
            expected.rule == got.rule
                && expected.sensor_id == got.sensor_id
                && expected.state.is_none_or(|state| state == got.state)
        });
        if lines.iter().any(is_difference) {
            // Writing to a string can't fail.
            let _ = writeln!(text, "  alarms that stand at {}:", duration::format(expected.at));
            text += &shown(lines, |alarm| cells_of_expected(alarm), cells_of_standing);
        }
    }
    if let Some(expected) = &test.transitions {
        let lines = diff(expected, &played.history, |expected, got| {
            let ExpectedTransition { at, rule, sensor_id, change, message } = expected;
            (at, rule, sensor_id, change) == (&got.at, &got.rule, &got.sensor_id, &got.change)
                && message.as_ref().is_none_or(|message| *message == got.message)
        });
        if lines.iter().any(is_difference) {
            let with_message = expected.iter().any(|expected| expected.message.is_some());
            text += "  history:\n";
            text += &shown(lines, cells_of_transition, |got| cells_of_happened(got, with_message));
        }
    }
    text
}

const fn is_difference<E, G>(line: &Line<E, G>) -> bool {
    !matches!(line, Line::Same(_))
}

/// Lines lined up: a mark, and cells in columns.
fn shown<E, G, const N: usize>(
    lines: Vec<Line<&E, &G>>,
    of_expected: impl Fn(&E) -> [String; N],
    of_got: impl Fn(&G) -> [String; N],
) -> String {
    let rows: Vec<_> = lines
        .into_iter()
        .map(|line| match line {
            Line::Same(got) => (' ', of_got(got)),
            Line::Missing(expected) => ('-', of_expected(expected)),
            Line::Unexpected(got) => ('+', of_got(got)),
        })
        .collect();
    let width = |column: usize| rows.iter().map(|(_, cells)| cells[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or_default());
    let mut text = String::new();
    for (mark, cells) in &rows {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = format!("    {mark} {}", cells.collect::<Vec<_>>().join("  "));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn cells_of_expected(alarm: &ExpectedAlarm) -> [String; 3] {
    let ExpectedAlarm { rule, sensor_id, state } = alarm;
    [rule.to_string(), sensor_id.to_string(), state.unwrap_or_default().to_owned()]
}

fn cells_of_standing(alarm: &Standing) -> [String; 3] {
    let Standing { rule, sensor_id, state } = alarm;
    [rule.to_string(), sensor_id.to_string(), (*state).to_owned()]
}

fn cells_of_transition(expected: &ExpectedTransition) -> [String; 5] {
    let ExpectedTransition { at, rule, sensor_id, change, message } = expected;
    let message = message.as_ref().map(|message| format!("\"{message}\"")).unwrap_or_default();
    cells(*at, rule, sensor_id, *change, message)
}

fn cells_of_happened(happened: &Happened, with_message: bool) -> [String; 5] {
    let Happened { at, rule, sensor_id, change, message } = happened;
    let message = if with_message { format!("\"{message}\"") } else { String::new() };
    cells(*at, rule, sensor_id, *change, message)
}

fn cells(
    at: Duration,
    rule: &str,
    sensor_id: &SensorId,
    change: Change,
    message: String,
) -> [String; 5] {
    let change = words::of_change(change).to_owned();
    [duration::format(at), rule.to_owned(), sensor_id.to_string(), change, message]
}

#[cfg(test)]
mod tests;
