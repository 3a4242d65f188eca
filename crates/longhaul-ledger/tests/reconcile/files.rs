//! Files as providers give them, good and bad.

use std::time::Duration;

use longhaul::Money;
use longhaul_ledger::{
    LedgerError, LedgerErrorKind,
    reconcile::{ColumnMap, Coverage, LogFormat, LogRow, Options, ProviderLog, RowKind, read},
};

use crate::books::{Book, PROVIDER, at};

const SAMPLE: &str = include_str!("../data/new_api.json");

fn new_api(text: &str) -> Result<Vec<LogRow>, LedgerError> {
    read(&LogFormat::new_api(), "log.json", text.as_bytes())
}

fn row_at(seconds: i64) -> String {
    let created_at = crate::books::EPOCH + seconds;
    format!(
        r#"{{"id": 7, "type": 2, "created_at": {created_at}, "quota": 45000, "use_time": 80, "request_id": "r{seconds}"}}"#
    )
}

/// The file is refused at this line and column, for this reason.
fn assert_refused(rows: Result<Vec<LogRow>, LedgerError>, at: (&str, u64, u64), wanted: &str) {
    let error = rows.unwrap_err();
    let LedgerErrorKind::File {
        file,
        line,
        column,
        why,
    } = error.kind()
    else {
        panic!("{error}")
    };
    assert!(why.contains(wanted), "{why:?} does not contain {wanted:?}");
    assert_eq!((&**file, *line, *column), at, "{why}");
    let said = error.to_string();
    assert!(said.ends_with("; nothing of the file was taken"), "{said}");
}

#[test]
fn json_with_a_bom() {
    let rows = new_api(&format!("\u{feff}{SAMPLE}")).unwrap();
    assert_eq!(rows, new_api(SAMPLE).unwrap());
    let utf16: Vec<u8> = std::iter::once('\u{feff}')
        .chain(SAMPLE.chars())
        .flat_map(|letter| (letter as u32 as u16).to_le_bytes())
        .collect();
    let rows = read(&LogFormat::new_api(), "log.json", &*utf16);
    assert_refused(rows, ("log.json", 1, 1), "UTF-16");
}

/// Gives its text byte by byte.
struct Slow<'t>(&'t [u8]);

impl std::io::Read for Slow<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let most = to.len().min(1);
        self.0.read(&mut to[..most])
    }
}

#[test]
fn a_mark_is_known_however_few_bytes_a_reader_gives_at_once() {
    let format = LogFormat::new_api();
    let text = format!("\u{feff}{SAMPLE}");
    let rows = read(&format, "log.json", Slow(text.as_bytes())).unwrap();
    assert_eq!(rows, new_api(SAMPLE).unwrap());
    let rows = read(&format, "log.json", Slow(b"\xff\xfe[\0]\0"));
    assert_refused(rows, ("log.json", 1, 1), "UTF-16");
    // What is shorter than a mark has none.
    let rows = read(&format, "log.json", Slow(b"[]")).unwrap();
    assert_eq!(rows, []);

    let map = ColumnMap::from_toml("map.toml", MAP).unwrap();
    let format = LogFormat::Csv(Box::new(map));
    let rows = read(&format, "log.csv", Slow(TABLE.as_bytes())).unwrap();
    assert_eq!(rows, read(&format, "log.csv", TABLE.as_bytes()).unwrap());
}

#[test]
fn a_page_of_new_apis_is_read_as_it_is() {
    let rows = new_api(SAMPLE).unwrap();
    let kinds: Vec<_> = rows.iter().map(|row| row.kind).collect();
    use RowKind::{Charge, Credit, Other};
    assert_eq!(kinds, [Credit, Charge, Other, Charge, Other]);
    let slow = &rows[1];
    assert_eq!(
        slow.request_id.as_deref(),
        Some("20260117092641118372904jXkQm2Lp")
    );
    // `id` is the place on the page, and no name.
    assert_eq!(slow.id, None);
    assert_eq!(slow.model.as_deref(), Some("gemini-3-pro-image-preview"));
    assert_eq!(slow.amount, Money::usd_micros(90_000));
    assert_eq!(slow.duration, Some(Duration::from_secs(189)));
    // `created_at` is the end of the call.
    assert_eq!(slow.logged_at, at(5390.0));
    assert_eq!(slow.start, Some(at(5201.0)));
}

#[test]
fn answers_in_a_row_in_arrays_and_bare_rows_are_read() {
    let [one, two] = [row_at(100), row_at(200)];
    let answer = |rows: &str| {
        format!(
            r#"{{"success": true, "message": "", "data": {{"page": 1, "page_size": 10, "total": 1, "items": [{rows}]}}}}"#
        )
    };
    let old = |rows: &str| format!(r#"{{"data": [{rows}], "message": "", "success": true}}"#);
    for text in [
        format!("{}{}", answer(&one), answer(&two)),
        format!("{}\n{}\n", answer(&one), answer(&two)),
        format!("[{}, {}]", answer(&one), answer(&two)),
        old(&format!("{one}, {two}")),
        format!("{one}\n{two}"),
        format!("[{one}, {two}]"),
        format!("[[{one}], [{two}]]"),
    ] {
        let rows = new_api(&text).unwrap();
        let starts: Vec<_> = rows.iter().map(|row| row.start).collect();
        assert_eq!(starts, [Some(at(20.0)), Some(at(120.0))], "{text}");
    }
    assert_eq!(
        new_api(r#"{"success": true, "data": {"total": 0, "items": null}}"#).unwrap(),
        []
    );
}

/// `^` marks where the file is wrong.
#[test]
fn what_is_no_log_of_new_apis_is_refused_with_line_and_column() {
    for (text, line, column, wanted) in [
        ("", 1, 1, "the file is empty"),
        (" \n ", 1, 1, "the file is empty"),
        ("null", 1, 4, "null is no answer"),
        ("<html>", 1, 1, "expected value"),
        (
            "{\"data\": [\n{\"created_at\": 1768613390,\n\"quota\": }]}",
            3,
            10,
            "expected value",
        ),
        (
            "{\"data\": [\n{\"created_at\": 1768613390, \"type\"",
            2,
            33,
            "EOF while parsing an object",
        ),
        (
            "{\"data\": [\n{\"created_at\": \"yesterday\"}]}",
            2,
            26,
            "invalid type: string \"yesterday\", expected i64",
        ),
        (
            "{\"data\": [\n{\"created_at\": 1768613390, \"type\": 2,\n\"quota\": 0.5}]}",
            3,
            13,
            "expected i64",
        ),
        (
            "{\"data\": [\n{\"created_at\": 1768613390, \"type\": 2}]}",
            2,
            37,
            "the row has no `quota`",
        ),
        (
            "{\"data\": [\n{\"created_at\": 1768613390}]}",
            2,
            26,
            "the row has no `type`",
        ),
        (
            "[{\"created_at\": 1768613390000, \"type\": 1}]",
            1,
            41,
            "not in seconds",
        ),
        (
            "[{\"created_at\": 1, \"type\": 2, \"quota\": 1, \"use_time\": -1}]",
            1,
            57,
            "`use_time` -1",
        ),
        (
            "[{\"created_at\": 1, \"type\": 2, \"quota\": -9223372036854775808}]",
            1,
            60,
            "out of range",
        ),
        (
            "[{\"created_at\": 1, \"type\": 2, \"quota\": 9223372036854775807}]",
            1,
            59,
            "out of range",
        ),
        (
            "{\"hello\": 1}",
            1,
            12,
            "neither an answer, a page nor a row",
        ),
        (
            "{\"success\": false, \"message\": \"无权进行此操作\"}",
            1,
            54,
            "无权进行此操作",
        ),
        (
            "{\"data\": [1]}",
            1,
            12,
            "expected an answer of New-API's log",
        ),
    ] {
        assert_refused(new_api(text), ("log.json", line, column), wanted);
    }
}

const MAP: &str = r#"
id = "Log ID"
request_id = "Request"
model = "Model"
delimiter = ";"

[time]
column = "Time"
is = "end"
format = "%Y-%m-%d %H:%M:%S"
zone = "Asia/Shanghai"

[duration]
column = "Took (ms)"
unit = "ms"

[amount]
column = "Cost"
currency_column = "Currency"

[kind]
column = "Type"
charge = ["Consume", "Image"]
refund = ["Refund"]
"#;

const TABLE: &str = "\u{feff}Log ID;Time;Type;Request;Model;Took (ms);Cost;Currency;Note
a1;2026-01-17 08:01:30;Consume;req-1;nano-banana-pro;90500;0.24;USD;\"two
lines\"
a2;2026-01-17 08:05:00;Refund;req-1;nano-banana-pro;;0.120000;USD;
a3;2026-01-17 08:06:00;Top-up;;;;20;USD;
a4;2026-01-17 08:07:00;Image; req-2 ;seedream;1000;-0.0825;CNY;
";

fn csv(table: &str) -> Result<Vec<LogRow>, LedgerError> {
    let map = ColumnMap::from_toml("map.toml", MAP).unwrap();
    read(&LogFormat::Csv(map.into()), "log.csv", table.as_bytes())
}

#[test]
fn csv_is_read_by_a_map_of_its_columns() {
    let rows = csv(TABLE).unwrap();
    let brief: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.kind,
                row.id.as_deref(),
                row.request_id.as_deref(),
                row.amount.micros,
            )
        })
        .collect();
    assert_eq!(
        brief,
        [
            (RowKind::Charge, Some("a1"), Some("req-1"), 240_000),
            (RowKind::Credit, Some("a2"), Some("req-1"), 120_000),
            (RowKind::Other, Some("a3"), None, 0),
            // A charge below zero gives back.
            (RowKind::Credit, Some("a4"), Some("req-2"), 82_500),
        ]
    );
    // 08:01:30 in Shanghai is 00:01:30 in UTC.
    assert_eq!(rows[0].logged_at, at(90.0));
    assert_eq!(rows[0].duration, Some(Duration::from_micros(90_500_000)));
    assert_eq!(rows[0].start, Some(at(-0.5)));
    assert_eq!(rows[1].start, None);
    assert_eq!(rows[3].amount.currency.as_str(), "CNY");
}

#[test]
fn every_form_of_time_and_amount_names_the_same() {
    for (time, amount, line) in [
        (
            "format = \"rfc3339\"",
            "currency = \"USD\"",
            "2026-01-17T08:00:20.5+08:00,0.24",
        ),
        (
            "format = \"unix\"",
            "currency = \"USD\"\nper_unit = 500000",
            "1768608020.5,120000",
        ),
        (
            "format = \"unix-ms\"",
            "currency = \"USD\"\nper_unit = 100",
            "1768608020500,24",
        ),
        (
            "format = \"%d.%m.%Y %H:%M:%S%.f\"\nzone = \"UTC\"",
            "currency = \"USD\"\nper_unit = 1000000",
            "17.01.2026 00:00:20.5,240000",
        ),
        (
            "format = \"%Y-%m-%d %H:%M:%S%.f %:z\"",
            "currency = \"USD\"",
            "2026-01-16 19:00:20.5 -05:00,.24",
        ),
    ] {
        let map = format!(
            "[time]\ncolumn = \"t\"\nis = \"start\"\n{time}\n[amount]\ncolumn = \"c\"\n{amount}\n"
        );
        let map = ColumnMap::from_toml("map.toml", &map).unwrap();
        let table = format!("t,c\n\"{}\n", line.replace(',', "\","));
        let rows = read(&LogFormat::Csv(map.into()), "log.csv", table.as_bytes()).unwrap();
        assert_eq!(rows[0].start, Some(at(20.5)), "{line}");
        assert_eq!(rows[0].amount, Money::usd_micros(240_000), "{line}");
    }
}

#[test]
fn a_bad_line_of_csv_is_refused_with_line_and_column() {
    let good = "Log ID;Time;Type;Request;Model;Took (ms);Cost;Currency\n";
    for (table, line, column, wanted) in [
        ("", 1, 0, "there is no column \"Log ID\""),
        (
            "Log ID;Time;Type\n",
            1,
            0,
            "there is no column \"Request\"; there are [\"Log ID\", \"Time\", \"Type\"]",
        ),
        (
            "Log ID;Log ID;Time;Type;Request;Model;Took (ms);Cost;Currency\n",
            1,
            0,
            "there are two columns \"Log ID\"",
        ),
        (
            &format!("{good}a;2026-01-17 08:00:00;Consume;r;m;1;1;USD\nb;1\n"),
            3,
            3,
            "the line has 2 columns, and the first line 8",
        ),
        (
            &format!("{good}a;yesterday;Consume;r;m;1;1;USD\n"),
            2,
            2,
            "",
        ),
        (
            &format!("{good}a;2026-13-17 08:00:00;Consume;r;m;1;1;USD\n"),
            2,
            2,
            "",
        ),
        (
            &format!("{good}a;2026-01-17 08:00:00;Consume;r;m;-1;1;USD\n"),
            2,
            6,
            "-1 is no span of time",
        ),
        (
            &format!("{good}a;2026-01-17 08:00:00;Consume;r;m;1;$1;USD\n"),
            2,
            7,
            "\"$1\" is not a plain decimal number",
        ),
        (
            &format!("{good}a;2026-01-17 08:00:00;Consume;r;m;1;;USD\n"),
            2,
            7,
            "not a plain decimal number",
        ),
        (
            &format!("{good}a;2026-01-17 08:00:00;Consume;r;m;1;1;Dollars\n"),
            2,
            8,
            "Dollars",
        ),
    ] {
        assert_refused(csv(table), ("log.csv", line, column), wanted);
    }
    let mut bytes = good.as_bytes().to_vec();
    bytes.extend(b"a;2026-01-17 08:00:00;Consume;r;\xff;1;1;USD\n");
    let map = ColumnMap::from_toml("map.toml", MAP).unwrap();
    let rows = read(&LogFormat::Csv(map.into()), "log.csv", &*bytes);
    assert_refused(rows, ("log.csv", 2, 5), "it is not UTF-8");
}

#[test]
fn a_map_that_cannot_work_is_refused_by_line_or_key() {
    for (from, to, wanted) in [
        (
            "zone = \"Asia/Shanghai\"",
            "zone = \"Asia/Atlantis\"",
            "`time.zone`: ",
        ),
        ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "`time.format`: "),
        ("%Y-%m-%d %H:%M:%S", "%Q-%9", "`time.format`: "),
        (
            "%Y-%m-%d %H:%M:%S",
            "unix",
            "`time.zone`: `unix` needs none",
        ),
        (
            "delimiter = \";\"",
            "delimiter = \"é\"",
            "`delimiter`: 'é' cannot part columns",
        ),
        (
            "currency_column = \"Currency\"",
            "",
            "`amount.currency`: give either",
        ),
        (
            "currency_column = \"Currency\"",
            "currency = \"EUR\"\nper_unit = 0",
            "`amount.per_unit`: must not be zero",
        ),
        (
            "unit = \"ms\"",
            "unit = \"fortnights\"",
            "map.toml, line 15, column 8: unknown variant `fortnights`",
        ),
        (
            "is = \"end\"",
            "is = \"end\"\nsort = 1",
            "map.toml, line 10, column 1: unknown field `sort`",
        ),
        ("[amount]", "[amount", "map.toml, line 17, column 8: "),
    ] {
        let map = MAP.replacen(from, to, 1);
        assert_ne!(map, MAP);
        let error = ColumnMap::from_toml("map.toml", &map).unwrap_err();
        assert!(
            error.to_string().starts_with(wanted),
            "{error}\ndoes not start with\n{wanted}"
        );
    }
    let end = "[time]\ncolumn = \"t\"\nis = \"end\"\nformat = \"unix\"\n[amount]\ncolumn = \"c\"\ncurrency = \"USD\"\n";
    let error = ColumnMap::from_toml("map.toml", end).unwrap_err();
    assert!(error.to_string().starts_with("`time.is`: "), "{error}");
}

#[tokio::test]
async fn a_row_may_come_twice_and_may_not_contradict_itself() {
    let book = Book::sqlite(&[]).await;
    let map = ColumnMap::from_toml("map.toml", MAP).unwrap();
    let both = |second: String| {
        let mut log = ProviderLog::new(LogFormat::Csv(map.clone().into()));
        log.add("january.csv", TABLE.as_bytes()).unwrap();
        log.add("again.csv", second.as_bytes()).unwrap();
        log
    };
    let options = Options::of(PROVIDER);
    let found = longhaul_ledger::reconcile::reconcile(
        &book.store,
        both(TABLE.to_owned()),
        &options,
        |_| {},
    )
    .await
    .unwrap();
    assert_eq!((found.counts.rows, found.duplicates.len()), (4, 4));
    let duplicate = &found.duplicates[3];
    assert_eq!(
        (&*duplicate.file, duplicate.name.as_deref()),
        ("again.csv", Some("req-2"))
    );

    let other = both(TABLE.replace("0.24;", "0.25;"));
    let error = longhaul_ledger::reconcile::reconcile(&book.store, other, &options, |_| {})
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "again.csv, line 2: row \"a1\" says something else than in january.csv, line 2; nothing of the file was taken"
    );
}

/// Rows that were taken out of their pages, and answers without a total, hold perhaps a part.
#[tokio::test]
async fn a_log_without_a_total_says_nothing_of_calls_without_a_row() {
    let book = Book::sqlite(&[]).await;
    for (text, coverage, whole) in [
        (format!("[{}]", row_at(100)), Coverage::AsTold, false),
        (format!("[{}]", row_at(100)), Coverage::Whole, true),
        (
            format!(r#"{{"success": true, "data": [{}]}}"#, row_at(100)),
            Coverage::AsTold,
            false,
        ),
        (SAMPLE.to_owned(), Coverage::AsTold, true),
        (SAMPLE.to_owned(), Coverage::Part, false),
    ] {
        let mut log = ProviderLog::new(LogFormat::new_api());
        log.add("log.json", text.as_bytes()).unwrap();
        let mut options = Options::of(PROVIDER);
        options.coverage = coverage;
        let found = longhaul_ledger::reconcile::reconcile(&book.store, log, &options, |_| {})
            .await
            .unwrap();
        assert_eq!(found.whole, whole, "{text}");
    }
}
