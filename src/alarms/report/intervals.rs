//! Rates: how many alarms were raised in each ten minutes, and the floods among them. Pure.
//!
//! Intervals are ten minutes long, consecutive from the start of the period; the last may be shorter. A flood
//! begins with an interval of more than 10 alarms and lasts until the first of fewer than 5, which is not part of
//! it (ISA-18.2-2016, 16.4.4).
//!
//! Invariant: the bars add up to the alarms raised. Never: one entry an interval.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::{Period, Transition};

/// How long an interval is.
const INTERVAL: TimeDelta = TimeDelta::minutes(10);
const INTERVAL_MINUTES: u64 = 10;

/// A flood begins, and an interval is busy, above this number of alarms in an interval.
pub const FLOOD_BEGINS_ABOVE: u64 = 10;

/// A flood ends below this number of alarms in an interval.
pub const FLOOD_ENDS_BELOW: u64 = 5;

/// Maximum of bars in a timeline: as many as a phone can show separately.
pub const BARS: u64 = 124;

/// Possible intervals per bar: ten minutes to thirty days, in familiar lengths.
const BAR_INTERVALS: [u64; 12] = [1, 2, 3, 6, 12, 18, 36, 72, 144, 288, 1_008, 4_320];

/// The alarm that a flood began with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FirstAlarm {
    /// Time of the raise, written in RFC 3339.
    #[serde(serialize_with = "super::written")]
    pub at: DateTime<Utc>,
    /// Name of the rule.
    pub rule: String,
    /// Sensor of the alarm.
    pub sensor_id: String,
    /// Location of the sensor; may be empty.
    pub location: String,
}

/// Flood with the most alarms; the first of equals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Largest {
    /// Alarms raised in the flood.
    pub raised: u64,
    /// Maximum in one of its intervals.
    pub peak_in_10_minutes: u64,
    /// Length of the flood, in minutes.
    pub minutes: u64,
    /// The alarm that the flood began with.
    pub first: FirstAlarm,
}

/// The floods of a period.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Floods {
    /// Number of floods.
    pub count: u64,
    /// Share of intervals that belong to a flood, 0 to 1.
    pub share_of_time: f64,
    /// Length of the longest flood, in minutes; 0 without a flood.
    pub longest_minutes: u64,
    /// Flood with the most alarms; `None` without a flood.
    pub largest: Option<Largest>,
}

/// One bar of a timeline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Bar {
    /// Alarms raised in the time of the bar.
    pub raised: u64,
    /// Maximum in one of its intervals.
    pub most_in_10_minutes: u64,
}

/// The period in bars of one length, for a chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// Time span of a bar, in minutes.
    pub bar_minutes: u64,
    /// Bars, oldest first; at most [`BARS`].
    pub bars: Vec<Bar>,
}

/// Results of [`Intervals`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rates {
    /// Intervals of the period.
    pub intervals: u64,
    /// Intervals of more than [`FLOOD_BEGINS_ABOVE`] alarms.
    pub busy: u64,
    /// Maximum of alarms in one interval.
    pub most: u64,
    /// Start of the interval with the most alarms; the first of equals.
    pub most_at: Option<DateTime<Utc>>,
    /// Floods of the period.
    pub floods: Floods,
    /// The period in bars.
    pub timeline: Timeline,
}

#[derive(Debug, Clone)]
struct Flood {
    start: u64,
    /// Last interval that belongs to it, so far.
    through: u64,
    raised: u64,
    peak: u64,
    first: FirstAlarm,
}

/// The interval that alarms are being counted in.
#[derive(Debug, Clone)]
struct Open {
    index: u64,
    raised: u64,
    first: FirstAlarm,
}

/// Counter of alarms by interval.
#[derive(Debug, Clone)]
pub(super) struct Intervals {
    from: DateTime<Utc>,
    bar_intervals: u64,
    open: Option<Open>,
    flood: Option<Flood>,
    intervals_in_flood: u64,
    rates: Rates,
}

impl Intervals {
    /// No alarms yet.
    pub fn new(period: Period) -> Self {
        let intervals = index(period.length() - TimeDelta::nanoseconds(1)) + 1;
        let [.., longest] = BAR_INTERVALS;
        let bar_intervals = BAR_INTERVALS
            .into_iter()
            .find(|length| intervals.div_ceil(*length) <= BARS)
            .unwrap_or(longest);
        let bars = usize::try_from(intervals.div_ceil(bar_intervals)).unwrap_or_default();
        let timeline = Timeline {
            bar_minutes: bar_intervals * INTERVAL_MINUTES,
            bars: vec![Bar::default(); bars],
        };
        let floods = Floods::default();
        Self {
            from: period.from(),
            bar_intervals,
            open: None,
            flood: None,
            intervals_in_flood: 0,
            rates: Rates { intervals, busy: 0, most: 0, most_at: None, floods, timeline },
        }
    }

    /// Counts an alarm raised within the period, at `at`, not before those counted already.
    pub fn raise(&mut self, transition: &Transition, at: DateTime<Utc>) {
        let index = index(at - self.from);
        if let Some(open) = &mut self.open
            && open.index == index
        {
            open.raised += 1;
            return;
        }
        self.close();
        let first = FirstAlarm {
            at,
            rule: transition.rule.to_string(),
            sensor_id: transition.sensor_id.to_string(),
            location: transition.location.to_string(),
        };
        self.open = Some(Open { index, raised: 1, first });
    }

    /// Ends the last interval, and an open flood.
    pub fn finish(mut self) -> Rates {
        self.close();
        self.end_flood();
        self.rates.floods.share_of_time =
            super::ratio(self.intervals_in_flood, self.rates.intervals);
        self.rates
    }

    /// Judges the open interval, and the empty ones there were before it.
    fn close(&mut self) {
        let Some(Open { index, raised, first }) = self.open.take() else { return };
        if raised > self.rates.most {
            self.rates.most = raised;
            self.rates.most_at = Some(self.from + minutes(index * INTERVAL_MINUTES));
        }
        if raised > FLOOD_BEGINS_ABOVE {
            self.rates.busy += 1;
        }
        let bar = usize::try_from(index / self.bar_intervals).unwrap_or_default();
        if let Some(bar) = self.rates.timeline.bars.get_mut(bar) {
            bar.raised += raised;
            bar.most_in_10_minutes = bar.most_in_10_minutes.max(raised);
        }
        if self.flood.as_ref().is_some_and(|flood| flood.through + 1 < index) {
            self.end_flood(); // an interval without any alarm lay between
        }
        match &mut self.flood {
            Some(flood) if raised >= FLOOD_ENDS_BELOW => {
                flood.through = index;
                flood.raised += raised;
                flood.peak = flood.peak.max(raised);
            }
            Some(_) => self.end_flood(),
            None if raised > FLOOD_BEGINS_ABOVE => {
                self.flood =
                    Some(Flood { start: index, through: index, raised, peak: raised, first });
            }
            None => {}
        }
    }

    fn end_flood(&mut self) {
        let Some(flood) = self.flood.take() else { return };
        let intervals = flood.through - flood.start + 1;
        let minutes = intervals * INTERVAL_MINUTES;
        self.intervals_in_flood += intervals;
        let floods = &mut self.rates.floods;
        floods.count += 1;
        floods.longest_minutes = floods.longest_minutes.max(minutes);
        if floods.largest.as_ref().is_none_or(|largest| largest.raised < flood.raised) {
            floods.largest = Some(Largest {
                raised: flood.raised,
                peak_in_10_minutes: flood.peak,
                minutes,
                first: flood.first,
            });
        }
    }
}

/// Index of the interval at a time after the start.
fn index(after: TimeDelta) -> u64 {
    u64::try_from(after.num_seconds() / INTERVAL.num_seconds()).unwrap_or_default()
}

fn minutes(count: u64) -> TimeDelta {
    TimeDelta::minutes(i64::try_from(count).unwrap_or_default())
}
