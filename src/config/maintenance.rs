//! `[[maintenance]]`: windows in which alarms are suppressed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;

use super::errors::{Mistake, quote};
use super::model::AlertsConfig;
use super::reader::TableReader;
use super::rule_kinds::duration_up_to;
use super::rule_texts::patterns;
use super::rules::name_of;
use crate::alarms::quiet::maintenance::Maintenance;
use crate::alarms::quiet::schedule::Schedule;
use crate::alarms::rule::{Rule, Selection};
use crate::domain::glob;

/// For longer work, alarms are taken out of service by an operator.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// All windows are looked through for each alarm that is raised in one.
const MOST: usize = 1_000;

/// Reads the `[[maintenance]]` tables. Schedules are in `zone`; patterns of rules must match one of `rules` or of
/// those that `alerts` implies.
pub(super) fn maintenance(
    root: &mut TableReader<'_>,
    rules: &[Rule],
    alerts: &AlertsConfig,
    zone: Tz,
) -> Vec<Maintenance> {
    let mut all = Vec::new();
    let mut names = HashMap::new();
    for (index, mut table) in root.tables("maintenance", "[[maintenance]]").enumerate() {
        if index == MOST {
            let hint = "let one hold for many sensors: sensors = [\"COLD_*\"]";
            table.wrong(table.at(), format!("there are more than {MOST} of [[maintenance]]"), hint);
            break;
        }
        let missing = "name it, to be told by: name = \"defrost\"";
        let name = name_of(&mut table, "maintenance", missing, "make it shorter");
        if let Some(name) = name
            && let Some(first_at) = names.insert(name.value, name.at)
        {
            let what = format!("maintenance {} is defined twice", quote(name.value));
            let mistake = Mistake::new(what, "give each a name of its own");
            table.inspector.duplicate(name.at, first_at, mistake);
        }
        let selection = Selection::Matching {
            sensors: patterns(&mut table, "sensors", "[\"COLD_*\"]"),
            locations: patterns(&mut table, "locations", "[\"Hall *\"]"),
        };
        let of_rules = patterns(&mut table, "rules", "[\"cold-*\"]");
        report_strangers(&table, &of_rules, rules, alerts);
        let schedule = schedule(&mut table);
        let lasting = lasting(&mut table);
        table.finish();
        if let (Some(name), Some(schedule), Some(lasting)) = (name, schedule, lasting) {
            let by = format!("maintenance:{}", name.value).into();
            all.push(Maintenance { by, selection, rules: of_rules, schedule, lasting, zone });
        }
    }
    all
}

/// Reports patterns that no rule's name matches.
fn report_strangers(
    table: &TableReader<'_>,
    patterns: &[Arc<str>],
    rules: &[Rule],
    alerts: &AlertsConfig,
) {
    let Some(at) = table.place_of("rules") else { return };
    let short = alerts.thresholds.keys().flat_map(|q| [format!("high-{q}"), format!("low-{q}")]);
    let short: Vec<_> = short.collect();
    for pattern in patterns {
        let mut names =
            rules.iter().map(|rule| &*rule.name).chain(short.iter().map(|name| &**name));
        let of_names = glob::excluded(pattern).unwrap_or(pattern);
        if !names.any(|name| glob::matches(of_names, name)) {
            let what = format!("no rule's name matches {} in `rules`", quote(pattern));
            let hint = "without the line it holds for all rules; `*` stands for any characters";
            table.inspector.wrong(at, Mistake::new(what, hint));
        }
    }
}

fn schedule(table: &mut TableReader<'_>) -> Option<Schedule> {
    let text = table.text("schedule");
    let hint = "say when it begins, as cron has it: schedule = \"30 22 * * 5\", Fridays at 22:30";
    let text = table.require(text, "schedule", hint)?;
    let schedule = Schedule::parse(text.value).map_err(|why| {
        let hint = "five fields: minute, hour, day of the month, month, day of the week";
        Mistake::new(format!("{} is no schedule: {why}", quote(text.value)), hint)
    });
    table.inspector.check(text.at, schedule)
}

fn lasting(table: &mut TableReader<'_>) -> Option<Duration> {
    let hint = "for longer, take alarms out of service";
    let lasting = duration_up_to(table, "lasting", LONGEST, hint);
    table.require(lasting, "lasting", "say for how long: lasting = \"2h\"")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepted, hint};
    use super::*;

    fn table(more: &str) -> String {
        format!("[broker]\n[[maintenance]]\nname = \"defrost\"\n{more}")
    }

    fn said(more: &str) -> Vec<String> {
        super::super::testing::said(&table(more))
    }

    #[test]
    fn reads_all_of_it() {
        let rule = "[[rules]]\nname = \"cold-warm\"\nkind = \"high\"\nlimit = 8\n";
        let text = table(
            "sensors = [\"COLD_*\"]\nrules = [\"cold-*\", \"low-*\"]\nschedule = \"0 22 * * 1-5\"\n\
             lasting = \"2h\"\n[alerts.temperature]\nlow = 1\n",
        );
        let all = accepted(&format!("timezone = \"Europe/Paris\"\n{text}{rule}")).maintenance;
        let [one] = &all[..] else { panic!("{all:?}") };
        assert_eq!(&*one.by, "maintenance:defrost");
        assert_eq!(one.schedule, Schedule::parse("0 22 * * 1-5").unwrap());
        assert_eq!((one.lasting, one.zone), (Duration::from_secs(7200), Tz::Europe__Paris));
        let (sensors, locations) = (vec!["COLD_*".into()], vec![]);
        assert_eq!(one.selection, Selection::Matching { sensors, locations });
        assert_eq!(one.rules, ["cold-*".into(), "low-*".into()]);
    }

    #[test]
    fn what_is_missing_or_wrong_is_said() {
        assert_eq!(
            said(""),
            [
                "2: `schedule` is missing in [[maintenance]]",
                "2: `lasting` is missing in [[maintenance]]"
            ]
        );
        assert_eq!(
            said("schedule = \"0 25 * * *\"\nlasting = \"8d\"\nrule = [\"x\"]\n"),
            [
                "4: `0 25 * * *` is no schedule: `25` is no hour: that is 0 to 23, a range, a step or `*`",
                "5: `lasting` is longer than 7d",
                "6: unknown key `rule` in [[maintenance]]"
            ]
        );
        assert_eq!(
            said("schedule = \"0 2 * * *\"\nlasting = \"1h\"\nrules = [\"nothing-*\"]\n"),
            ["6: no rule's name matches `nothing-*` in `rules`"]
        );
        let twice = "schedule = \"0 2 * * *\"\nlasting = \"1h\"\n[[maintenance]]\nname = \"defrost\"\n\
                     schedule = \"0 2 * * *\"\nlasting = \"1h\"\n";
        assert_eq!(
            said(twice),
            ["7: maintenance `defrost` is defined twice, first at test.toml:3:8"]
        );
        assert!(hint(&table("lasting = \"1h\"")).contains("Fridays at 22:30"));
    }
}
