//! Limits on time, memory and nesting depth, for one template and for all templates of a message.

use super::*;

#[test]
fn time_and_memory_are_bounded() {
    let deep = "{% set a = [a, a] %}".repeat(60);
    let double = "{% set a = a + a %}".repeat(60);
    for source in [
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}".to_owned(),
        "{{ 'x' * 90000000 }}".to_owned(),
        "{{ ([0] * 90000000) | list }}".to_owned(),
        "{{ value_json * 90000000 }}".to_owned(),
        "{{ '%90000000d' | format(1) }}".to_owned(),
        "{{ '{:90000000}'.format(1) }}".to_owned(),
        "{{ value.zfill(90000000) }}".to_owned(),
        "{{ range(0, 90000000) }}".to_owned(),
        "{{ range(0, 10, 0) }}".to_owned(),
        "{% for a in range(900) %}{{ value is search('a+a+a+b') }}{% endfor %}".to_owned(),
        "{{ value.replace('', value).replace('', value).replace('', value).replace('', value) }}"
            .to_owned(),
        format!("{{% set a = value %}}{double}{{{{ a }}}}"),
        format!("{{% set a = [1] %}}{double}{{{{ a | length }}}}"),
        format!("{{% set a = [1] %}}{deep}{{{{ a | to_json }}}}"),
        format!("{{% set a = [1] %}}{deep}{{% set b = a %}}{{{{ [a] == [b] }}}}"),
    ] {
        let payload = format!("[\"{}\"]", "a".repeat(500));
        assert!(matches!(rendered(&source, &payload), Err(Failure::Wrong(_))), "{source}");
    }
}

#[test]
fn depth_is_bounded() {
    let repeats = [
        ("", "(", "value", ")", ""),
        ("", "[", "value", "]", ""),
        ("", "{'a':", "value", "}", ""),
        ("", "float(", "value", ")", ""),
        ("", "-", "value", "", ""),
        ("", "not ", "value", "", ""),
        ("value", ".a", "", "", ""),
        ("value", "[value]", "", "", ""),
        ("value", "|string", "", "", ""),
        ("value", "|default(value", "", ")", ""),
        ("value", " ~ value", "", "", ""),
        ("value", " ** value", "", "", ""),
        ("value", " if value else value", "", "", ""),
        ("value", " is defined", "", "", ""),
        ("value", " is sameas -value", "", "", ""),
        ("value %}", "{% if value %}", "1", "{% endif %}", "{{ value"),
        ("value %}", "{% for b in value %}", "1", "{% endfor %}", "{{ value"),
        ("value %}{% if value %}", "{% elif value %}", "", "", "{% endif %}{{ value"),
        ("value %}", "{% set a = [a] %}", "", "", "{{ [a] == [a] }}{{ a | to_json"),
    ];
    for (before, open, middle, close, after) in repeats {
        let is_block = before.contains("%}");
        for depth in [40, 120, 390, 3_000] {
            let start = if is_block { "{% set a = " } else { "{{ " };
            let (open, close) = (open.repeat(depth), close.repeat(depth));
            let _ = rendered(&format!("{start}{before}{open}{middle}{close}{after} }}}}"), "1");
        }
    }
    let lists = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let _ = rendered("{{ value_json | tojson }}{{ value_json == value_json }}", &lists);
}

#[test]
fn one_message_has_its_own_bound() {
    let template = Template::parse("{% for a in range(4000) %}{% endfor %}1").unwrap();
    let payload = Payload::new("1", DateTime::UNIX_EPOCH, Tz::UTC);
    let num_rendered = (0..2_000).filter(|_| template.render(&payload).is_ok()).count();
    assert!((100..1_000).contains(&num_rendered), "{num_rendered}");
}
