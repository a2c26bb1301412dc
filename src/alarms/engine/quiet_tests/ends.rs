//! Whatever was told to begin is told to end, nothing is told of what is withheld, and a restart goes on.

use super::*;

fn warm(limit: f64) -> Vec<Rule> {
    vec![rule("warm", Kind::High { limit, deadband: 0.0 }, Timing::default())]
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
