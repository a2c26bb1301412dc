//! Units by dimension: spelling, size, and the other ways in which devices and standards write them. Pure.
//!
//! Spellings are those of Home Assistant where it has the unit. Sizes are exact fractions of the dimension's reference
//! unit, the first of size 1: definitions of the SI and of the international yard and pound (1959), and the
//! conventional values of NIST Special Publication 811 (2008), appendix B, for the rest.

use super::Dimension;

/// Spelling; size as numerator and denominator; other symbols; words. Symbols are written as [`fold`](super::lookup)
/// leaves them and keep their case; words are in the singular, joined by `-`, and have no case.
pub(super) type Row = (&'static str, i128, i128, &'static str, &'static str);

const PSI: (i128, i128) = (8_896_443_230_521, 1_290_320_000); // lbf/in²: 0.45359237 kg × 9.80665 m/s² ÷ (0.0254 m)²
const FT3: i128 = 28_316_846_592; // nanolitres: 0.3048³ m³
const GAL: i128 = 3_785_411_784; // nanolitres: 231 in³, the US gallon
const BTU: i128 = 105_505_585_262; // 10 nJ: the International Table Btu
const NANO: i128 = 1_000_000_000;
const KI: i128 = 1 << 10;
const K: i128 = 1000;

pub(super) const UNITS: &[(Dimension, &[Row])] = &[
    (
        Dimension::Temperature,
        &[
            ("°C", 1, 1, "C c °c C° Cel deg.C", "celsius celcius degree-celsius grad-celsius degc"),
            ("°F", 5, 9, "F f °f FAH F°", "fahrenheit degree-fahrenheit degf"),
            ("K", 1, 1, "KEL °K", "kelvin degree-kelvin degk"),
        ],
    ),
    (
        Dimension::Pressure,
        &[
            ("Pa", 1, 1, "pa PA PAL", "pascal"),
            ("mPa", 1, K, "", "millipascal"),
            ("hPa", 100, 1, "A97", "hectopascal"),
            ("kPa", K, 1, "", "kilopascal"),
            ("MPa", K * K, 1, "MPA Mpa", "megapascal"),
            ("mbar", 100, 1, "MBAR Mbar MBR", "millibar"),
            ("cbar", K, 1, "", "centibar"),
            ("bar", 100 * K, 1, "", "bar"),
            ("psi", PSI.0, PSI.1, "lbf/in2", "pound-per-square-inch"),
            ("mmHg", 133_322_387_415, NANO, "MMHG torr Torr", "millimeter-of-mercury"),
            ("inHg", 3_386_388_640_341, NANO, "in'Hg in_i'Hg", "inch-of-mercury"),
            ("inH₂O", 24_908_891, 100 * K, "inH2O in_i'H2O", "inch-of-water inwc inwg"),
            ("atm", 101_325, 1, "", "atmosphere"),
        ],
    ),
    (
        Dimension::GaugePressure,
        &[
            ("barg", 100 * K, 1, "", ""),
            ("mbarg", 100, 1, "MBARG", ""),
            ("kPag", K, 1, "", ""),
            ("psig", PSI.0, PSI.1, "", ""),
        ],
    ),
    (
        Dimension::Power,
        &[
            ("W", 1, 1, "WTT", "watt"),
            ("mW", 1, K, "", "milliwatt"),
            ("kW", K, 1, "kw KW Kw KWT", "kilowatt"),
            ("MW", K * K, 1, "MAW", "megawatt"),
            ("GW", NANO, 1, "", "gigawatt"),
            ("TW", K * NANO, 1, "", "terawatt"),
            ("BTU/h", BTU, 3600 * 100_000_000, "BTU/hr BTUH Btu_IT/h", "btu-per-hour"),
            ("hp", 37_284_993_579_113_511, 50_000 * NANO, "HP", "horsepower"), // 550 ft·lbf/s
        ],
    ),
    (
        Dimension::ApparentPower,
        &[
            ("VA", 1, 1, "va V·A V.A D46", "volt-ampere"),
            ("mVA", 1, K, "", "millivolt-ampere"),
            ("kVA", K, 1, "kV·A", "kilovolt-ampere"),
            ("MVA", K * K, 1, "MV·A", "megavolt-ampere"),
        ],
    ),
    (
        Dimension::ReactivePower,
        &[
            ("var", 1, 1, "D44", "volt-ampere-reactive"),
            ("mvar", 1, K, "mVAr", ""),
            ("kvar", K, 1, "", "kilovolt-ampere-reactive"),
            ("Mvar", K * K, 1, "MVAr MVAR", "megavolt-ampere-reactive"),
        ],
    ),
    (
        Dimension::Energy,
        &[
            ("J", 1, 1, "Ws W·s JOU", "joule watt-second"),
            ("kJ", K, 1, "KJ", "kilojoule"),
            ("MJ", K * K, 1, "", "megajoule"),
            ("GJ", NANO, 1, "", "gigajoule"),
            ("W·min", 60, 1, "Wmin W.min", "watt-minute"),
            ("mWh", 36, 10, "mW·h", "milliwatt-hour"),
            ("Wh", 3600, 1, "wh WH W·h W.h WHR", "watt-hour"),
            ("kWh", 3600 * K, 1, "kW·h kW.h", "kilowatt-hour"),
            ("MWh", 3600 * K * K, 1, "MW·h", "megawatt-hour"),
            ("GWh", 3600 * NANO, 1, "GW·h", "gigawatt-hour"),
            ("TWh", 3600 * K * NANO, 1, "TW·h", "terawatt-hour"),
            ("cal", 4184, K, "", "calorie"), // thermochemical
            ("kcal", 4184, 1, "", "kilocalorie"),
            ("Mcal", 4184 * K, 1, "", "megacalorie"),
            ("Gcal", 4184 * K * K, 1, "", "gigacalorie"),
            ("BTU", BTU, 100_000_000, "Btu_IT", "btu"),
        ],
    ),
    (Dimension::ApparentEnergy, &[("VAh", 1, 1, "VA·h", ""), ("kVAh", K, 1, "kVA·h", "")]),
    (
        Dimension::ReactiveEnergy,
        &[
            ("varh", 1, 1, "var·h", "volt-ampere-reactive-hour"),
            ("kvarh", K, 1, "kvar·h", "kilovolt-ampere-reactive-hour"),
        ],
    ),
    (
        Dimension::Voltage,
        &[
            ("V", 1, 1, "VDC Vdc VAC Vac VLT", "volt"),
            ("µV", 1, K * K, "uV", "microvolt"),
            ("mV", 1, K, "2Z", "millivolt"),
            ("kV", K, 1, "kv KV", "kilovolt"),
            ("MV", K * K, 1, "", "megavolt"),
        ],
    ),
    (
        Dimension::Current,
        &[
            ("A", 1, 1, "AMP", "ampere amp"),
            ("µA", 1, K * K, "uA", "microampere microamp"),
            ("mA", 1, K, "ma 4K", "milliampere milliamp"),
            ("kA", K, 1, "", "kiloampere kiloamp"),
        ],
    ),
    (
        Dimension::Charge,
        &[
            ("Ah", 1, 1, "AH ah A·h A.h", "ampere-hour amp-hour"),
            ("mAh", 1, K, "mA·h", "milliampere-hour"),
        ],
    ),
    (
        Dimension::Resistance,
        &[
            ("Ω", 1, 1, "", "ohm"),
            ("mΩ", 1, K, "mOhm", "milliohm"),
            ("kΩ", K, 1, "kOhm", "kiloohm kilohm"),
            ("MΩ", K * K, 1, "MOhm", "megaohm megohm"),
        ],
    ),
    (
        Dimension::Frequency,
        &[
            ("Hz", 1, 1, "hz HZ HTZ", "hertz"),
            ("mHz", 1, K, "", "millihertz"),
            ("kHz", K, 1, "", "kilohertz"),
            ("MHz", K * K, 1, "", "megahertz"),
            ("GHz", NANO, 1, "", "gigahertz"),
        ],
    ),
    (
        Dimension::RotationalSpeed,
        &[
            ("rpm", 1, 1, "1/min /min min-1 r/min rev/min tr/min U/min", "revolution-per-minute"),
            ("rps", 60, 1, "r/s rev/s", "revolution-per-second"),
            ("rad/s", 9_549_296_585_513_721, 1_000_000 * NANO, "", "radian-per-second"),
            ("°/s", 1, 6, "deg/s", "degree-per-second"),
        ],
    ),
    (
        Dimension::Angle,
        &[
            ("°", 1, 1, "deg DD", "degree"),
            ("rad", 5_729_577_951_308_232, 100_000 * NANO, "", "radian"),
        ],
    ),
    (
        Dimension::Length,
        &[
            ("m", 1, 1, "MTR", "meter"),
            ("µm", 1, K * K, "um", "micrometer micron"),
            ("mm", 1, K, "MM MMT", "millimeter"),
            ("cm", 1, 100, "CM CMT", "centimeter"),
            ("km", K, 1, "KM KMT", "kilometer"),
            ("in", 254, 10_000, "in_i INH", "inch inches"),
            ("ft", 3048, 10_000, "FT ft_i FOT", "foot feet"),
            ("yd", 9144, 10_000, "yd_i YRD", "yard"),
            ("mi", 1_609_344, K, "mi_i SMI", "mile"),
            ("nmi", 1852, 1, "nmi_i NMI", "nautical-mile"),
        ],
    ),
    (
        Dimension::Area,
        &[
            ("m²", 1, 1, "m2 M2 MTK", "square-meter"),
            ("mm²", 1, K * K, "mm2", "square-millimeter"),
            ("cm²", 1, 10_000, "cm2", "square-centimeter"),
            ("km²", K * K, 1, "km2", "square-kilometer"),
            ("ha", 10_000, 1, "HAR", "hectare"),
            ("in²", 64_516, 100_000_000, "in2", "square-inch"),
            ("ft²", 9_290_304, 100_000_000, "ft2", "square-foot square-feet"),
            ("yd²", 83_612_736, 100_000_000, "yd2", "square-yard"),
            ("ac", 40_468_564_224, 10_000_000, "", "acre"),
            ("mi²", 2_589_988_110_336, K * K, "mi2", "square-mile"),
        ],
    ),
    (
        Dimension::Speed,
        &[
            ("m/s", 1, 1, "m_s m/sec mps MPS m.s-1 ms-1 MTS", "meter-per-second"),
            ("mm/s", 1, K, "mm_s mms-1", "millimeter-per-second"),
            ("m/min", 1, 60, "m_min", "meter-per-minute"),
            ("km/h", 5, 18, "km_h km/hr kmh kmph kph kmh-1", "kilometer-per-hour"),
            (
                "mph",
                1_609_344,
                3600 * K,
                "MPH Mph mi/h mi_h mi_i/h mile/h miles/h",
                "mile-per-hour",
            ),
            ("kn", 1852, 3600, "kt kts kn_i KNT", "knot"),
            ("ft/s", 3048, 10_000, "ft_s", "foot-per-second feet-per-second"),
            ("in/s", 254, 10_000, "in_s", "inch-per-second inches-per-second"),
        ],
    ),
    (
        Dimension::Acceleration,
        &[
            ("m/s²", 1, 1, "m/s2 m/s/s ms-2 MSK", "meter-per-second-squared"),
            ("mm/s²", 1, K, "mm/s2", ""),
        ],
    ),
    (
        Dimension::PrecipitationIntensity,
        &[
            ("mm/h", 1, 1, "mm_h mm/hr mmh-1", "millimeter-per-hour"),
            ("mm/d", 1, 24, "mm_d mm/day", "millimeter-per-day"),
            ("in/h", 254, 10, "in_h in/hr", "inch-per-hour inches-per-hour"),
            ("in/d", 254, 240, "in_d in/day", "inch-per-day inches-per-day"),
        ],
    ),
    (
        Dimension::Volume,
        &[
            ("L", 1, 1, "l ltr LTR", "liter"),
            ("mL", 1, K, "ml MLT", "milliliter"),
            ("cm³", 1, K, "cm3 CMQ", "cubic-centimeter"),
            ("m³", K, 1, "m3 M3 cbm MTQ", "cubic-meter"),
            ("ft³", FT3, NANO, "ft3 cft_i", "cubic-foot cubic-feet cuft"),
            ("CCF", FT3 * 100, NANO, "", "centum-cubic-feet"),
            ("MCF", FT3 * K, NANO, "Mcf", "mille-cubic-feet"),
            ("gal", GAL, NANO, "gal_us galUS GLL", "gallon us-gallon"),
            ("fl. oz.", GAL, 128 * NANO, "fl.oz. foz_us", "fluid-ounce floz"),
        ],
    ),
    (
        Dimension::VolumeFlow,
        &[
            ("L/h", 1, 1, "l_h L/hr l/hr lph LPH", "liter-per-hour"),
            ("L/min", 60, 1, "l_min lpm LPM L2", "liter-per-minute"),
            ("L/s", 3600, 1, "l_s L/sec l/sec lps LPS", "liter-per-second"),
            ("mL/min", 6, 100, "ml/min", "milliliter-per-minute"),
            ("mL/s", 36, 10, "ml/s", "milliliter-per-second"),
            ("m³/h", K, 1, "m3/h m3_h m3/hr m3h cmh CMH MQH", "cubic-meter-per-hour"),
            ("m³/min", 60 * K, 1, "m3/min m3_min", "cubic-meter-per-minute"),
            ("m³/s", 3600 * K, 1, "m3/s m3_s", "cubic-meter-per-second"),
            (
                "ft³/min",
                FT3 * 60,
                NANO,
                "ft3/min ft3/m cfm CFM",
                "cubic-foot-per-minute cubic-feet-per-minute",
            ),
            ("gal/min", GAL * 60, NANO, "gal_us/min gpm GPM", "gallon-per-minute"),
            ("gal/h", GAL, NANO, "gal_us/h gph GPH", "gallon-per-hour"),
            ("gal/d", GAL, 24 * NANO, "gal_us/d gpd GPD", "gallon-per-day"),
        ],
    ),
    (
        Dimension::Mass,
        &[
            ("g", 1, 1, "GRM", "gram gramme"),
            ("µg", 1, K * K, "ug", "microgram"),
            ("mg", 1, K, "", "milligram"),
            ("kg", K, 1, "KG Kg KGM", "kilogram"),
            ("t", K * K, 1, "TNE", "tonne metric-ton"),
            ("oz", 45_359_237, 1_600_000, "OZ oz_av ONZ", "ounce"),
            ("lb", 45_359_237, 100_000, "LB lbs LBS lb_av LBR", "pound"),
            ("st", 635_029_318, 100_000, "stone_av STI", "stone"),
        ],
    ),
    (
        Dimension::Time,
        &[
            ("s", 1, 1, "sec secs SEC", "second"),
            ("µs", 1, K * K, "us usec", "microsecond"),
            ("ms", 1, K, "msec C26", "millisecond"),
            ("min", 60, 1, "MIN Min mins", "minute"),
            ("h", 3600, 1, "hr hrs HUR", "hour"),
            ("d", 86_400, 1, "", "day"),
        ],
    ),
    (
        Dimension::Percent,
        &[
            ("%", 1, 1, "%RH %rH %rh RH rh %EL pct P1", "percent percentage"),
            ("‰", 1, 10, "", "permille permil"),
        ],
    ),
    (Dimension::PartsPer, &[("ppm", 1, 1, "", ""), ("ppb", 1, K, "", "")]),
    (
        Dimension::Concentration,
        &[
            ("µg/m³", 1, 1, "µg/m3 ug/m3 ug_m3 µgm-3 ugm-3", "microgram-per-cubic-meter"),
            ("ng/m³", 1, K, "ng/m3", "nanogram-per-cubic-meter"),
            ("mg/m³", K, 1, "mg/m3 mg_m3 mgm-3", "milligram-per-cubic-meter"),
            ("g/m³", K * K, 1, "g/m3 g_m3 gm-3", "gram-per-cubic-meter"),
            ("kg/m³", NANO, 1, "kg/m3 kgm-3", "kilogram-per-cubic-meter"),
            ("µg/L", K, 1, "µg/l ug/l ug/L", "microgram-per-liter"),
            ("mg/L", K * K, 1, "mg/l", "milligram-per-liter"),
            ("g/L", NANO, 1, "g/l", "gram-per-liter"),
            ("µg/ft³", 1000 * NANO, FT3, "µg/ft3 ug/ft3", ""),
        ],
    ),
    (Dimension::Radioactivity, &[("Bq/m³", 1, 1, "Bq/m3", ""), ("pCi/L", 37, 1, "pCi/l", "")]),
    (Dimension::Illuminance, &[("lx", 1, 1, "LX Lx", "lux"), ("klx", K, 1, "", "kilolux")]),
    (
        Dimension::Irradiance,
        &[
            ("W/m²", 1, 1, "W/m2 W_m2 Wm-2", "watt-per-square-meter"),
            ("kW/m²", K, 1, "kW/m2", "kilowatt-per-square-meter"),
            ("BTU/(h⋅ft²)", 52_752_792_631, 16_722_547_200, "BTU/h·ft2", ""),
        ],
    ),
    (
        Dimension::Conductivity,
        &[
            ("µS/cm", 1, 1, "uS/cm uS_cm", "microsiemens-per-centimeter"),
            ("mS/cm", K, 1, "mS_cm", "millisiemens-per-centimeter"),
            ("S/cm", K * K, 1, "", "siemens-per-centimeter"),
            ("mS/m", 10, 1, "", "millisiemens-per-meter"),
            ("dS/m", K, 1, "", "decisiemens-per-meter"),
            ("S/m", 10_000, 1, "", "siemens-per-meter"),
        ],
    ),
    (
        Dimension::DataSize,
        &[
            ("bit", 1, 1, "", "bit"),
            ("kbit", K, 1, "Kbit", "kilobit"),
            ("Mbit", K * K, 1, "", "megabit"),
            ("Gbit", NANO, 1, "", "gigabit"),
            ("B", 8, 1, "By", "byte"),
            ("kB", 8 * K, 1, "kbyte", "kilobyte"),
            ("MB", 8 * K * K, 1, "Mbyte", "megabyte"),
            ("GB", 8 * NANO, 1, "Gbyte", "gigabyte"),
            ("TB", 8 * K * NANO, 1, "Tbyte", "terabyte"),
            ("PB", 8 * K * K * NANO, 1, "", "petabyte"),
            ("EB", 8 * NANO * NANO, 1, "", "exabyte"),
            ("ZB", 8 * K * NANO * NANO, 1, "", "zettabyte"),
            ("YB", 8 * K * K * NANO * NANO, 1, "", "yottabyte"),
            ("KiB", 8 * KI, 1, "kiB", "kibibyte"),
            ("MiB", 8 * KI.pow(2), 1, "", "mebibyte"),
            ("GiB", 8 * KI.pow(3), 1, "", "gibibyte"),
            ("TiB", 8 * KI.pow(4), 1, "", "tebibyte"),
            ("PiB", 8 * KI.pow(5), 1, "", "pebibyte"),
            ("EiB", 8 * KI.pow(6), 1, "", "exbibyte"),
            ("ZiB", 8 * KI.pow(7), 1, "", "zebibyte"),
            ("YiB", 8 * KI.pow(8), 1, "", "yobibyte"),
        ],
    ),
    (
        Dimension::DataRate,
        &[
            ("bit/s", 1, 1, "bps", "bit-per-second"),
            ("kbit/s", K, 1, "kbps Kbps Kbit/s", "kilobit-per-second"),
            ("Mbit/s", K * K, 1, "Mbps", "megabit-per-second"),
            ("Gbit/s", NANO, 1, "Gbps", "gigabit-per-second"),
            ("B/s", 8, 1, "By/s", "byte-per-second"),
            ("kB/s", 8 * K, 1, "kBps", "kilobyte-per-second"),
            ("MB/s", 8 * K * K, 1, "MBps", "megabyte-per-second"),
            ("GB/s", 8 * NANO, 1, "GBps", "gigabyte-per-second"),
            ("KiB/s", 8 * KI, 1, "kiB/s", "kibibyte-per-second"),
            ("MiB/s", 8 * KI.pow(2), 1, "", "mebibyte-per-second"),
            ("GiB/s", 8 * KI.pow(3), 1, "", "gibibyte-per-second"),
        ],
    ),
    (
        Dimension::Other,
        &[
            ("dB", 1, 1, "db DB", "decibel"),
            ("dBA", 1, 1, "", ""),
            ("dBm", 1, 1, "", ""),
            ("pH", 1, 1, "", ""),
            ("UV index", 1, 1, "UVindex UVI uvi", "uv-index"),
            ("Beaufort", 1, 1, "bft Bft BFT", "beaufort"),
            ("p/m³", 1, 1, "p/m3", ""),
            ("NTU", 1, 1, "", ""),
            ("Nm", 1, 1, "N·m", "newton-meter"),
        ],
    ),
];

/// Symbols whose case alone tells them from a unit that is not in the table: `Cal` is often the kilocalorie.
pub(super) const CASE_MATTERS: [&str; 1] = ["cal"];

/// Value that a unit's zero has in the reference unit of its dimension, as a fraction.
pub(super) fn zero(spelling: &str) -> (i128, i128) {
    match spelling {
        "°F" => (-160, 9), // −32 × 5/9 °C
        "K" => (-27_315, 100),
        _ => (0, 1),
    }
}
