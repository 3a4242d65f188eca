use std::sync::Arc;

use http::Extensions;
use hyper_util::client::legacy::connect::Connected;
use longhaul::attempt::Written;

use super::meter::Meter;

/// A connection's extra in hyper-util: its clone is a reading of the meter, and a clone of that the
/// same reading. [Why](super).
#[derive(Debug)]
pub(crate) struct Tap {
    meter: Arc<Meter>,
    reading: Option<Written>,
    clones: u8,
}

impl Tap {
    pub(crate) const fn new(meter: Arc<Meter>) -> Self {
        Self {
            meter,
            reading: None,
            clones: 0,
        }
    }

    /// The meter and its reading from before the request was handed to the connection.
    ///
    /// hyper-util clones once to capture, and once more to hand the extra out. A reading by the second
    /// clone alone would come too late to prove anything, so it is refused.
    pub(super) fn at_hand_over(connected: &Connected) -> Option<(Arc<Meter>, Written)> {
        let mut extensions = Extensions::new();
        connected.get_extras(&mut extensions);
        let tap = extensions.remove::<Self>()?;
        match tap.reading {
            Some(reading) if tap.clones >= 2 => Some((tap.meter, reading)),
            _ => None,
        }
    }

    /// The reading from when the head came, out of the response's extensions.
    pub(super) fn at_head(extensions: &mut Extensions) -> Option<Written> {
        extensions.remove::<Self>()?.reading
    }
}

impl Clone for Tap {
    fn clone(&self) -> Self {
        Self {
            meter: self.meter.clone(),
            reading: Some(self.reading.unwrap_or_else(|| self.meter.counts())),
            clones: self.clones.saturating_add(1),
        }
    }
}
