use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::config::Preset;

fn format(topic: Option<&str>, precision: Option<Precision>) -> Influx {
    let topic = topic.map(str::to_owned);
    let table = PresetTable { preset: Preset::Influx, base: None, topic, device: None, precision };
    Influx::new(&table, Tz::UTC).unwrap()
}

fn decode(format: &Influx, topic: &str, payload: &[u8]) -> Result<Decoded, String> {
    let received_at = DateTime::from_timestamp(1_760_000_000, 0).unwrap();
    let message = Message { topic, payload, received_at, is_replayed: false };
    format.decode(&message, &mut Vec::new())
}

#[track_caller]
fn reads(payload: &str, expected: &[&str]) {
    let decoded = decode(&format(None, None), "influx", payload.as_bytes()).unwrap();
    let shown: Vec<String> = decoded
        .measurements
        .iter()
        .map(|it| {
            let (at, it) = (it.reading.timestamp.timestamp_millis(), &it.reading);
            format!("{} {} {} {} @{at}", it.sensor_id, it.quantity, it.value, it.unit.as_str())
        })
        .chain(decoded.faults)
        .collect();
    assert_eq!(shown, expected, "{payload}");
}

#[test]
fn fields_of_every_type() {
    reads(
        "pump,line=2 flow=1.5,starts=12i,total=9u,on=t,off=F,note=\"a, b=1 \\\" c\" 1759990000500",
        &[
            "pump/2 flow 1.5  @1759990000500",
            "pump/2 starts 12  @1759990000500",
            "pump/2 total 9  @1759990000500",
            "pump/2 on 1  @1759990000500",
            "pump/2 off 0  @1759990000500",
        ],
    );
    reads("room temp=nan,hum=40 ", &["room humidity 40 % @1760000000000"]);
}

#[test]
fn names_are_unescaped_and_tags_in_order() {
    reads(
        r"cold\ room,z=last,a=The\,\ Big\=One te\ mp=4",
        &["cold room/The, Big=One/last te_mp 4  @1760000000000"],
    );
    reads(r"disk,path=C:\data free=1", &[r"disk/C:\data free 1  @1760000000000"]);
}

#[test]
fn each_line_is_judged_alone() {
    reads(
        "# head\r\na x=1 1759990000\r\n\r\nb x=\nc,t= x=1\nd x=1 2 3\ne\n,x=1\nf s=\"open\ng y=2",
        &[
            "a x 1  @1759990000000",
            "g y 2  @1760000000000",
            "`x` of b: it has no value",
            "line 5: a tag has no key or no value",
            "line 6: there is more after the time",
            "line 7: there are no fields",
            "line 8: there is no measurement",
            "line 9: a quoted text has no end",
        ],
    );
    reads(
        "a s=\"two\nlines\",x=1\nb x=1e999",
        &["a x 1  @1760000000000", "`x` of b: \"1e999\" is not a number"],
    );
    reads(
        "a x=1 soon",
        &[
            "line 1: the timestamp `soon` is neither RFC 3339 nor a number of seconds, or a part of them, since 1970",
        ],
    );
    reads(
        "a temperature=true,humidity=3",
        &["a humidity 3 % @1760000000000", "`temperature` of a: it is a truth value, not a number"],
    );
}

#[test]
fn precision_may_be_given() {
    let format = format(None, Some(Precision::Milliseconds));
    let decoded = decode(&format, "influx", b"a x=1 37000").unwrap();
    assert_eq!(decoded.measurements[0].reading.timestamp.timestamp(), 37);
}

#[test]
fn topics_are_the_tables_or_a_default() {
    let default = format(None, None);
    let claims = ["influx", "bms/influx/a", "a/b/influx", "telegraf/h/cpu", "x/y", "$SYS/influx"]
        .map(|topic| default.claim(topic) == Claim::Decodes);
    assert_eq!(claims, [true, true, true, true, false, false]);
    let own = format(Some("lines/{location}/data"), None);
    let decoded = decode(&own, "lines/hall-2/data", b"a x=1").unwrap();
    assert_eq!(decoded.measurements[0].reading.location.as_str(), "hall-2");
    assert_eq!(own.filters(), [Filter::optional("lines/+/data")]);
    assert_eq!(own.key(), "influx lines/{location}/data");
    assert!(decode(&own, "lines/hall-2/data", b"").unwrap().is_empty());
    assert!(decode(&own, "lines/hall-2/data", b"\xff").is_err());
}

proptest! {
    #[test]
    fn no_bytes_panic(payload in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = decode(&format(None, None), "influx", &payload);
    }

    #[test]
    fn no_text_panics(payload in "[a ,=\\\\\"\n\ré1i#]{0,60}") {
        let _ = decode(&format(None, None), "influx", payload.as_bytes());
    }
}
