//! What all pages share.

use std::time::{Duration, SystemTime};

use maud::{DOCTYPE, Markup, html};

/// A whole page. `root` leads from it to the first one: nothing, or `../`.
pub(super) fn document(title: &str, root: &str, live: bool, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="stylesheet" href={ (root) "style.css" };
                @if live { script src="live.js" defer {} }
            }
            body {
                header {
                    h1 { (title) }
                    nav { a href={ (root) "./" } { "calls" } " " a href={ (root) "claims" } { "claims" } }
                    @if live { p #state role="status" { "live" } }
                }
                main #live { (content) }
            }
        }
    }
}

pub(super) fn seconds(span: Duration) -> String {
    format!("{:.1} s", span.as_secs_f64())
}

pub(super) fn time(at: SystemTime) -> String {
    let at = jiff::Timestamp::try_from(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}
