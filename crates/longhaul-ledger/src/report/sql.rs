//! The statement behind a report: sums over the attempts as their classes tell, then what logs and claims put right.
//!
//! Most attempts have no row in a provider's log, so that these are summed without looking for one; what the log says
//! of the others is added, and what their classes told of them is taken away again.
//!
//! It is one statement with four parts, joined by `UNION ALL`: the attempts; the same with the opposite sign where a
//! log has a verdict; the verdicts; and what was paid back by an answer alone. The database groups each part by itself,
//! and what belongs together is added afterwards.
//!
//! # Overflow
//!
//! SQLite's sums are of 64 bits, and a sum that overflows fails the statement. A price may be as large as 64 bits
//! allow, so that each amount is summed in two parts, thousands of millions and the rest, neither of which overflows
//! before a thousand million rows. `tests/cli/words.rs` (`sums_of_large_prices`) holds both databases to it.

use crate::{
    error::LedgerError,
    store::{Arguments, Filter, add, first_id_at, words},
};

/// Charged and of no use: not delivered, or delivered after another attempt of its operation had been.
///
/// An earlier attempt that did not deliver is found by its own class; a later one that delivered too is a second
/// picture where one was wanted.
const USELESS: &str = "(a.class <> 'Delivered' OR (a.attempt > 1 AND EXISTS (SELECT 1 FROM attempts b \
     WHERE b.operation = a.operation AND b.attempt < a.attempt AND b.class = 'Delivered')))";

/// What `amount` comes to by the likelihood of the ending. So that no product overflows, it is taken apart into thousands and
/// the rest.
///
/// Rounded down, by less than one millionth for each attempt.
fn expected(amount: &str) -> String {
    format!(
        "({amount} / 1000 * a.charged_per_mille + {amount} % 1000 * a.charged_per_mille / 1000)"
    )
}

/// How many of the sums are counts; the others are amounts.
pub(super) const COUNTS: usize = 4;

/// Amounts are summed in two parts, by this number: SQLite's sums of whole numbers are no wider than these.
pub(super) const PART: i64 = 1_000_000_000;

/// One summand.
struct Part<'a> {
    from: &'a str,
    /// The column of the entry's id that leads.
    id: &'a str,
    currency: &'a str,
    /// Operations, attempts, delivered, unpriced, certain, possible, expected, drafts, wasted, credited.
    sums: [&'a str; 10],
}

/// The statement for the attempts that `filter` lets pass; its columns are provider, model, resolution, currency, and
/// the figures in their order, amounts in two parts each. Whether the tables say what drafts cost is in `with_drafts`.
pub(super) fn statement(
    filter: &Filter,
    with_drafts: bool,
) -> Result<(String, Arguments), LedgerError> {
    const UNPRICED: &str =
        "CASE WHEN a.price_micros IS NULL AND a.charged_per_mille > 0 THEN 1 ELSE 0 END";
    let drafts = match with_drafts {
        true => "COALESCE(a.drafts_micros, 0)",
        false => "0",
    };
    let price = format!("(a.price_micros + {drafts})");
    let certain = format!("CASE WHEN a.charged_per_mille = 1000 THEN {price} ELSE 0 END");
    let possible = format!("CASE WHEN a.charged_per_mille > 0 THEN {price} ELSE 0 END");
    let (expected, drafts) = (expected(&price), expected(drafts));
    let wasted = format!("CASE WHEN {USELESS} THEN {expected} ELSE 0 END");
    let wasted_by_log = format!("CASE WHEN {USELESS} THEN v.charged_micros ELSE 0 END");
    let of_class = [UNPRICED, &certain, &possible, &expected, &drafts, &wasted];
    let taken_away = of_class.map(|sum| format!("-({sum})"));
    let [
        unpriced,
        less_certain,
        less_possible,
        less_expected,
        less_drafts,
        less_wasted,
    ] = taken_away.each_ref().map(|sum| &**sum);
    let logged = "verdicts v JOIN attempts a ON a.id = v.entry";
    let parts = [
        Part {
            from: "attempts a",
            id: "a.id",
            currency: "a.currency",
            sums: [
                "CASE WHEN a.attempt = 1 THEN 1 ELSE 0 END",
                "1",
                "CASE WHEN a.class = 'Delivered' THEN 1 ELSE 0 END",
                UNPRICED,
                &certain,
                &possible,
                &expected,
                &drafts,
                &wasted,
                "0",
            ],
        },
        Part {
            from: logged,
            id: "v.entry",
            currency: "a.currency",
            sums: [
                "0",
                "0",
                "0",
                unpriced,
                less_certain,
                less_possible,
                less_expected,
                less_drafts,
                less_wasted,
                "0",
            ],
        },
        Part {
            from: logged,
            id: "v.entry",
            currency: "v.currency",
            sums: [
                "0",
                "0",
                "0",
                "0",
                "v.charged_micros",
                "v.charged_micros",
                "v.charged_micros",
                // No log says which part of it is for drafts.
                "0",
                &wasted_by_log,
                "v.credited_micros",
            ],
        },
        // What the log shows as paid back is counted there.
        Part {
            from: "claims c JOIN attempts a ON a.id = c.entry AND c.answer = 'Credited' \
                   AND NOT EXISTS (SELECT 1 FROM verdicts v WHERE v.entry = c.entry AND v.credited_micros > 0)",
            id: "c.entry",
            currency: "c.currency",
            sums: [
                "0",
                "0",
                "0",
                "0",
                "0",
                "0",
                "0",
                "0",
                "0",
                "c.amount_micros",
            ],
        },
    ];
    let mut arguments = Arguments::default();
    let parts: Vec<_> = parts
        .iter()
        .map(|part| part.select(filter, &mut arguments))
        .collect::<Result<_, _>>()?;
    Ok((parts.join(" UNION ALL "), arguments))
}

impl Part<'_> {
    /// The part as a `SELECT` of its own, grouped by its currency: a verdict may be in another one than the price.
    fn select(&self, filter: &Filter, arguments: &mut Arguments) -> Result<String, LedgerError> {
        // PostgreSQL's sums are of a wider type.
        let sum = |of: String| format!("CAST(COALESCE(SUM({of}), 0) AS BIGINT)");
        let (counts, amounts) = self.sums.split_at(COUNTS);
        let counts = counts.iter().map(|of| sum((*of).to_owned()));
        let amounts = amounts
            .iter()
            .flat_map(|of| ["/", "%"].map(|part| sum(format!("({of}) {part} {PART}"))));
        let sums: Vec<_> = counts.chain(amounts).collect();
        Ok(format!(
            "SELECT a.provider, a.model, a.resolution, {}, {} FROM {} WHERE {} \
             GROUP BY a.provider, a.model, a.resolution, {}",
            self.currency,
            sums.join(", "),
            self.from,
            self.condition(filter, arguments)?,
            self.currency,
        ))
    }

    /// The time is a range of the part's own key, so that verdicts and claims are found by theirs and not by going
    /// through the attempts.
    fn condition(&self, filter: &Filter, arguments: &mut Arguments) -> Result<String, LedgerError> {
        let mut conditions = vec!["1 = 1".to_owned()];
        if let Some(opened) = &filter.opened {
            let start = add(arguments, first_id_at(opened.start))?;
            let end = add(arguments, first_id_at(opened.end))?;
            conditions.push(format!("{0} >= {start} AND {0} < {end}", self.id));
        }
        let columns = [
            ("a.provider", filter.provider.clone()),
            ("a.model", filter.model.clone()),
            (
                "a.class",
                filter.class.map(|class| words::of_class(class).to_owned()),
            ),
        ];
        for (column, wanted) in columns {
            if let Some(wanted) = wanted {
                conditions.push(format!("{column} = {}", add(arguments, wanted)?));
            }
        }
        Ok(conditions.join(" AND "))
    }
}
