//! Templates: results, rejected templates, and resource limits.

use std::io::Write as _;

use chrono::DateTime;
use chrono_tz::Tz;
use proptest::prelude::*;

use super::*;

mod bounds;

fn rendered(source: &str, payload: &str) -> Result<String, Failure> {
    let template = Template::parse(source).map_err(Failure::Wrong)?;
    let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let payload = Payload::new(payload, at, Tz::Europe__Paris);
    let rendered = template.render(&payload)?;
    Ok(rendered.text().into_owned())
}

#[track_caller]
fn give(cases: &[(&str, &str, &str)]) {
    for (source, payload, expected) in cases {
        assert_eq!(rendered(source, payload).as_deref(), Ok(*expected), "{source} of {payload}");
    }
}

#[track_caller]
fn is_wrong(source: &str, payload: &str, why: &str) {
    match rendered(source, payload) {
        Err(Failure::Wrong(said)) if said.contains(why) => {}
        other => panic!("{source} of {payload}: {other:?}"),
    }
}

#[test]
fn paths_and_filters() {
    give(&[
        ("{{value}}", "21.50", "21.50"),
        ("{{ value_json.t }}", r#"{"t":23.20}"#, "23.2"),
        ("{{- value_json['a b'].c[0].1[-2] -}}", r#"{"a b":{"c":[[0,[7,8,9]]]}}"#, "8"),
        ("{{ value_json.on }}", r#"{"on":true}"#, "True"),
        ("{{ value | round(1) }}", "21.25", "21.2"),
        ("{{ value | round }}", "21.5", "22"),
        ("{{ value | round(1, 'ceil') }}", "21.21", "21.3"),
        ("{{ value | int }}", "-21.9", "-21"),
        ("{{ value | int(base=16) }}", "ff", "255"),
        ("{{ value[0:2] | int(base=16) }}", "1fzz", "31"),
        ("{{ value_json.t | float | multiply(0.1) | round(1) }}", r#"{"t":215}"#, "21.5"),
        ("{{ value_json.t | float(0) }}", r#"{"t":null}"#, "0"),
        ("{{ value_json.t | float(default=0) }}", r#"{"t":"x"}"#, "0"),
        ("{{ value_json.t | bitwise_and(12) }}", r#"{"t":10}"#, "8"),
        ("{{ [value_json.a, value_json.b] | average }}", r#"{"a":1,"b":2}"#, "1.5"),
        ("{{ max(value_json) - min(4, 7) }}", "[1, 5, 3]", "1"),
        ("{{ value | bool }}", "On", "True"),
        ("{{ value | clamp(0, 10) }}", "12", "10.0"),
        ("{{ value_json.on | iif('a', 'b') }}", r#"{"on":0}"#, "b"),
        ("{{ value_json.a.b | default(5) }}", r#"{"a":{}}"#, "5"),
        ("{{ value_json.a | default(5, true) }}", r#"{"a":0}"#, "5"),
    ]);
}

#[test]
fn operators_and_conditions() {
    give(&[
        ("{{ value | float / 60 }}", "90", "1.5"),
        ("{{ float(value) * 9 + 1 }}", "1", "10.0"),
        (
            "{{ 7 // 2 }}, {{ -7 // 2 }}, {{ -7 % 3 }}, {{ 2 ** 10 }}, {{ 7 / 7 }}",
            "",
            "3, -4, 2, 1024, 1.0",
        ),
    ]);
    is_wrong("{{ 1 + 2 * 3 - 4 ~ 'a' }}", "", "calculated");
    give(&[
        ("{{ (1 + 2) * 3 ~ 'a' }}", "", "9a"),
        ("{{ -value_json.a | abs }}", r#"{"a":3}"#, "3"),
        ("{{ not value_json.a is defined }}", "{}", "True"),
        ("{{ 1 < 2 < 3 and 3 >= 3 != 4 }}", "", "True"),
        ("{{ 'b' in value and 'x' not in value_json }}", "\"ab\"", "True"),
        ("{{ value_json.a or value_json.b or 3 }}", r#"{"a":0}"#, "3"),
        (
            "{{ 'warm' if value | float > 30 else 'cool' if value | float > 10 else 'cold' }}",
            "12",
            "cool",
        ),
        ("{% if value_json.on %}ON{% else %}OFF{% endif %}", "{}", "OFF"),
        ("{% if value == '0' %}a{% elif value == '1' %}b{% else %}c{% endif %}", "1", "b"),
        ("{% set x = value | int %}{% if x > 5 %}{{ x - 5 }}{% endif %}", "7", "2"),
        (
            "{% for a in value_json if a.id == 2 %}{{ loop.index }}:{{ a.v }}{% else %}none{% endfor %}",
            r#"[{"id":1},{"id":2,"v":5}]"#,
            "1:5",
        ),
        (
            "{% for k, v in value_json.items() %}{{ k }}={{ v }};{% endfor %}",
            r#"{"a":1,"b":2}"#,
            "a=1;b=2;",
        ),
        ("{{ (1000 / (value | int, 4) | max) | round(0, 'floor') }}", "3", "250"),
        ("{# a comment #}{%- set a = 1 -%} {{ a }}", "", "1"),
        (
            "{{ value is not none and value_json is mapping and value_json.l is iterable }}",
            r#"{"l":[]}"#,
            "True",
        ),
        (
            "{{ 7 is divisibleby 7 and 7 is odd and 'abc' is match('ab') and 'abc' is not search('x') }}",
            "",
            "True",
        ),
    ]);
}

#[test]
fn lists_and_texts() {
    give(&[
        ("{{ value_json.get('a', 7) }}", "{}", "7"),
        ("{{ value.split(' ')[-1] }}", "load 12", "12"),
        ("{{ value.split(',')[0:2] | join('-') }}", "a,b,c", "a-b"),
        ("{{ value[::-1] }}{{ value[-2:] }}{{ value[:1] }}", "abc", "cbabca"),
        ("{{ value | regex_replace('[^0-9.]', '') }}", "12.5 W", "12.5"),
        ("{{ value | regex_findall_index('([0-9]+) W') }}", "a 12 W", "12"),
        ("{% if is_number(value) and 0 < value | int < 99 %}{{ value }}{% endif %}", "42", "42"),
        (
            "{{ value_json | selectattr('id', 'equalto', 2) | map(attribute='v') | first }}",
            r#"[{"id":2,"v":5}]"#,
            "5",
        ),
        ("{{ value_json | map('float') | sum }}", r#"["1", 2.5]"#, "3.5"),
        ("{{ value_json | select('gt', 2) | list | length }}", "[1, 2, 3]", "1"),
        ("{{ value_json | sort(reverse=true) | join(' ') }}", "[2, 3, 1]", "3 2 1"),
        ("{{ value_json | unique | list | count }}", "[1, 1, 2]", "2"),
        ("{{ {'a': value | int, 'b': [none, 'x']} | to_json }}", "1", r#"{"a":1,"b":[null,"x"]}"#),
        ("{{ (value | from_json).a }}", r#"{"a":1.5}"#, "1.5"),
        ("{% set names = {0: 'off', 1: 'on'} %}{{ names[value | int] }}", "1", "on"),
        ("{{ '%05.1f|%d|%s' | format(value | float, 3.9, 'x') }}", "2.55", "002.5|3|x"),
        ("{{ '{:.2f} {:>4} {}'.format(value | float, 7, 'x') }}", "2.5", "2.50    7 x"),
        ("{{ value | replace('_', ' ') | title }}", "front_door", "Front Door"),
        ("{{ value.strip().upper().startswith('A') }}", " ab ", "True"),
        ("{{ range(1, 10, 3) | join(',') }}", "", "1,4,7"),
        (r"{{ 'a\'b\u00e9' 'c' }}", "", "a'béc"),
    ]);
}

#[test]
fn what_is_not_there_is_no_value_and_no_zero() {
    for (source, payload) in [
        ("{{ value_json.t }}", "{}"),
        ("{{ value_json.t }}", r#"{"t":null}"#),
        ("{{ value_json.t }}", r#"{"t":" "}"#),
        ("{{ value_json.a.b }}", "{}"),
        ("{{ value_json.a.b | default(1) }}", "{}"),
        ("{{ value_json.t | float }}", r#"{"t":null}"#),
        ("{{ value_json.t | float(0) }}", "{}"),
        ("{{ value_json.t | float }}", r#"{"t":"unavailable"}"#),
        ("{{ value_json.t * 10 }}", "{}"),
        ("{{ value_json.t * 10 }}", r#"{"t":null}"#),
        ("{{ -value_json.t }}", r#"{"t":null}"#),
        ("{{ 100 - value_json.t }}", "{}"),
        ("{{ value_json.a + value_json.b }}", r#"{"a":1}"#),
        ("{{ value_json.t > 5 }}", "{}"),
        ("{{ 'a' if value_json.t == 5 else 'b' }}", "{}"),
        ("{{ [value_json.a, value_json.b] | sum }}", r#"{"a":1}"#),
        ("{{ [value_json.a, value_json.b] | max }}", r#"{"a":1}"#),
        ("{{ value_json.t | abs }}", "{}"),
        ("{{ value_json.t[0:2] }}", "{}"),
        ("{{ value_json.t.split(',')[0] }}", r#"{"t":null}"#),
        ("{{ (value_json.t | int) / 10 }}", r#"{"t":null}"#),
        ("{{ value_json.t | is_defined | round(1) + 0 }}", "{}"),
        ("{{ value_json.get('a').b }}", "{}"),
        ("{{ value_json.t }}", "21.5"),
        ("{{ value_json.t }}", "no JSON"),
        ("{% if value != '-1' %}{{ value }}{% endif %}", "-1"),
        ("{{ 1 if value_json.t is defined }}", "{}"),
    ] {
        assert_eq!(rendered(source, payload), Err(Failure::Nothing), "{source} of {payload}");
    }
}

#[test]
fn what_is_no_number_is_wrong() {
    is_wrong("{{ value_json.t | float }}", r#"{"t":"warm"}"#, "not a number");
    is_wrong("{{ value_json.t | round(1) }}", r#"{"t":[1]}"#, "not a number");
    is_wrong("{{ value_json.t * 2.5 }}", r#"{"t":"warm"}"#, "can't be calculated");
    is_wrong("{{ 1 / value_json.t }}", r#"{"t":0}"#, "division by zero");
    is_wrong("{{ value | log }}", "-1", "finite");
    is_wrong("{{ 'a' < 1 }}", "", "no order");
}

#[test]
fn what_has_no_order_is_not_sorted() {
    let list = |length: usize, element: &dyn Fn(usize) -> String| {
        let elements: Vec<_> = (0..length).map(|n| element(n * 37 % length)).collect();
        format!("[{}]", elements.join(","))
    };
    let mixed = list(40, &|n| if n % 7 == 0 { "\"x\"".into() } else { n.to_string() });
    is_wrong("{{ value_json | sort | first }}", &mixed, "have no order");
    // The step budget is exhausted.
    let long = list(200, &|n| format!("\"{}{n}\"", "x".repeat(200)));
    is_wrong("{{ value_json | sort | first }}", &long, "takes too long");
    let numbers = list(200, &|n| n.to_string());
    give(&[
        ("{{ value_json | sort | last }}", &numbers, "199"),
        ("{{ value_json | sort | length }}", "[[1]]", "1"),
    ]);
}

#[test]
fn time_is_that_of_receipt() {
    give(&[
        ("{{ as_timestamp(now()) - value | int }}", "100", "1699999900.0"),
        ("{{ now().month ~ '/' ~ now().day }}", "", "11/14"),
        ("{{ now().strftime('%H:%M') }}", "", "23:13"),
        ("{{ now() }}", "", "2023-11-14 23:13:20+01:00"),
        ("{{ utcnow().isoformat() }}", "", "2023-11-14T22:13:20+00:00"),
        ("{{ value | int | timestamp_local }}", "1700000000", "2023-11-14T23:13:20+01:00"),
        ("{{ value | int | timestamp_custom('%Y', false) }}", "0", "1970"),
        ("{{ as_timestamp('2023-11-14T22:13:20Z') }}", "", "1700000000.0"),
        ("{{ as_datetime(value) < now() }}", "2023-11-14 20:00", "True"),
    ]);
    is_wrong("{{ now().strftime('%Q') }}", "", "format");
    is_wrong("{{ value | float | timestamp_local }}", "1e300", "calendar");
}

#[test]
fn what_is_not_known_is_refused_with_its_config() {
    for (source, why) in [
        ("{{ states('sensor.a') }}", "`states`"),
        (
            "{% if value_json.a is defined %}{{ value_json.a }}{% else %}{{ this.state }}{% endif %}",
            "`this`",
        ),
        ("{{ value | slugify }}", "filter `slugify`"),
        ("{{ value is even_more }}", "test `even_more`"),
        ("{{ value.encode() }}", "method `encode`"),
        ("{% for a in value_json %}{% endfor %}{{ a }}", "`a`"),
        ("{% macro a() %}{% endmacro %}", "`{% macro %}`"),
        ("{% include 'x' %}", "`{% include %}`"),
        ("{{ value | regex_replace('(?<=a)b', '') }}", "look-behind"),
        ("{{ value", "not closed"),
        ("{{ value }", "not closed"),
        ("{{ value ]}}", "`]` stands where `}}` must"),
        ("{{ 'a }}", "a text is not closed"),
        ("{% if value %}", "its end stands where"),
        ("{% endif %}", "`endif` stands where it can't"),
        ("{{ value_json.{name} }}", "`{` stands where a name must"),
        ("{{ (value }}", "`}}` stands where `)` must"),
        ("{{ a = 1 }}", "`a`"),
        ("{{ value 1 }}", "`1`"),
        ("{{ value & 1 }}", "`&` is not known"),
    ] {
        is_wrong(source, "1", why);
    }
    is_wrong(&format!("{{{{ '{}' ~ value }}}}", "x".repeat(MOST_BYTES)), "1", "KiB");
    is_wrong(&format!("{{{{ {}1 }}}}", "1+".repeat(2_000)), "1", "parts");
}

/// Templates collected from the sources of bridges and devices, each with the required language
/// level.
#[test]
fn templates_from_the_field_are_known() {
    let folder = std::env::var_os("VIGIE_DATA").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        Into::into,
    );
    let Ok(lines) = std::fs::read_to_string(folder.join("payloads/ha-templates.tsv")) else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "no ha-templates.tsv in VIGIE_DATA");
        writeln!(std::io::stderr(), "SKIPPED: templates_from_the_field_are_known: no file")
            .unwrap();
        return;
    };
    let (mut num_known, mut others) = (0, Vec::new());
    for line in lines.lines().skip(1) {
        let columns: Vec<_> = line.split('\t').collect();
        let [_, _, level, _, source] = columns[..] else { panic!("{line}") };
        // The file encodes `"` as `^`.
        let source = source.replace('^', "\"");
        match Template::parse(&source) {
            Ok(_) => num_known += 1,
            Err(_) if level == "6" || is_fragment(&source) => {}
            Err(why) => others.push(format!("{source}: {why}")),
        }
    }
    // The rest are names of variables in the surrounding source code.
    assert!(num_known >= 210 && others.len() <= 16, "{num_known} are known; {others:#?}");
}

/// Whether a string is an incomplete template: it has placeholders of the surrounding program, or
/// unbalanced quotes.
fn is_fragment(source: &str) -> bool {
    let is_cut = !source.matches('\'').count().is_multiple_of(2);
    let has_place = source.match_indices('{').any(|(at, _)| {
        let inner = source[at + 1..].split('}').next().unwrap_or_default();
        inner.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    is_cut
        || has_place
        || ["$", "%s", "\" +", "{{%", "{{\""].iter().any(|mark| source.contains(mark))
}

proptest! {
    #[test]
    fn no_template_panics(source in r"\{\{ ?[a-z_.|()'\[\]0-9 ~+*/%-]{0,30} ?\}\}", payload in r#"[\[\]{}":a0-9.]{0,16}"#) {
        let _ = rendered(&source, &payload);
    }

    #[test]
    fn no_mixture_of_words_panics(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "{{", "}}", "{%", "%}", "{#", "#}", "value", "value_json", "|", "float", "round", "(", ")", "'", "is",
                "not", "if", "else", "endif", "for", "x", "in", "endfor", "set", "=", "[", "]", ".", "0", "1", "-9", "~",
                "*", "**", "//", "now()", "strftime", "'%é'", "\\", "{", "}", ",", ":", "and", "tojson", "as_timestamp",
                "é", "format", "'{:é^9}'", "9223372036854775807", "%", "range", "regex_replace",
            ]),
            0..24,
        ),
        payload in prop::sample::select(vec!["1", "{}", r#"{"x":[1,2]}"#, "é"]),
    ) {
        let _ = rendered(&words.join(" "), payload);
    }

    /// Numbers of any magnitude as operands of filters, methods, tests and operators.
    #[test]
    fn no_number_panics(
        number in any::<f64>(),
        whole in any::<i64>(),
        operation in prop::sample::select(vec![
            "| round(W)", "| round(W, 'ceil')", "| int(base=W)", "| timestamp_local", "| timestamp_custom('%f')",
            "* W", "// W", "% W", "** W", "- W", "| bitwise_and(W)", "[W:]", "[:W:W]", "[W]", "| string | truncate(W)",
            "| string | format(W)", "| log(W)", "| clamp(W, 1)", "is divisibleby(W)", "| abs", "| as_datetime",
        ]),
    ) {
        let operation = operation.replace('W', &whole.to_string());
        for payload in [number.to_string(), whole.to_string(), format!("\"{number}\""), "[1, 2]".to_owned()] {
            let _ = rendered(&format!("{{{{ value_json {operation} }}}}"), &payload);
            let _ = rendered(&format!("{{{{ -value_json {operation} }}}}"), &payload);
        }
    }
}
