//! Every function, its edges and its refusals.

use super::{check, check_all};

#[test]
fn conversions() {
    check_all(&[
        ("int('42')", "{}", "42"),
        ("int(' 42 ')", "{}", "42"),
        ("int('-7')", "{}", "-7"),
        ("int(3.9)", "{}", "3"),
        ("int(-3.9)", "{}", "-3"),
        ("int(7)", "{}", "7"),
        ("int(timestamp('1970-01-01T00:01:00Z'))", "{}", "60"),
        ("int('4.2')", "{}", "!it is not an integer (`decimal(x)` reads numbers with a point)"),
        ("int('')", "{}", "!it is not an integer"),
        ("int(99999999999999999999.0)", "{}", "!outside of the 64-bit integers"),
        ("int(true)", "{}", "!`int` needs a number, a text or a time, found the bool true"),
        ("uint('5')", "{}", "5"),
        ("uint(-1)", "{}", "!it is negative"),
        ("decimal('12.50')", "{}", "12.50"),
        ("decimal('1e2')", "{}", "100"),
        ("decimal('-0.5')", "{}", "-0.5"),
        ("decimal(3)", "{}", "3"),
        ("decimal('1,5')", "{}", "!it is not a number"),
        ("decimal('12345678901234567890123456789012')", "{}", "!it is not a number of at most 28 digits"),
        ("double('1.5') == decimal('1.50')", "{}", "true"),
        ("decimal(null)", "{}", "!`default(x, y)` gives y where x is null or absent"),
        ("string(1)", "{}", "\"1\""),
        ("string(12.50)", "{}", "\"12.50\""),
        ("string(true)", "{}", "\"true\""),
        ("string('a')", "{}", "\"a\""),
        ("string(b'abc')", "{}", "\"abc\""),
        ("string(b'\\xff')", "{}", "!they are not UTF-8 text"),
        ("string(timestamp('2026-03-01T10:00:00.250+01:00'))", "{}", "\"2026-03-01T10:00:00.25+01:00\""),
        ("string(duration('1h30m'))", "{}", "\"5400s\""),
        ("string(duration('1500ms'))", "{}", "\"1.5s\""),
        ("string(duration('-1ns'))", "{}", "\"-0.000000001s\""),
        ("string([1])", "{}", "!`json(x)` writes lists and maps"),
        ("string(null)", "{}", "!`string` needs a single value, found null"),
        ("bool('true')", "{}", "true"),
        ("bool('0')", "{}", "false"),
        ("bool('False')", "{}", "false"),
        ("bool(true)", "{}", "true"),
        ("bool('yes')", "{}", "!it is neither true nor false"),
        ("bytes('ä')", "{}", "bytes(w6Q=)"),
        ("dyn(1)", "{}", "1"),
    ]);
}

#[test]
fn texts() {
    check_all(&[
        ("size('äöü')", "{}", "3"),
        ("'😀😀'.size()", "{}", "2"),
        ("size('')", "{}", "0"),
        ("size(b'\\xc3\\xa4')", "{}", "2"),
        ("size([1, 2])", "{}", "2"),
        ("size({'a': 1})", "{}", "1"),
        ("size(5)", "{}", "!`size` needs a text, list, map or bytes"),
        ("'abc'.contains('bc')", "{}", "true"),
        ("contains('abc', 'x')", "{}", "false"),
        ("'abc'.contains('')", "{}", "true"),
        ("'abc'.startsWith('ab')", "{}", "true"),
        ("'abc'.endsWith('ab')", "{}", "false"),
        ("'abc'.contains(1)", "{}", "!`contains` needs a text, found the integer 1"),
        ("'tacocat'.indexOf('c')", "{}", "2"),
        ("'äöü'.indexOf('ü')", "{}", "2"),
        ("'abc'.indexOf('x')", "{}", "-1"),
        ("upper('straße')", "{}", "\"STRASSE\""),
        ("'ÄB'.lower()", "{}", "\"äb\""),
        ("trim('  a b ')", "{}", "\"a b\""),
        ("upper(null)", "{}", "!`upper` needs a text, found null (`default(x, y)`"),
        ("split('a,b,,c', ',')", "{}", "[\"a\", \"b\", \"\", \"c\"]"),
        ("split('', ',')", "{}", "[\"\"]"),
        ("split('abc', '')", "{}", "[\"a\", \"b\", \"c\"]"),
        ("split('abc', '', 2)", "{}", "[\"a\", \"bc\"]"),
        ("split('a-b-c', '-', 2)", "{}", "[\"a\", \"b-c\"]"),
        ("split('a-b-c', '-', 0)", "{}", "[]"),
        ("join(['a', 'b'], '-')", "{}", "\"a-b\""),
        ("['a', 'b'].join()", "{}", "\"ab\""),
        ("[].join(',')", "{}", "\"\""),
        ("[1, 2].join(',')", "{}", "!`list.map(x, string(x))` makes texts"),
        ("replace('a.b.c', '.', '/')", "{}", "\"a/b/c\""),
        ("'aaa'.replace('a', 'bb')", "{}", "\"bbbbbb\""),
        ("'ab'.replace('', '-')", "{}", "\"-a-b-\""),
        ("substring('Straße', 4)", "{}", "\"ße\""),
        ("'Straße'.substring(1, 3)", "{}", "\"tr\""),
        ("'abc'.substring(0, 35)", "{}", "\"abc\""),
        ("'abc'.substring(5)", "{}", "\"\""),
        ("'abc'.substring(2, 1)", "{}", "\"\""),
        ("'abc'.substring(-1)", "{}", "!`substring` needs an integer from 0 up"),
        ("padStart('7', 3, '0')", "{}", "\"007\""),
        ("padStart('7', 3)", "{}", "\"  7\""),
        ("padStart('12345', 3, '0')", "{}", "\"12345\""),
        ("padStart('x', 6, 'ab')", "{}", "\"ababax\""),
        ("padEnd('ab', 4, '.')", "{}", "\"ab..\""),
        ("padStart('7', 3, '')", "{}", "!there is nothing to fill with"),
        ("padStart('7', 1000000000, '0')", "{}", "!bytes allowed"),
        ("'ABC-123'.matches('^[A-Z]+-[0-9]+$')", "{}", "true"),
        ("'x ABC-123 y'.matches('[A-Z]+-[0-9]+')", "{}", "true"),
        ("matches('abc', 'x')", "{}", "false"),
        ("'abc'.matches('(')", "{}", "!the pattern cannot be read"),
        ("'abc'.matches(x)", "{\"x\": \"a\"}", "!the pattern of `matches` must be a constant text"),
        ("5.matches('a')", "{}", "!`matches` needs a text"),
        ("'a'.matches('a{1000}{1000}')", "{}", "!the pattern cannot be read"),
    ]);
}

#[test]
fn numbers() {
    check_all(&[
        ("round(2.5)", "{}", "2"),
        ("round(3.5)", "{}", "4"),
        ("round(-2.5)", "{}", "-2"),
        ("roundHalfUp(2.5)", "{}", "3"),
        ("roundHalfUp(-2.5)", "{}", "-3"),
        ("round(2.675, 2)", "{}", "2.68"),
        ("round(2.665, 2)", "{}", "2.66"),
        ("roundHalfUp(2.665, 2)", "{}", "2.67"),
        ("round(12.5, 2)", "{}", "12.50"),
        ("round(12, 2)", "{}", "12.00"),
        ("round(1.0 / 3, 4)", "{}", "0.3333"),
        ("round('1.5')", "{}", "!`decimal(x)` makes a number of a text"),
        ("round(1.5, 29)", "{}", "!`round` needs 0 to 28 digits"),
        ("round(1.5, -1)", "{}", "!`round` needs 0 to 28 digits"),
        ("round(79228162514264337593543950335.0, 2)", "{}", "!more than 28"),
        ("floor(2.7)", "{}", "2"),
        ("floor(-2.1)", "{}", "-3"),
        ("ceil(2.1)", "{}", "3"),
        ("abs(-3)", "{}", "3"),
        ("abs(-3.50)", "{}", "3.50"),
        ("abs(-9223372036854775808)", "{}", "!outside of the 64-bit integers"),
        ("min(3, 2)", "{}", "2"),
        ("max(3, 2.5)", "{}", "3"),
        ("min([3, 1.5, 2])", "{}", "1.5"),
        ("max(['b', 'c', 'a'])", "{}", "\"c\""),
        ("max([])", "{}", "!the list is empty"),
        ("max([1, 'a'])", "{}", "!have no order"),
        ("max([null])", "{}", "!null has no order"),
    ]);
}

#[test]
fn lists() {
    check_all(&[
        ("sum([1, 2, 3])", "{}", "6"),
        ("sum([0.1, 0.2, 1])", "{}", "1.3"),
        ("sum([])", "{}", "0"),
        ("sum([duration('1m'), duration('30s')])", "{}", "duration(PT1M30S)"),
        ("sum(['a', 'b'])", "{}", "!`sum` needs a list of numbers, found the text 'a'"),
        ("sum([1, null])", "{}", "!`sum` needs a list of numbers, found null"),
        ("sum([1, duration('1s')])", "{}", "!`+` cannot take"),
        ("m.map(l, l.q * l.p).sum()", r#"{"m": [{"q": 2, "p": 1.25}, {"q": 1, "p": 0.5}]}"#, "3.00"),
        ("unique([1, 2, 1, 1.0, 'a', 'a'])", "{}", "[1, 2, \"a\"]"),
        ("unique([[1], [1.0], [2], {'a': 1}, {'a': 1}, null, null, true])", "{}", "[[1], [2], {\"a\": 1}, null, true]"),
        ("unique('a')", "{}", "!`unique` needs a list"),
        ("first([1, 2])", "{}", "1"),
        ("last([1, 2])", "{}", "2"),
        ("first([])", "{}", "!`first`: the list is empty"),
        ("default(first([]), 'none')", "{}", "\"none\""),
        ("flatten([[1, 2], [3], 4])", "{}", "[1, 2, 3, 4]"),
        ("flatten([[[1]], 2])", "{}", "[[1], 2]"),
        ("reverse([1, 2, 3])", "{}", "[3, 2, 1]"),
        ("sort([3, 1.5, 2])", "{}", "[1.5, 2, 3]"),
        ("sort(['b', 'a'])", "{}", "[\"a\", \"b\"]"),
        ("sort([])", "{}", "[]"),
        ("sort([1, 'a'])", "{}", "!have no order"),
        ("keys({'b': 1, 'a': 2})", "{}", "[\"b\", \"a\"]"),
        ("values({'b': 1, 'a': 2})", "{}", "[1, 2]"),
        ("keys([1])", "{}", "!`keys` needs a map"),
    ]);
}

#[test]
fn units() {
    check_all(&[
        ("convert(100, 'LBR', 'KGM')", "{}", "45.359237"),
        ("(2000).convert('LBR', 'STN')", "{}", "1"),
        ("convert(m, 'FAH', 'CEL')", r#"{"m": -40}"#, "-40"),
        ("convert(12.5, 'TNE', 'KGM')", "{}", "12500"),
        ("convert(3, 'XCT', 'XCT')", "{}", "3"),
        ("convert(m, 'LBR', 'KGM')", r#"{"m": "7"}"#, "!`convert` needs a number, found the text '7' (`decimal(x)`"),
        ("convert(1, 'LBS', 'KGM')", "{}", "!`LBS` is no unit of UN/ECE Recommendation 20"),
        ("convert(1, 'LTR', 'KGM')", "{}", "!`LTR` measures volume, `KGM` measures mass"),
        ("convert(1, 'XCT', 'C62')", "{}", "!how much a `XCT` is depends on the item"),
        ("convert(m, 'KTN', 'MGM')", r#"{"m": 9223372036854775807}"#, "!the quantity is too large"),
    ]);
}

#[test]
fn times() {
    check_all(&[
        ("timestamp('2026-03-01T10:00:00Z')", "{}", "time(2026-03-01T10:00:00Z)"),
        ("timestamp('2026-03-01T10:00:00+01:00')", "{}", "time(2026-03-01T10:00:00+01:00)"),
        ("timestamp('2026-03-01T10:00:00.123456789-05:30')", "{}", "time(2026-03-01T10:00:00.123456789-05:30)"),
        ("timestamp('2026-03-01 10:00:00Z')", "{}", "time(2026-03-01T10:00:00Z)"),
        ("timestamp('2026-03-01T10:00:00+0100')", "{}", "time(2026-03-01T10:00:00+01:00)"),
        ("timestamp('2026-03-01T10:00Z')", "{}", "time(2026-03-01T10:00:00Z)"),
        ("timestamp(0)", "{}", "time(1970-01-01T00:00:00Z)"),
        ("timestamp(1772359200)", "{}", "time(2026-03-01T10:00:00Z)"),
        ("timestamp(1772359200000)", "{}", "!`timestampMillis(x)` reads milliseconds"),
        ("timestampMillis(1772359200250)", "{}", "time(2026-03-01T10:00:00.25Z)"),
        ("timestamp('0001-01-01T00:00:00Z')", "{}", "time(0001-01-01T00:00:00Z)"),
        ("timestamp('9999-12-30T12:00:00.999999999Z')", "{}", "time(9999-12-30T12:00:00.999999999Z)"),
        ("timestamp('9999-12-31T23:59:59Z')", "{}", "!outside of the years 1 to 9999 (the last day of 9999 excluded)"),
        ("timestamp('2026-02-30T10:00:00Z')", "{}", "!is not a time such as"),
        (
            "timestamp('2026-03-01T10:00:00')",
            "{}",
            "!has no offset and no zone, so it is not one instant (`timestamp(x, 'Europe/Berlin')`",
        ),
        ("timestamp('2026-03-01')", "{}", "!is not a time"),
        ("timestamp('01.03.2026')", "{}", "!`parseTime("),
        ("timestamp('2026-03-01T10:00:00', 'Europe/Berlin')", "{}", "time(2026-03-01T10:00:00+01:00)"),
        ("timestamp('2026-07-01T10:00:00', 'Europe/Berlin')", "{}", "time(2026-07-01T10:00:00+02:00)"),
        ("timestamp('2026-07-01T10:00:00Z', 'Europe/Berlin')", "{}", "time(2026-07-01T12:00:00+02:00)"),
        ("timestamp('2026-07-01', 'Europe/Berlin')", "{}", "time(2026-07-01T00:00:00+02:00)"),
        ("timestamp('2026-03-29T02:30:00', 'Europe/Berlin')", "{}", "time(2026-03-29T03:30:00+02:00)"),
        ("timestamp('2026-10-25T02:30:00', 'Europe/Berlin')", "{}", "time(2026-10-25T02:30:00+02:00)"),
        ("timestamp('2026-07-01T10:00:00', '-03:30')", "{}", "time(2026-07-01T10:00:00-03:30)"),
        ("timestamp('2026-07-01T10:00:00', 'Europe/Berln')", "{}", "!is not a zone such as Europe/Berlin"),
        ("inZone(timestamp('2026-07-01T10:00:00Z'), 'America/New_York')", "{}", "time(2026-07-01T06:00:00-04:00)"),
        ("timestamp('2026-07-01T10:00:00Z').inZone('+02:00')", "{}", "time(2026-07-01T12:00:00+02:00)"),
        ("parseTime('01.03.2026 08:30', '%d.%m.%Y %H:%M', 'Europe/Berlin')", "{}", "time(2026-03-01T08:30:00+01:00)"),
        ("parseTime('20260301', '%Y%m%d', 'UTC')", "{}", "time(2026-03-01T00:00:00Z)"),
        ("parseTime('202603010830', '%Y%m%d%H%M', 'America/Chicago')", "{}", "time(2026-03-01T08:30:00-06:00)"),
        (
            "parseTime('Sun, 01 Mar 2026 08:30:00 +0100', '%a, %d %b %Y %H:%M:%S %z')",
            "{}",
            "time(2026-03-01T08:30:00+01:00)",
        ),
        ("parseTime('01.03.2026 08:30', '%d.%m.%Y %H:%M')", "{}", "!it has no offset, so it is not one instant"),
        ("parseTime('08:30', '%H:%M', 'UTC')", "{}", "!the pattern does not give a whole date"),
        ("parseTime('2026-03-01', '%d.%m.%Y', 'UTC')", "{}", "!it does not fit the pattern '%d.%m.%Y'"),
        ("format(timestamp('2026-03-01T08:05:09+01:00'), '%d.%m.%Y %H:%M')", "{}", "\"01.03.2026 08:05\""),
        ("format(timestamp('2026-03-01T08:05:09+01:00'), '%Y%m%dT%H%M%S%z')", "{}", "\"20260301T080509+0100\""),
        ("format(timestamp('2026-03-01T08:05:09Z'), '%Q%')", "{}", "!`format` cannot take the text '%Q%'"),
        ("format('2026-03-01T08:05:09Z', '%Y')", "{}", "!`timestamp(x)` makes a time of a text"),
    ]);
}

#[test]
fn parts_of_times_are_in_utc_unless_a_zone_is_named() {
    let input = r#"{"x": "2026-03-01T23:30:15.123+01:00"}"#;
    for (call, expect) in [
        ("getFullYear()", "2026"),
        ("getMonth()", "2"),
        ("getDate()", "1"),
        ("getDayOfMonth()", "0"),
        ("getDayOfWeek()", "0"),
        ("getDayOfYear()", "59"),
        ("getHours()", "22"),
        ("getMinutes()", "30"),
        ("getSeconds()", "15"),
        ("getMilliseconds()", "123"),
        ("getDate('Asia/Tokyo')", "2"),
        ("getDayOfWeek('Asia/Tokyo')", "1"),
        ("getHours('Asia/Tokyo')", "7"),
        ("getHours('+05:30')", "4"),
        ("getMinutes('+05:30')", "0"),
        ("getHours('05:30')", "4"),
        ("getFullYear('Nowhere')", "!is not a zone"),
    ] {
        check(&format!("timestamp(x).{call}"), input, expect);
    }
    check("getHours('text')", "{}", "!`timestamp(x)` makes a time of a text");
}

#[test]
fn durations() {
    check_all(&[
        ("duration('1h30m')", "{}", "duration(PT1H30M)"),
        ("duration('90s') == duration('1m30s')", "{}", "true"),
        ("duration('1.5h')", "{}", "duration(PT1H30M)"),
        ("duration('1.5h30m')", "{}", "duration(PT2H)"),
        ("duration('100ms')", "{}", "duration(PT0.1S)"),
        ("duration('10us')", "{}", "duration(PT0.00001S)"),
        ("duration('-2m')", "{}", "duration(-PT2M)"),
        ("duration('0')", "{}", "duration(PT0S)"),
        ("duration('PT1H30M')", "{}", "duration(PT1H30M)"),
        ("duration('1d')", "{}", "!it is not a length of time"),
        ("duration('')", "{}", "!it is not a length of time"),
        ("duration('h')", "{}", "!it is not a length of time"),
        ("duration('1')", "{}", "!it is not a length of time"),
        ("duration('320000000000s')", "{}", "!longer than ten thousand years"),
        ("duration('10000s').getHours()", "{}", "2"),
        ("duration('3730s').getMinutes()", "{}", "62"),
        ("duration('3730s').getSeconds()", "{}", "3730"),
        ("duration('123.321456789s').getMilliseconds()", "{}", "321"),
        ("duration('1m') + duration('1s')", "{}", "duration(PT1M1S)"),
        ("duration('1m') - duration('61s')", "{}", "duration(-PT1S)"),
        ("timestamp('2026-03-01T00:00:00Z') + duration('24h')", "{}", "time(2026-03-02T00:00:00Z)"),
        ("duration('1h') + timestamp('2026-03-01T00:00:00Z')", "{}", "time(2026-03-01T01:00:00Z)"),
        ("timestamp('2026-03-01T00:00:00Z') - duration('1s')", "{}", "time(2026-02-28T23:59:59Z)"),
        (
            "timestamp('2026-03-28T12:00:00', 'Europe/Berlin') + duration('24h')",
            "{}",
            "time(2026-03-29T13:00:00+02:00)",
        ),
        ("timestamp('2026-03-02T00:00:00Z') - timestamp('2026-03-01T00:00:00Z')", "{}", "duration(PT24H)"),
        ("timestamp('9999-12-30T00:00:00Z') + duration('48h')", "{}", "!outside of the years 1 to 9999"),
        ("timestamp('0001-01-01T00:00:00Z') - duration('1s')", "{}", "!outside of the years 1 to 9999"),
        ("duration('300000000000s') + duration('300000000000s')", "{}", "!longer than ten thousand years"),
        ("duration('1s') * 2", "{}", "!`*` cannot take"),
        ("timestamp('2026-03-01T00:00:00Z') - 1", "{}", "!`-` cannot take"),
    ]);
}

#[test]
fn encodings() {
    check_all(&[
        ("json({'a': [1, 2.50, null, 'x\"']})", "{}", r#""{\"a\":[1,2.50,null,\"x\\\"\"]}""#),
        ("parseJson('{\"a\": [1, 2.50]}').a[1]", "{}", "2.50"),
        ("parseJson('{')", "{}", "!`parseJson` cannot take the text '{': not JSON at line 1"),
        ("base64encode('abc')", "{}", "\"YWJj\""),
        ("base64encode(b'\\xff')", "{}", "\"/w==\""),
        ("base64decode('YWJj')", "{}", "bytes(YWJj)"),
        ("string(base64decode('YWI='))", "{}", "\"ab\""),
        ("string(base64decode('YWI'))", "{}", "\"ab\""),
        ("base64decode('_w')", "{}", "bytes(/w==)"),
        ("base64decode('***')", "{}", "!it is not base64"),
        ("hash('abc')", "{}", "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""),
        ("hash(b'abc') == hash('abc')", "{}", "true"),
        ("hash(1)", "{}", "!`hash` needs a text or bytes"),
    ]);
}

#[test]
fn defaults_forgive_absence_and_nothing_else() {
    let m = r#"{"m": {"a": {"b": 1, "n": null, "e": ""}, "items": [], "t": "text"}}"#;
    for (expression, expect) in [
        ("default(m.a.b, 9)", "1"),
        ("default(m.a.c, 9)", "9"),
        ("default(m.q.c.d, 9)", "9"),
        ("default(m.a.n, 9)", "9"),
        ("default(m.a.n.x, 9)", "9"),
        ("default(m.a.e, 9)", "\"\""),
        ("default(m.items[0], 9)", "9"),
        ("default(m['a']['z'], 9)", "9"),
        ("default(m.?a.?c, 9)", "9"),
        ("default(m.?a.?c, m.?a.?d)", "null"),
        ("default(m.a.c, default(m.a.d, m.a.b))", "1"),
        ("default(upper(m.q), 'none')", "\"none\""),
        ("default(event, 'unbound')", "!`event` is not known"),
        ("default(m.t.x, 9)", "!is a text, so it has no field `x`"),
        ("default(1 / 0, 9)", "!division by zero"),
        ("default(m.a.c, m.a.d)", "!`m.a.d` is not there"),
        ("m.a.n.default(3)", "3"),
        ("orNull(m.a.b)", "1"),
        ("orNull(m.q.c)", "null"),
        ("orNull(upper(m.q))", "null"),
        ("orNull(int('x'))", "!it is not an integer"),
        ("orNull(m.a.c) == null", "true"),
    ] {
        check(expression, m, expect);
    }
}

#[test]
fn code_lists_translate_both_ways() {
    check_all(&[
        ("code('units', 'PCE')", "{}", "\"EA\""),
        ("code('units', x)", "{\"x\": \"CTN\"}", "\"CT\""),
        ("code('units', 'XXX')", "{}", "!code list `units` does not know `XXX` (add it to the list at codes.yaml:1:1)"),
        ("code('units', x)", "{\"x\": null}", "!a code of `units` is a text or a number, found null"),
        ("code('units', x)", "{\"x\": 5}", "!does not know `5`"),
        ("codeBack('units', 'EA')", "{}", "\"PCE\""),
        ("codeBack('status', 'delivered')", "{}", "\"DEL\""),
        ("codeBack('status', 'lost')", "{}", "!does not know `lost` backwards"),
        ("code('vague', 'B')", "{}", "\"same\""),
        ("codeBack('vague', 'other')", "{}", "!both `A` and `B` mean `same`"),
        ("code('unit', 'PCE')", "{}", "!there is no code list `unit` (did you mean `units`?)"),
        ("code(x, 'PCE')", "{\"x\": \"units\"}", "!the code list is named by a text"),
        ("default(code('units', x), 'EA')", "{\"x\": \"?\"}", "!does not know `?`"),
    ]);
}
