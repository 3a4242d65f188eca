//! What all pages share.

use std::time::{Duration, SystemTime};

use maud::{DOCTYPE, Markup, html};

use crate::core::{Class, Money};

/// A whole page. `root` leads from it to the first one: nothing, or `../`.
///
/// Links are relative, so that the page works below any path of a proxy.
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

/// What an ending means, with what to do about it where a pointer rests on it; `otherwise` where there is none.
pub(super) fn class(class: Option<Class>, otherwise: &'static str) -> Markup {
    html! {
        span.good[class == Some(Class::Delivered)] title=(class.map_or("", Class::advice)) {
            (class.map_or(otherwise, Class::name))
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

/// Shares of one, as horizontal bars.
///
/// Without words for screen readers: each number stands in the same row.
pub(super) fn bars(shares: &[(&str, f64)]) -> Markup {
    html! {
        svg viewBox=(format!("0 0 100 {}", shares.len() * 6)) role="img" aria-hidden="true" preserveAspectRatio="none" {
            @for (index, (name, share)) in shares.iter().enumerate() {
                rect class=(name) x="0" y=(index * 6) width=(format!("{:.2}", share.clamp(0.0, 1.0) * 100.0)) height="5" {
                    title { (name) }
                }
            }
        }
    }
}

/// Of so many millionths.
pub(super) fn amount(currency: &str, micros: i128) -> String {
    match (currency.parse(), i64::try_from(micros)) {
        (Ok(currency), Ok(micros)) => Money { micros, currency }.to_string(),
        _ => "unknown".to_owned(),
    }
}
