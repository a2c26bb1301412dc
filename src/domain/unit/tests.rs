use proptest::prelude::*;

use super::lookup::{Known, all};
use super::table::UNITS;
use super::*;

/// Units that Home Assistant has for the dimensions of the table, but for `w`, `m` and `y`: a `w` may be a watt, a month
/// and a year have no fixed length, and `m` is the metre.
const HOME_ASSISTANT: &str = "VA mVA kVA W mW kW MW GW TW BTU/h var mvar kvar J kJ MJ GJ mWh Wh kWh MWh GWh TWh cal \
    kcal Mcal Gcal varh kvarh mA A μV mV V kV MV ° °C °F K μs ms s min h d mm cm m km in ft yd mi nmi Hz kHz MHz GHz \
    mPa Pa hPa kPa bar cbar mbar mmHg inHg inH₂O psi dB dBA ft³ CCF MCF m³ L mL gal fl.␣oz. m³/h m³/min m³/s ft³/min \
    L/h L/min L/s gal/h gal/min gal/d mL/s m² cm² km² mm² in² ft² yd² mi² ac ha g kg mg μg oz lb st S/cm μS/cm mS/cm \
    lx UV␣index % rpm W/m² BTU/(h⋅ft²) in/d in/h mm/d mm/h g/m³ mg/m³ μg/m³ μg/ft³ p/m³ ppm ppb Beaufort ft/s in/s \
    m/min m/s km/h kn mph mm/s dBm bit kbit Mbit Gbit B kB MB GB TB PB EB ZB YB KiB MiB GiB TiB PiB EiB ZiB YiB bit/s \
    kbit/s Mbit/s Gbit/s B/s kB/s MB/s GB/s KiB/s MiB/s GiB/s";

/// Any unit of the table.
fn units() -> impl Strategy<Value = &'static Known> {
    (0..all().len()).prop_map(|place| &all()[place])
}

fn converted(value: f64, from: &str, to: &str) -> f64 {
    convert(from, to).apply(value).unwrap_or_else(|| panic!("{from} to {to}"))
}

#[test]
fn every_unit_of_home_assistant_is_known_by_its_spelling() {
    for unit in HOME_ASSISTANT.split_whitespace().map(|unit| unit.replace('␣', " ")) {
        assert_eq!(spelling(&unit), unit.replace('μ', "µ"));
        assert!(Dimension::of(&unit).is_some(), "{unit}");
    }
    assert_eq!(["w", "y"].map(Dimension::of), [None, None]);
}

#[test]
fn no_two_units_share_a_spelling() {
    for (_, rows) in UNITS {
        for (unit, _, _, symbols, words) in *rows {
            for other in
                std::iter::once(unit).copied().chain(symbols.split(' ')).chain(words.split(' '))
            {
                assert!(
                    other.is_empty() || spelling(other) == *unit,
                    "{other} is {}",
                    spelling(other)
                );
            }
            assert!(
                words.bytes().all(|byte| byte.is_ascii_lowercase() || b" -".contains(&byte)),
                "{words}"
            );
        }
    }
}

#[test]
fn every_usual_spelling_is_known() {
    for (unit, texts) in [
        (
            "°C",
            "C|c|celsius|Celsius|celcius|CEL|Cel|degC|deg C|deg_c|DEGC|degrees Celsius|℃|º C|Â°C|[°C]|° c",
        ),
        ("°F", "F|fahrenheit|degF|[degF]|℉|Degrees_Fahrenheit|FAH"),
        ("%", "percent|Percent|% RH|%RH|%rH|rh|pct|%EL|P1|percentage"),
        ("hPa", "hectopascal|HPA|Hpa|hectopascals|A97"),
        ("mbar", "MBAR|millibar|Millibars|Mbar"),
        ("mmHg", "mm Hg|mmhg|MMHG|mm[Hg]"),
        ("psi", "PSI|Psi|[psi]|lbf/in²"),
        ("inH₂O", "inH2O|in H2O|[in_i'H2O]|inWC"),
        ("lx", "lux|Lux|LUX|LX"),
        ("m³", "m3|m^3|M3|㎥|cubic meter|cubic metres|mÂ³|MTQ"),
        ("m³/h", "m3/h|M3/H|m³ / h|m3h|m^3/h|cubic metre per hour|MQH"),
        ("L/min", "l/min|LPM|lpm|L/MIN|litres per minute"),
        ("µg/m³", "ug/m3|μg/m³|µg/m^3|UG/M3|µg m⁻³|㎍/㎥|ug_m3"),
        ("µS/cm", "uS/cm|μS/cm|us/cm|microsiemens per centimetre"),
        ("kWh", "KWH|kwh|KwH|kW·h|kW h|kilowatthour|kilowatt-hours|kilowatt_hour|KilowattHours"),
        ("W·min", "Wmin|W min|watt-minutes"),
        ("var", "VAr|VAR|Var"),
        ("kvar", "kVAr|KVAR|kVAR"),
        ("m/s", "m_s|mps|m s-1|m s⁻¹|meters per second|M/S"),
        ("km/h", "kmh|kph|KM/H|km_h|km/hr|kilometres per hour"),
        ("mph", "mi/h|mi_h|MPH|miles per hour|mile/h"),
        ("kn", "kt|kts|knots|KTS"),
        ("rpm", "RPM|1/min|/min|r/min|tr/min|min⁻¹"),
        ("V", "Volts|volt|VDC|VAC|vdc|VLT"),
        ("Ah", "A h|amp-hours|A·h"),
        ("s", "sec|seconds|SEC"),
        ("min", "minutes|MIN|mins"),
        ("h", "hours|hr|hrs|Hours|HUR"),
        ("Ω", "ohm|Ohms|OHM|\u{2126}"),
        ("kΩ", "kohm|KOhm|kilo-ohm"),
        ("°", "deg|degrees|DEG|degree"),
        ("Beaufort", "bft|beaufort"),
        ("m/s²", "m/s2|m/s^2"),
        ("barg", "bar(g)|BARG|bar g"),
        ("gal/min", "GPM|gpm|gallons per minute|[gal_us]/min"),
        ("Mbit/s", "Mbps"),
        ("MB/s", "MBps"),
    ] {
        for text in texts.split('|') {
            assert_eq!(spelling(text), unit, "{text}");
            assert_eq!(convert(text, unit), Conversion::Same, "{text}");
        }
    }
}

#[test]
fn a_text_that_may_mean_two_units_means_none() {
    for text in [
        "mw", "mpa", "mwh", "Mw", "mvAR", "mhz", "MA", "ML", "MG", "MS", "MS/CM", "KB", "kb", "Mb",
        "mb", "MB/S", "Cal", "S", "w", "M", "H", "k", "ton", "grad", "bara", "psia", "Nm3/h",
        "lqi", "1", "/", "",
    ] {
        assert_eq!((spelling(text), Dimension::of(text)), (text, None));
    }
    for pair in [
        "mW MW",
        "mPa MPa",
        "mV MV",
        "mWh MWh",
        "mvar Mvar",
        "MB Mbit",
        "mS/cm m/s",
        "kt t",
        "g gal",
    ] {
        let (one, other) = pair.split_once(' ').unwrap();
        assert_ne!(spelling(one), spelling(other));
        assert_ne!(convert(one, other), Conversion::Same, "{pair}");
    }
    assert_eq!(spelling("  pulses "), "pulses");
}

#[test]
fn a_number_becomes_what_decimal_arithmetic_makes_of_it() {
    for (value, from, to, expected) in [
        (32.0, "°F", "°C", 0.0),
        (212.0, "fahrenheit", "celsius", 100.0),
        (98.6, "°F", "°C", 37.0),
        (-40.0, "°F", "°C", -40.0),
        (300.15, "K", "°C", 27.0),
        (-459.67, "°F", "K", 0.0),
        (0.0, "K", "°F", -459.67),
        (1000.0, "mbar", "hPa", 1000.0),
        (4.5, "bar", "hPa", 4500.0),
        (0.29, "m", "cm", 29.0),
        (3.3, "kW", "W", 3300.0),
        (60.0, "W·min", "Wh", 1.0),
        (1.0, "kWh", "MJ", 3.6),
        (90.0, "km/h", "m/s", 25.0),
        (1.0, "mi", "km", 1.609_344),
        (1.0, "m³/h", "L/min", 16.666_666_666_666_7),
        (1.0, "mS/cm", "µS/cm", 1000.0),
        (1.0, "mg/L", "g/m³", 1.0),
        (37.0, "Bq/m³", "pCi/L", 1.0),
        (1_152_921_504_606_846_976.0, "B", "KiB", 1_125_899_906_842_624.0),
        (10.0, "°", "rad", 0.174_532_925_199_433),
        (1.0, "rps", "°/s", 360.0),
        (0.0, "kV", "MV", 0.0),
    ] {
        assert_eq!(converted(value, from, to), expected, "{value} {from} in {to}");
    }
}

/// NIST SP 811 (2008), appendix B.8, as printed there.
#[test]
fn factors_are_those_of_nist() {
    for (from, to, factor) in [
        ("psi", "Pa", "6.894757e3"),
        ("bar", "psi", "1.450377e1"),
        ("mmHg", "Pa", "1.333224e2"),
        ("inHg", "Pa", "3.386389e3"),
        ("inH₂O", "Pa", "2.490889e2"),
        ("atm", "Pa", "1.013250e5"),
        ("BTU", "J", "1.055056e3"),
        ("BTU/h", "W", "2.930711e-1"),
        ("hp", "W", "7.456999e2"),
        ("cal", "J", "4.184000e0"),
        ("gal", "L", "3.785412e0"),
        ("fl. oz.", "mL", "2.957353e1"),
        ("ft³", "m³", "2.831685e-2"),
        ("ft³/min", "L/s", "4.719474e-1"),
        ("gal/min", "L/s", "6.309020e-2"),
        ("lb", "kg", "4.535924e-1"),
        ("oz", "g", "2.834952e1"),
        ("mph", "m/s", "4.470400e-1"),
        ("kn", "m/s", "5.144444e-1"),
        ("ac", "m²", "4.046856e3"),
        ("BTU/(h⋅ft²)", "W/m²", "3.154591e0"),
        ("rpm", "rad/s", "1.047198e-1"),
        ("rad", "°", "5.729578e1"),
    ] {
        assert_eq!(format!("{:.6e}", converted(1.0, from, to)), factor, "{from} in {to}");
    }
    assert!((converted(14.503_773_8, "psi", "bar") - 1.0).abs() < 1e-8);
}

#[test]
fn a_difference_has_no_offset() {
    let deadband = convert("°F", "°C");
    assert_eq!(
        (deadband.apply_difference(9.0), deadband.apply(9.0)),
        (Some(5.0), Some(-12.777_777_777_777_8))
    );
    assert_eq!(convert("K", "°C").apply_difference(0.5), Some(0.5));
    assert_eq!(convert("K", "°C"), Conversion::Affine { scale: 1.0, offset: -273.15 });
    assert_eq!(convert("bar", "kPa").apply_difference(0.1), Some(10.0));
}

#[test]
fn what_does_not_convert_says_why() {
    for (from, to, why) in [
        ("celsius", "°C", Conversion::Same),
        ("mystery", "mystery", Conversion::Same),
        ("", "°C", Conversion::Same),
        ("W", "", Conversion::Same),
        ("mystery", "°C", Conversion::Unknown),
        ("°C", "mystery", Conversion::Unknown),
        ("%", "1", Conversion::Unknown),
        ("°C", "hPa", Conversion::Different),
        ("%", "ppm", Conversion::Different),
        ("ppm", "mg/m³", Conversion::Different),
        ("mm/h", "m/s", Conversion::Different),
        ("bar", "barg", Conversion::Different),
        ("W", "VA", Conversion::Different),
        ("dB", "dBm", Conversion::Different),
    ] {
        assert_eq!(convert(from, to), why, "{from} to {to}");
    }
    assert_eq!(convert("°C", "hPa").apply(1.0), None);
    assert_eq!(convert("mystery", "hPa").apply_difference(1.0), None);
    assert_eq!(convert("GJ", "J").apply(f64::MAX), None);
}

#[test]
fn own_units_of_quantities_are_known() {
    for quantity in [
        "temperature",
        "humidity",
        "pressure",
        "co2",
        "power",
        "voltage",
        "current",
        "pm2_5",
        "battery",
    ] {
        let unit = quantity_default(quantity).unwrap();
        assert_eq!(spelling(unit), unit);
        let of_readings = crate::domain::Quantity::new(quantity).unwrap().default_unit();
        assert_eq!(convert(of_readings.as_str(), unit), Conversion::Same);
    }
    assert_eq!(["energy", "rssi", "disk"].map(quantity_default), [None; 3]);
}

#[test]
fn units_follow_numbers() {
    for (unit, suffix) in [
        ("celsius", "°C"),
        ("°F", "°F"),
        ("degree", "°"),
        ("kelvin", " K"),
        ("percent", " %"),
        ("hectopascal", " hPa"),
        ("millivolt", " mV"),
        ("mm/s", " mm/s"),
        ("°/s", " °/s"),
        ("pulses", " pulses"),
        ("", ""),
    ] {
        assert_eq!(Unit::new(unit).suffix(), suffix);
    }
}

proptest! {
    #[test]
    fn any_text_is_a_unit_or_stays_as_it_came(text in "\\PC{0,60}") {
        let unit = spelling(&text);
        prop_assert!(unit == text.trim() || all().iter().any(|known| known.spelling == unit));
        prop_assert_eq!(spelling(unit), unit);
    }

    #[test]
    fn there_and_back_is_the_same(from in units(), to in units(), mantissa in -1.0..1.0_f64, exponent in -6..12_i32) {
        let value = mantissa * 10_f64.powi(exponent);
        let (there, back) = (convert(from.spelling, to.spelling), convert(to.spelling, from.spelling));
        let is_one_dimension = from.dimension == to.dimension && from.dimension != Dimension::Other;
        prop_assert_eq!(there.apply(value).is_some(), is_one_dimension || from.spelling == to.spelling);
        if let Some(other) = there.apply(value) {
            let offset = if let Conversion::Affine { offset, .. } = back { offset.abs() } else { 0.0 };
            let again = back.apply(other).unwrap();
            prop_assert!((again - value).abs() <= 1e-12 * value.abs().max(offset), "{value} {other} {again}");
            let difference = back.apply_difference(there.apply_difference(value).unwrap()).unwrap();
            prop_assert!((difference - value).abs() <= 1e-12 * value.abs(), "{value} {difference}");
        }
    }

    #[test]
    fn order_is_kept(from in units(), to in units(), a in -1e9..1e9_f64, b in -1e9..1e9_f64) {
        let conversion = convert(from.spelling, to.spelling);
        if let (Some(x), Some(y)) = (conversion.apply(a.min(b)), conversion.apply(a.max(b))) {
            prop_assert!(x <= y);
        }
    }

    /// Of a decimal that has one, the result is that decimal to the last bit.
    #[test]
    fn decimals_stay_decimals(tenths in -50_000..50_000_i64) {
        let celsius = |tenths: i64| format!("{tenths}e-1").parse::<f64>().unwrap();
        let fahrenheit: f64 = format!("{}e-2", tenths * 18 + 3200).parse().unwrap();
        let kelvin: f64 = format!("{}e-2", tenths * 10 + 27_315).parse().unwrap();
        prop_assert_eq!(converted(celsius(tenths), "°C", "°F"), fahrenheit);
        prop_assert_eq!(converted(fahrenheit, "°F", "°C"), celsius(tenths));
        prop_assert_eq!(converted(celsius(tenths), "°C", "K"), kelvin);
        prop_assert_eq!(converted(kelvin, "K", "°C"), celsius(tenths));
        prop_assert_eq!(converted(kelvin, "K", "°F"), fahrenheit);
        let kilo: f64 = format!("{tenths}e-4").parse().unwrap();
        prop_assert_eq!(converted(celsius(tenths), "W", "kW"), kilo);
        prop_assert_eq!(converted(kilo, "bar", "mbar"), celsius(tenths));
    }
}
