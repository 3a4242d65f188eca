//! Reads a request once and says what it asks for.
//!
//! [`DetectWorkload`] puts a [`Workload`] (model, resolution, quality, number of images and of references)
//! into the request's extensions, and everything below decides by it: how long to wait, what it costs,
//! where to fall back to. It stands outermost, since it also makes the body replayable: it is read up to
//! a cap *before* anything is sent, and below this layer it is a [`ReplayBody`](crate::body::ReplayBody).
//!
//! It changes no byte of the request. What it cannot read (a foreign content type, a
//! `content-encoding`, broken JSON) passes as [`Resolution::Unknown`], which waits longest. In doubt it
//! always errs towards the longer wait:
//!
//! - Where a size is named more than once, the largest counts; where one of the names cannot be
//!   understood, the whole is unknown.
//! - A size below 4K counts only when the whole JSON object was seen. 4K is believed as soon as it is seen.
//! - A body above [`DetectPolicy::replay_limit`] streams once, and only its first piece is looked at: in a
//!   form the size may stand behind the images, and is then unknown.
//! - A form is searched where it lies in memory; no file in it is copied. Anything in it that two servers
//!   might read differently makes it unknown.
//!
//! # What it reads
//!
//! | dialect | call | size | nothing said |
//! |---|---|---|---|
//! | OpenAI images | `POST …/images/generations` | `size` | unknown |
//! | the same, of Seedream 4 and 5 | | `size` | `K2` |
//! | the same, of xAI's Grok Imagine | | `resolution` | `K1` |
//! | the same, of Gemini by a relay | | `size`, `resolution`, high `quality` | unknown |
//! | OpenAI edits, variations | `POST …/images/edits`, `…/images/variations`, as a form or in JSON | `size` | unknown |
//! | MiniMax | `POST …/image_generation` | `width` and `height` | `K1` |
//! | OpenAI Responses | `POST …/responses` with a tool `image_generation` | the tool's `size` | unknown |
//! | chat | `POST …/chat/completions` with `image` among its `modalities` | `image_config.image_size` | `K1` of Gemini's models, else unknown |
//! | Gemini | `POST …/models/{model}:generateContent`, `:streamGenerateContent` | `generationConfig.imageConfig.imageSize`, in snake_case too | `K1`, if the model makes images |
//! | Gemini Interactions | `POST …/interactions` | `response_format.image_size`, `generation_config.image_config.image_size` | `K1`, if it asks for an image |
//! | Imagen | `POST …/models/{model}:predict` | `parameters.sampleImageSize`, `parameters.imageSize` | `K1`, unless it is to be upscaled |
//! | Replicate | `POST …/predictions` | `input.resolution`, `input.size` | unknown |
//! | FLUX | `POST …/v1/flux-…` | `width` and `height` | unknown |
//! | wavespeed | `POST /api/v3/{model}` | `resolution`, `size` | unknown |
//! | any | `POST` of JSON | a model name that ends in `-4k` | unknown |
//!
//! In the dialects it knows, a model name that ends in `-2k` or `-4k` counts like a size. Replicate, FLUX and
//! wavespeed answer with a ticket and not with the image, as do Veo and Sora: such a request is not
//! [`recognised`](crate::Workload::recognised) as one whose answer must hold images.
//!
//! # Example
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use longhaul::{Resolution, Workload, body::ReplayBody, detect::DetectWorkloadLayer};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! let service = ServiceBuilder::new()
//!     .layer(DetectWorkloadLayer::default())
//!     .service(service_fn(|request: Request<ReplayBody<Full<Bytes>>>| async move {
//!         let workload = request.extensions().get::<Workload>().unwrap();
//!         assert_eq!(workload.resolution, Resolution::K4);
//!         assert_eq!(workload.model.as_deref(), Some("nano-banana-pro"));
//!         Ok::<_, std::io::Error>(Response::new(()))
//!     }));
//!
//! let request = Request::post("https://api.example/v1/images/generations")
//!     .header("content-type", "application/json")
//!     .body(Full::from(r#"{"model": "nano-banana-pro", "prompt": "a hat", "size": "4096x4096"}"#))?;
//! service.oneshot(request).await?;
//! # Ok(()) }
//! ```
//!
//! With a header by which callers name the size themselves, and a smaller cap. An explicit [`Workload`]
//! in the extensions also wins, and is left as it is.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! use bytes::Bytes;
//! use http::{HeaderName, Request, Response};
//! use http_body_util::Full;
//! use longhaul::{
//!     Resolution, Workload,
//!     body::ReplayBody,
//!     detect::{DetectPolicy, DetectWorkload},
//! };
//! use tower::{ServiceExt, service_fn};
//!
//! let mut policy = DetectPolicy::default();
//! policy.replay_limit = 8 << 20;
//! policy.header = Some(HeaderName::from_static("x-longhaul-size"));
//!
//! let inner = service_fn(|request: Request<ReplayBody<Full<Bytes>>>| async move {
//!     let workload = request.extensions().get::<Workload>().unwrap();
//!     assert_eq!(workload.resolution, Resolution::K2);
//!     assert!(!request.headers().contains_key("x-longhaul-size"));
//!     Ok::<_, std::io::Error>(Response::new(()))
//! });
//! let service = DetectWorkload::new(inner, policy)?;
//!
//! let request = Request::post("https://api.example/some/private/route")
//!     .header("x-longhaul-size", "2K")
//!     .body(Full::from("a hat"))?;
//! service.oneshot(request).await?;
//! # Ok(()) }
//! ```
//!
//! [`Workload`]: crate::Workload
//! [`Resolution::Unknown`]: crate::Resolution::Unknown

mod chat;
mod dialect;
mod facts;
mod form;
mod format;
mod future;
mod gemini;
mod imagen;
mod images;
mod interactions;
mod jobs;
mod json;
mod layer;
mod model;
mod policy;
mod responses;
mod service;
mod size;
#[cfg(test)]
mod tests;
mod value;

use http::request::Parts;

use crate::model::Workload;

pub use self::{
    future::ResponseFuture, layer::DetectWorkloadLayer, policy::DetectPolicy,
    service::DetectWorkload,
};

/// What the request with this head and this whole body asks for.
///
/// It is what [`DetectWorkload`] finds, for those who have a body in hand and no service to send it through.
///
/// ```
/// use longhaul::Resolution;
///
/// let request = http::Request::post("https://ark.example.com/api/v3/images/generations").body(())?;
/// let (head, ()) = request.into_parts();
/// let workload = longhaul::detect::workload(&head, br#"{"model": "seedream-4-5", "prompt": "a cat", "n": 2}"#);
/// assert_eq!((workload.resolution, workload.images), (Resolution::K2, 2), "Seedream's default size");
/// # Ok::<(), http::Error>(())
/// ```
pub fn workload(head: &Parts, body: &[u8]) -> Workload {
    dialect::workload(head, body, true)
}
