//! Whatever was told to begin is told to end, nothing is told of what is withheld, and a restart goes on.

use super::*;

fn warm(limit: f64) -> Vec<Rule> {
    vec![rule("warm", Kind::High { limit, deadband: 0.0 }, Timing::default())]
}

fn chattering() -> QuietSettings {
    let limits = Chattering { raises: 3, within: seconds(60), calm: seconds(100) };
    QuietSettings { chattering: Some(limits), ..QuietSettings::default() }
}

impl Bench {
    /// Raised for the third time at 40.
    fn chatter(&mut self) -> &mut Self {
        for n in 0..5 {
            self.hear("T1", n * 10, if n % 2 == 0 { 9.0 } else { 1.0 });
        }
        self
    }
}

#[test]
fn a_reload_in_the_midst_of_maintenance_tells_nothing() {
    let mut bench = Bench::new(warm(8.0), defrost());
    bench.tick("2024-08-14T22:00:00Z").hear("T1", 1, 9.0);
    bench.reload(warm(8.0)).tick("2024-08-14T22:00:01Z");
    assert_eq!(bench.told, [] as [&str; 0]);
    assert_eq!(bench.all, ["1 T1 warm Raised"]);
    bench.reload(warm(8.0)).tick("2024-08-15T00:00:00Z");
    assert_eq!(bench.told, ["1 T1 warm Raised"]);
}

#[test]
fn an_alarm_that_chatters_is_over_with_its_rule() {
    let over = "40 T1 warm:chattering Returned".to_owned();
    for rules in [vec![], warm(7.0)] {
        let mut bench = Bench::new(warm(8.0), chattering());
        bench.chatter().reload(rules.clone());
        assert_eq!(bench.told[4..], ["40 T1 warm:chattering Raised", &over], "reload {rules:?}");
        let mut bench = Bench::new(warm(8.0), chattering());
        bench.chatter().restart(rules.clone()).tick("2024-08-14T10:00:00Z");
        assert_eq!(bench.told[4..], ["40 T1 warm:chattering Raised", &over], "restart {rules:?}");
    }
}
