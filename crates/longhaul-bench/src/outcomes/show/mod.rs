//! The table on a terminal, as Markdown, as JSON and as a picture.

mod json;
mod judgement;
mod markdown;
mod picture;
mod text;
mod words;

pub(super) use self::{
    json::json,
    markdown::{ablation, markdown},
    picture::picture,
    text::text,
};
