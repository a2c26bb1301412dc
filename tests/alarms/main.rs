//! Alarms from rule to report: rules and their tests, replay of candidate rules on stored readings, suppression, and the
//! measures of an alarm system.

#[path = "../support/mod.rs"]
mod support;

mod noise;
mod quiet;
mod report;
mod report_show;
mod restarts;
mod rule_tests;
mod rules;
mod rules_replay;
mod units;
