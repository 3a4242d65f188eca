//! OpenAI images, as OpenAI and the aggregators speak it.

use super::{
    dialect::{Call, Dialect},
    facts,
    json::Field,
};
use crate::workload::Resolution;

pub(super) const IMAGES: Dialect = Dialect {
    recognises: |path| {
        path.ends_with("/images/generations")
            .then_some(Call { model: None })
    },
    fields: &[
        Field::new(&["model"], facts::model),
        Field::new(&["size"], facts::size),
        Field::new(&["n"], facts::images),
        // Aggregators on this path read the size from these; `size` may then be the ratio alone.
        Field::new(&["resolution"], facts::possible_size),
        Field::new(&["imageSize"], facts::possible_size),
        Field::new(&["quality"], facts::perhaps_size),
    ],
    asks_for_images: |_| true,
    // `auto` is the default, and the provider chooses.
    unsaid: Resolution::Unknown,
};
