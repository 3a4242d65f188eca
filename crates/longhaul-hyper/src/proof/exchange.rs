use std::sync::{Arc, OnceLock};

use longhaul::attempt::{Transport, Written};

use super::meter::Meter;

/// One request's part of what its connection wrote.
#[derive(Debug)]
pub(super) struct Exchange {
    meter: Arc<Meter>,
    /// What the connection had written before.
    base: Written,
    /// What it had written when the head came; later bytes may be another request's.
    end: OnceLock<Written>,
}

impl Exchange {
    pub(super) const fn new(meter: Arc<Meter>, base: Written) -> Self {
        Self {
            meter,
            base,
            end: OnceLock::new(),
        }
    }

    pub(super) fn end(&self, reading: Option<Written>) {
        self.end
            .get_or_init(|| reading.unwrap_or_else(|| self.meter.counts()));
    }

    pub(super) fn seal(&self) {
        self.meter.seal();
    }
}

impl Transport for Exchange {
    fn written(&self) -> Written {
        let now = match self.end.get() {
            Some(end) => *end,
            None => self.meter.counts(),
        };
        let base = self.base.written;
        let written = now.written.saturating_sub(base);
        let flushed = now.flushed.saturating_sub(base);
        Written {
            written,
            flushed,
            last_write: now.last_write.filter(|_| written > 0),
            flushed_at: now.flushed_at.filter(|_| flushed > 0),
        }
    }
}
