//! Names of quantities as devices write them, and the ones they get here: `snake_case`, one name a thing.

use crate::domain::Quantity;

/// Spellings (in snake case) and the canonical name.
const ALIASES: &[(&str, &[&str])] = &[
    (
        "temperature",
        &[
            "temp",
            "tempc",
            "tempf",
            "t_c",
            "t_f",
            "temp_c",
            "temp_f",
            "temperature_c",
            "temperature_f",
        ],
    ),
    ("humidity", &["hum", "rh", "relative_humidity", "humid"]),
    (
        "pressure",
        &[
            "pres",
            "press",
            "pressure_h_pa",
            "pressure_hpa",
            "pressure_k_pa",
            "pressure_kpa",
            "pressure_psi",
            "barometric_pressure",
            "barometer",
            "baro",
        ],
    ),
    ("illuminance", &["lux", "light_lux", "illuminance_lux", "lx"]),
    ("co2", &["carbon_dioxide", "co2_ppm"]),
    ("power", &["apower", "act_power", "active_power"]),
    ("voltage", &["volt", "volts"]),
    ("current", &["amperage", "amps"]),
    ("apparent_power", &["aprt_power"]),
    ("reactive_power", &["react_power"]),
    ("power_factor", &["pf", "factor", "powerfactor"]),
    ("frequency", &["freq", "frequency_hz"]),
    ("battery", &["batt", "battery_level", "battery_percentage", "bat"]),
    (
        "battery_voltage",
        &["batt_voltage", "bat_v", "battery_v", "battery_mv", "battery_m_v", "vbat"],
    ),
    ("moisture", &["moi", "moist", "soil_moisture"]),
    ("pm2_5", &["pm25", "pm2_5", "pm_2_5"]),
    ("pm1", &["pm1_0", "pm_1", "pm_1_0"]),
    ("pm4", &["pm4_0", "pm_4", "pm_4_0"]),
    ("pm10", &["pm_10", "pm10_0", "pm_10_0"]),
    ("rssi", &["signal_strength"]),
    ("linkquality", &["link_quality"]),
    ("snr", &["lora_snr", "lo_ra_snr"]),
];

/// Key in snake case: words are split at `_`, `-`, white space, `.`, `:`, `/`, and where a capital follows a
/// lower-case letter or a digit, or begins a word after capitals. Other characters are dropped.
#[must_use]
pub fn snake_case(key: &str) -> String {
    let mut snake = String::with_capacity(key.len() + 4);
    let characters: Vec<char> = key.chars().collect();
    for (at, &c) in characters.iter().enumerate() {
        if !c.is_ascii_alphanumeric() {
            if !snake.is_empty() && !snake.ends_with('_') {
                snake.push('_');
            }
            continue;
        }
        let before = at.checked_sub(1).map(|at| characters[at]);
        let is_after_small =
            before.is_some_and(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
        let begins_word = before.is_some_and(|it| it.is_ascii_uppercase())
            && characters.get(at + 1).is_some_and(char::is_ascii_lowercase);
        if c.is_ascii_uppercase() && (is_after_small || begins_word) && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake.trim_end_matches('_').to_owned()
}

/// Canonical name of a key: in snake case, and by its alias if it has one.
#[must_use]
pub fn canonical(key: &str) -> String {
    let snake = snake_case(key);
    let all_small = key.to_ascii_lowercase();
    let known = ALIASES.iter().find(|(_, aliases)| {
        aliases.contains(&snake.as_str()) || aliases.contains(&all_small.as_str())
    });
    known.map_or(snake, |(name, _)| (*name).to_owned())
}

/// Names whose last digits are part of them: particles and gases.
const NOT_COUNTED: [&str; 9] = ["pm", "co", "eco", "no", "so", "nh", "ch", "o", "h"];

/// Name without a trailing probe number, and the number: `temperature_2`, `temp2`. Digits of a substance (`co2`,
/// `pm2_5`) are no probe number.
#[must_use]
pub fn numbered(name: &str) -> (&str, Option<&str>) {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = &name[stem.len()..];
    let substance = stem.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    let last_word = substance.rsplit('_').next().unwrap_or(substance);
    let is_counted = (1..=3).contains(&number.len()) && !NOT_COUNTED.contains(&last_word);
    let stem = stem.strip_suffix('_').unwrap_or(stem);
    if is_counted && !stem.is_empty() { (stem, Some(number)) } else { (name, None) }
}

/// Whether a name is the canonical one of a quantity with aliases.
#[must_use]
pub fn is_canonical(name: &str) -> bool {
    ALIASES.iter().any(|(canonical, _)| *canonical == name)
}

/// Bytes of a name that are read, many more than are kept: each value of a list may come with the same long name.
const MOST_READ: usize = 256;

/// Canonical name as a quantity: one that begins with a digit gets the prefix `value_`, a reserved one the suffix
/// `_value`, and a long one is truncated.
///
/// # Errors
/// If nothing of the key can be a name.
pub fn quantity(name: &str) -> Result<Quantity, String> {
    let name = &name[..name.floor_char_boundary(MOST_READ)];
    if let Ok(quantity) = Quantity::new(name) {
        return Ok(quantity);
    }
    let mut fitting = snake_case(name);
    if fitting.starts_with(|c: char| c.is_ascii_digit()) {
        fitting.insert_str(0, "value_");
    }
    fitting.truncate(64);
    Quantity::new(&fitting)
        .or_else(|_| Quantity::new(&format!("{fitting}_value")))
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut() {
        for name in ["k".repeat(64), "k".repeat(65), "k".repeat(30_000)] {
            assert_eq!(quantity(&name).map(|it| it.as_str().len()), Ok(64));
        }
        assert_eq!(quantity(&format!("k{}", "é".repeat(300))).unwrap().as_str(), "k");
    }

    #[test]
    fn keys_become_snake_case() {
        for (key, snake) in [
            ("eCO2", "e_co2"),
            ("linkQuality", "link_quality"),
            ("DewPoint", "dew_point"),
            ("ACTIVE_POWER_P", "active_power_p"),
            ("HTTPServer", "http_server"),
            ("Relative Humidity", "relative_humidity"),
            ("pm2.5", "pm2_5"),
            ("aenergy.total", "aenergy_total"),
            ("TVOC", "tvoc"),
            ("°C", "c"),
        ] {
            assert_eq!(snake_case(key), snake, "{key}");
        }
    }

    #[test]
    fn one_name_a_thing() {
        for (key, name) in [
            ("tempc", "temperature"),
            ("tC", "temperature"),
            ("Relative Humidity", "humidity"),
            ("CarbonDioxide", "co2"),
            ("PF", "power_factor"),
            ("pm25", "pm2_5"),
            ("battery_mv", "battery_voltage"),
            ("wind_avg", "wind_avg"),
        ] {
            assert_eq!(canonical(key), name, "{key}");
        }
    }

    #[test]
    fn numbers_at_the_end_count_probes() {
        for (name, stem, number) in [
            ("temperature_2", "temperature", Some("2")),
            ("temp12", "temp", Some("12")),
            ("temperature", "temperature", None),
            ("co2", "co2", None),
            ("pm2_5", "pm2_5", None),
            ("estimated_pm10_0", "estimated_pm10_0", None),
            ("serial12345", "serial12345", None),
            ("7", "7", None),
        ] {
            assert_eq!(numbered(name), (stem, number), "{name}");
        }
    }

    #[test]
    fn every_name_becomes_a_quantity_or_an_error() {
        assert_eq!(quantity("66049").unwrap().as_str(), "value_66049");
        assert_eq!(quantity("unit").unwrap().as_str(), "unit_value");
        assert_eq!(quantity(&"x".repeat(80)).unwrap().as_str().len(), 64);
        assert!(quantity("°").is_err());
    }
}
