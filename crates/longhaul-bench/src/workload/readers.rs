//! The readers that are compared: ours, three JSON libraries asked for the same two fields, and `memchr` as the pace of
//! memory.

use std::borrow::Cow;

use http::request::Parts;
use jiter::Jiter;
use longhaul::{Resolution, detect};
use serde::Deserialize;

/// One way to read a body: `true` if both texts were found and the whole is sound.
pub(super) struct Reader {
    pub(super) title: &'static str,
    pub(super) read: fn(&Parts, &[u8]) -> bool,
}

/// Where in [`READERS`].
pub(super) const OURS: usize = 0;
pub(super) const SERDE_JSON: usize = 1;

pub(super) const READERS: [Reader; 5] = [
    Reader {
        title: "longhaul's detector",
        read: ours,
    },
    Reader {
        title: "serde_json, typed",
        read: |_, json| found(serde_json::from_slice(json).ok()),
    },
    Reader {
        title: "sonic-rs, typed",
        read: |_, json| found(sonic_rs::from_slice(json).ok()),
    },
    Reader {
        title: "jiter, skipping",
        read: |_, json| with_jiter(json).unwrap_or(false),
    },
    Reader {
        title: "memchr",
        read: |_, json| memchr::memchr(0, json).is_none(),
    },
];

/// What is looked for; whatever else there is, is skipped.
#[derive(Deserialize)]
struct Fields<'j> {
    #[serde(borrow)]
    model: Cow<'j, str>,
    #[serde(borrow)]
    size: Cow<'j, str>,
}

fn found(fields: Option<Fields<'_>>) -> bool {
    fields.is_some_and(|fields| is_found(&fields.model, &fields.size))
}

fn is_found(model: &str, size: &str) -> bool {
    model == "gpt-image-2" && size == "2048x2048"
}

fn ours(head: &Parts, json: &[u8]) -> bool {
    let workload = detect::workload(head, json);
    workload.resolution == Resolution::K2 && workload.model.as_deref() == Some("gpt-image-2")
}

fn with_jiter(json: &[u8]) -> Result<bool, jiter::JiterError> {
    let mut reader = Jiter::new(json);
    let (mut model, mut size) = (String::new(), String::new());
    let mut key = reader.next_object()?.map(Wanted::of);
    while let Some(wanted) = key {
        match wanted {
            Wanted::Model => reader.next_str()?.clone_into(&mut model),
            Wanted::Size => reader.next_str()?.clone_into(&mut size),
            Wanted::Nothing => reader.next_skip()?,
        }
        key = reader.next_key()?.map(Wanted::of);
    }
    reader.finish()?;
    Ok(is_found(&model, &size))
}

enum Wanted {
    Model,
    Size,
    Nothing,
}

impl Wanted {
    fn of(key: &str) -> Self {
        match key {
            "model" => Self::Model,
            "size" => Self::Size,
            _ => Self::Nothing,
        }
    }
}
