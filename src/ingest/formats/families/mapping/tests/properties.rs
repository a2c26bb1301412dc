//! Properties that hold for any payload.

use proptest::prelude::*;

use super::*;

#[test]
fn elements_are_bounded() {
    let mut table = table("t/{sensor}");
    table.each = Some("/*".into());
    table.quantity = Some("'level'".into());
    let payload = format!("[{}1]", "1,".repeat(5_000));
    let decoded = decode(&format(&table), "t/a", payload.as_bytes());
    assert_eq!(decoded.len(), elements::MOST_ELEMENTS + 1);
    assert_eq!(decoded.last().unwrap(), "! only the first 4096 elements are read");
    table.quantity = Some("level".into());
    let as_key = decode(&format(&table), "t/a", b"[1]");
    assert!(as_key[0].ends_with("for the text itself write quantity = \"'level'\""), "{as_key:?}");
}

/// Tables that cover every key.
fn tables() -> Vec<Mapping> {
    let mut plain = table("a/{sensor}/{quantity}");
    plain.decimal = Some(',');
    plain.invalid = vec![85.0];
    let mut pointers = table("a/{sensor}/{x}");
    pointers.values = vec![value("t/*/*", "/*/t/*", "/u"), value("h", "h", "%")];
    pointers.time = Some("/ts".into());
    let mut each = table("a/{device}/{x}");
    each.each = Some("/*/*".into());
    each.quantity = Some("{*}".into());
    each.sensor = Some("{../../id}{path}".into());
    each.when = Some("item != null || payload.a[0] > 1".into());
    each.time = Some("$base + item.dt".into());
    each.time_base = Some("../t0".into());
    let mut split = table("a/{sensor}/{x}");
    split.split = Some(" ".into());
    split.values = vec![value("t", "1", "")];
    split.expr = vec![("e".into(), "payload[0] % payload[1]".into())];
    vec![plain, pointers, each, split]
}

proptest! {
    #[test]
    fn no_bytes_panic(payload in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        r#"[\[{]("(t|h|id|ts|a|dt|t0|0)":|[0-9],|\[|\{|"t"|null|1e9|nan|\]|\}|,){0,20}[\]}]?"#
            .prop_map(String::into_bytes),
        r"[-+.,0-9eE '°Cna\u{a0}\u{2212}]{0,20}".prop_map(String::into_bytes),
    ]) {
        for mapping in tables() {
            let format = format(&mapping);
            let message =
                Message { topic: "a/b/c", payload: &payload, received_at: received_at(), is_replayed: false };
            let _ = format.decode(&message, &mut Vec::new());
            let _ = format.explain(&message);
        }
    }

    #[test]
    fn a_scaled_number_is_the_one_that_a_person_computes(tenths in -99_999_i32..99_999) {
        let mut table = table("a/{sensor}");
        table.quantity = Some("level".into());
        table.scale = Some(0.1);
        let expected = format!("x level={:?}", f64::from(tenths) / 10.0);
        prop_assert_eq!(decode(&format(&table), "a/x", tenths.to_string().as_bytes()), [expected]);
    }
}
