//! Reads a request once and says what it asks for.
//!
//! [`DetectWorkload`] puts a [`Workload`] (model, resolution, number of images and of reference images)
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
//! - A body above [`DetectPolicy::replay_limit`] streams once, and only its first piece is looked at.
//!
//! # What it reads
//!
//! | dialect | call | size | nothing said |
//! |---|---|---|---|
//! | OpenAI images | `POST …/images/generations` | `size` | unknown |
//! | Gemini | `POST …/models/{model}:generateContent`, `:streamGenerateContent` | `generationConfig.imageConfig.imageSize`, in snake_case too | `K1`, if the model makes images |
//! | any | `POST` of JSON | a model name that ends in `-4k` | unknown |
//!
//! In the dialects it knows, a model name that ends in `-2k` or `-4k` counts like a size.
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

mod dialect;
mod facts;
mod future;
mod gemini;
mod json;
mod layer;
mod model;
mod openai;
mod policy;
mod service;
mod size;
#[cfg(test)]
mod tests;

pub use self::{
    future::ResponseFuture, layer::DetectWorkloadLayer, policy::DetectPolicy,
    service::DetectWorkload,
};
