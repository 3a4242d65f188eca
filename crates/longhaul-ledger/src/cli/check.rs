//! `check`: what of a ledger is damaged, in numbers.
//!
//! Ends with 1 where something is damaged, so that a timer can run it and report. An entry with a word of a newer
//! version is shown and is no damage.

use longhaul_ledger::Health;

use super::{
    Common, Ending, Failure, Output,
    table::{number, text},
};

#[derive(Debug, clap::Args)]
pub(crate) struct CheckOptions {}

/// More lines than so many of a kind are only counted.
///
/// `--json` has all of them.
const SHOWN: usize = 20;

pub(crate) async fn run(common: &Common, _options: &CheckOptions) -> Result<Ending, Failure> {
    let health = common.reader().await?.check().await?;
    let mut output = Output::new();
    if common.json() {
        output.json(&health)?;
    } else {
        print(&mut output, &health)?;
    }
    output.end()?;
    Ok(if health.is_sound() {
        Ending::Done
    } else {
        Ending::Damaged
    })
}

/// Numbers first, then the first lines of each kind.
fn print(output: &mut Output, health: &Health) -> std::io::Result<()> {
    let log = health.unread_log;
    let mut table = output.table(&[text("checked", 200), number("", 255)]);
    for (name, count) in [
        ("entries", health.entries),
        ("with a checksum", health.with_checksum),
        ("altered, by their checksum", health.altered.len() as u64),
        ("not understood", health.unread.len() as u64),
        ("frames of the log that cannot be read", log.frames),
        ("transactions among them", log.transactions),
        ("faults of pages and indexes", health.pages.len() as u64),
    ] {
        table.row(vec![name.to_owned(), count.to_string()])?;
    }
    table.end()?;
    for id in health.altered.iter().take(SHOWN) {
        output.line(format_args!("entry {id} is not what its checksum says"))?;
    }
    for unread in health.unread.iter().take(SHOWN) {
        output.line(unread)?;
    }
    for line in health.pages.iter().take(SHOWN) {
        output.line(line)?;
    }
    if log.transactions == 1 {
        output.line("The one transaction was perhaps never confirmed: a machine that loses its power leaves such a one.")?;
    }
    Ok(())
}
