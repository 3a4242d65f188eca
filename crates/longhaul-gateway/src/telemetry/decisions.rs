//! Every decision of the layers, counted by its reason.

use std::sync::Arc;

use metrics::counter;

use crate::core::{Event, Observer};

/// Counts the decisions about calls to the upstream of this name.
pub(crate) fn observer(upstream: &str) -> Observer {
    let upstream: Arc<str> = upstream.into();
    Observer::new(move |event: &Event<'_>| {
        let (decision, reason) = match event {
            Event::Waiting { class, .. } => ("send_again", class.name()),
            Event::FallingBack { class, .. } => ("fall_back", class.name()),
            Event::Late { .. } => ("late", "limit"),
            Event::QueueTimeout { .. } => ("wait_for_place", "in_flight"),
            Event::Started { .. } | Event::Settled { .. } => return,
            // A decision of a later version of the layers.
            _ => ("other", "other"),
        };
        counter!(
            "longhaul.decisions",
            "upstream" => upstream.to_string(),
            "decision" => decision,
            "reason" => reason,
        )
        .increment(1);
    })
}
