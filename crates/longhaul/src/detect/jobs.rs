//! Calls that submit a job. Their answer is a ticket and comes soon: it holds no image, and none is missed.
//!
//! Still the size counts, for the price; and some of these calls can be told to wait for the picture.

use super::{
    dialect::{Call, RequestDialect},
    facts, gemini,
    json::{Field, Fields},
    model,
};

pub(super) const REPLICATE: RequestDialect = RequestDialect {
    recognises: replicate,
    fields: &Fields::new(&[
        Field::new(&["model"], facts::model),
        Field::new(&["input", "resolution"], facts::size),
        Field::new(&["input", "size"], facts::size),
        Field::new(&["input", "imageInput"], facts::reference),
        Field::new(&["input", "numOutputs"], facts::images),
    ]),
    asks_for_images: |_| true,
    is_job: true,
    ..RequestDialect::PLAIN
};

/// `…/models/{owner}/{name}/predictions`, `…/predictions`.
fn replicate(path: &str) -> Option<Call<'_>> {
    let parent = path.strip_suffix("/predictions")?;
    let model = parent.rsplit_once("/models/").map(|(_, model)| model);
    Some(Call { model })
}

pub(super) const FLUX: RequestDialect = RequestDialect {
    recognises: flux,
    fields: &Fields::new(&[
        Field::new(&["width"], facts::width),
        Field::new(&["height"], facts::height),
    ]),
    asks_for_images: |_| true,
    settle: facts::RequestFacts::believe_edges,
    is_job: true,
    ..RequestDialect::PLAIN
};

/// `…/v1/flux-…`, at Black Forest Labs.
fn flux(path: &str) -> Option<Call<'_>> {
    let (parent, model) = path.rsplit_once('/')?;
    let is_one = parent.ends_with("/v1") && model.starts_with("flux-");
    is_one.then_some(Call { model: Some(model) })
}

pub(super) const WAVESPEED: RequestDialect = RequestDialect {
    recognises: wavespeed,
    fields: &Fields::new(&[
        Field::new(&["resolution"], facts::size),
        Field::new(&["size"], facts::size),
        Field::new(&["images"], facts::reference),
    ]),
    asks_for_images: |_| true,
    is_job: true,
    ..RequestDialect::PLAIN
};

/// `/api/v3/{owner}/{model}/{task}`, where the model is one that makes images.
fn wavespeed(path: &str) -> Option<Call<'_>> {
    let model = path.strip_prefix("/api/v3/")?;
    model::makes_images(model).then_some(Call { model: Some(model) })
}

pub(super) const FAL: RequestDialect = RequestDialect {
    recognises: fal,
    fields: BY_PATH,
    asks_for_images: |_| true,
    unsaid: gemini::default_of_gemini,
    ..RequestDialect::PLAIN
};

/// What stands in the body where the model is in the path, at fal and Krea.
const BY_PATH: &Fields = &Fields::new(&[
    Field::new(&["resolution"], facts::size),
    // A preset, or both edges.
    Field::new(&["imageSize"], facts::elsewhere),
    Field::new(&["numImages"], facts::images),
    Field::new(&["imageUrls"], facts::reference),
    Field::new(&["imageUrl"], facts::reference),
]);

/// `/fal-ai/{model}`, `/fal-ai/{model}/edit`: answered with the picture at `fal.run`, and with a ticket at `queue.fal.run`.
fn fal(path: &str) -> Option<Call<'_>> {
    let model = path.strip_prefix("/fal-ai/")?;
    model::makes_images(model).then_some(Call { model: Some(model) })
}

pub(super) const KREA: RequestDialect = RequestDialect {
    recognises: krea,
    fields: BY_PATH,
    asks_for_images: |_| true,
    is_job: true,
    ..RequestDialect::PLAIN
};

/// `/generate/image/{owner}/{model}`.
fn krea(path: &str) -> Option<Call<'_>> {
    let model = path.strip_prefix("/generate/image/")?;
    (!model.is_empty()).then_some(Call { model: Some(model) })
}

/// Films, of which nothing is said here but the model.
pub(super) const VEO: RequestDialect = RequestDialect {
    recognises: |path| Call::of_method(path, &["predictLongRunning"]),
    asks_for_images: |_| false,
    is_job: true,
    ..RequestDialect::PLAIN
};

/// As [`VEO`].
pub(super) const SORA: RequestDialect = RequestDialect {
    recognises: |path| path.ends_with("/videos").then_some(Call::PLAIN),
    fields: &Fields::new(&[Field::new(&["model"], facts::model)]),
    forms: true,
    asks_for_images: |_| false,
    is_job: true,
    ..RequestDialect::PLAIN
};
