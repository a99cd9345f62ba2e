//! Every node has the place it was written at.

use super::*;

/// Every scalar and key with its place, one a line.
fn places(text: &str) -> String {
    fn walk(node: &Node, out: &mut String) {
        let at = &node.location;
        match &node.kind {
            NodeKind::Null => out.push_str(&format!("{}:{} nothing\n", at.line, at.column)),
            NodeKind::Scalar { text, quoted } => {
                let quoted = if *quoted { " quoted" } else { "" };
                out.push_str(&format!("{}:{} {text:?}{quoted}\n", at.line, at.column));
            }
            NodeKind::List(items) => items.iter().for_each(|item| walk(item, out)),
            NodeKind::Map(entries) => {
                for entry in entries {
                    let at = &entry.key_location;
                    out.push_str(&format!("{}:{} {}: ", at.line, at.column, entry.key));
                    walk(&entry.value, out);
                }
            }
        }
    }
    let parsed = parse("f.yaml", text);
    let mut out = String::new();
    parsed.mistakes.iter().for_each(|mistake| out.push_str(&format!("{mistake}\n")));
    parsed.node.iter().for_each(|node| walk(node, &mut out));
    out
}

#[track_caller]
fn check(text: &str, expect: &str) {
    assert_eq!(places(text), expect, "\n{text}");
}

#[test]
fn everything_knows_its_place() {
    check(
        "a: 1\nb: {c: \"x\", ü: [é, 'q']}\nd:\ne: ~\n\"null\": \"null\"\n",
        "1:1 a: 1:4 \"1\"\n2:1 b: 2:5 c: 2:8 \"x\" quoted\n2:13 ü: 2:17 \"é\"\n2:20 \"q\" quoted\n3:1 d: 3:2 nothing\n4:1 e: 4:4 \
         nothing\n5:1 null: 5:9 \"null\" quoted\n",
    );
}

#[test]
fn a_block_begins_at_its_first_character() {
    check("a: |\n\n  x\n    y\nb: >-\n  c +\n  d\n", "1:1 a: 3:3 \"\\nx\\n  y\\n\"\n5:1 b: 6:3 \"c + d\"\n");
    check("a: |2-\n   z\n", "1:1 a: 2:3 \" z\"\n");
}

#[test]
fn an_empty_file_is_nothing() {
    check("", "1:1 nothing\n");
    check("# only a comment\n", "1:1 nothing\n");
    check("\u{feff}a: b\n", "1:1 a: 1:4 \"b\"\n");
}

#[test]
fn what_is_given_twice_is_a_mistake_and_reading_goes_on() {
    check(
        "a: 1\nb: {a: 1, a: 2}\na: 3\n",
        "f.yaml:2:11: error: `a` is given twice (the first stands in line 2; keep one of them)\nf.yaml:3:1: error: `a` is given \
         twice (the first stands in line 1; keep one of them)\n1:1 a: 1:4 \"1\"\n2:1 b: 2:5 a: 2:8 \"1\"\n",
    );
}

#[test]
fn anchors_aliases_merges_and_tags_are_mistakes() {
    let parsed = parse("f.yaml", "a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}\nf: !!str 5\n");
    let lines: Vec<u32> = parsed.mistakes.iter().map(|mistake| mistake.location.line).collect();
    assert_eq!(lines, [1, 2, 3, 3, 4], "{:?}", parsed.mistakes);
    assert!(parsed.node.is_some());
}

#[test]
fn what_is_not_yaml_says_where() {
    let first = |text: &str| {
        let parsed = parse("f.yaml", text);
        assert!(parsed.node.is_none(), "{text}");
        parsed.mistakes[0].to_string()
    };
    assert!(first("a: b: c\n").starts_with("f.yaml:1:5: error: this is not YAML"), "{}", first("a: b: c\n"));
    assert!(first("a: b: c\n").contains("put quotes around"));
    assert!(first("a:\n\tb: c\n").contains("spaces, not with tabs"), "{}", first("a:\n\tb: c\n"));
    assert!(first("a: 1\n---\nb: 2\n").starts_with("f.yaml:2:1: error: a second document"));
    assert!(first("a: [1, 2\n").starts_with("f.yaml:"), "{}", first("a: [1, 2\n"));
    assert!(first("? [a]\n: b\n").contains("cannot be a key"));
    assert!(first(&"[".repeat(100)).contains("nested more than"));
}
