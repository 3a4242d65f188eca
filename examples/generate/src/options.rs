use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use longhaul::Resolution;
use longhaul_sim::Script;

/// Asks for one picture through the full stack, and shows what happens on the way.
///
/// Without `--base-url` it starts a simulated provider, which meets an overload and a 60 s proxy cut before
/// the picture comes.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// The size: WIDTHxHEIGHT, or 1K, 2K, 4K
    #[arg(long, default_value = "4096x4096")]
    pub(crate) size: String,

    /// Whose API to speak
    #[arg(long, value_enum, default_value_t = Dialect::Openai)]
    pub(crate) dialect: Dialect,

    /// What to draw
    #[arg(
        long,
        default_value = "a banana in low orbit, photographed by a passing astronaut"
    )]
    pub(crate) prompt: String,

    /// How the picture comes; a `url` is fetched (OpenAI's API only)
    #[arg(long, value_enum, default_value_t = ResponseFormat::B64Json)]
    pub(crate) response_format: ResponseFormat,

    /// How the call is made where the provider offers more than one way
    #[arg(long, value_enum, default_value_t = Via::Unary)]
    pub(crate) via: Via,

    /// What goes wrong, one fault an attempt, such as `overloaded,cut@60,none`; `none` for nothing
    #[arg(
        long,
        default_value = "overloaded,cut@60,none",
        conflicts_with = "base_url"
    )]
    pub(crate) fault: Script,

    /// How many times as fast as real time the simulated provider runs
    #[arg(long, default_value_t = 100.0, conflicts_with = "base_url")]
    pub(crate) speed: f64,

    /// Never send again what may have been charged
    #[arg(long, conflicts_with = "policy")]
    pub(crate) careful: bool,

    /// A policy file (TOML) instead of the default policy
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,

    /// A real provider instead of the simulated one, such as `https://generativelanguage.googleapis.com`
    #[arg(long, value_name = "URL", requires = "api_key_env")]
    pub(crate) base_url: Option<String>,

    /// The environment variable that holds the API key
    #[arg(long, value_name = "NAME", requires = "base_url")]
    pub(crate) api_key_env: Option<String>,

    /// The model, where the dialect's usual one is not wanted
    #[arg(long)]
    pub(crate) model: Option<String>,

    /// Where to write the picture
    #[arg(long, value_name = "FILE", default_value = "longhaul.png")]
    pub(crate) out: PathBuf,

    /// One JSON document on stdout; progress stays on stderr
    #[arg(long)]
    pub(crate) json: bool,
}

impl Options {
    /// The size as the detector will read it from the request; checked here, where it enters.
    pub(crate) fn resolution(&self) -> Result<Resolution, String> {
        match (self.size.as_str(), self.pixels()) {
            ("1K", _) => Ok(Resolution::K1),
            ("2K", _) => Ok(Resolution::K2),
            ("4K", _) => Ok(Resolution::K4),
            (_, Some((width, height))) => Ok(Resolution::of_pixels(width, height)),
            (size, None) => Err(format!(
                "--size: {size:?} is neither WIDTHxHEIGHT nor 1K, 2K, 4K"
            )),
        }
    }

    /// Whether the picture will have a place: found out before it is paid for.
    pub(crate) fn check_out(&self) -> Result<(), String> {
        let directory = match self.out.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        if self.out.is_dir() || !directory.is_dir() {
            let out = self.out.display();
            return Err(format!(
                "--out: {out} is not a file in a directory that exists"
            ));
        }
        Ok(())
    }

    pub(crate) fn pixels(&self) -> Option<(u64, u64)> {
        let (width, height) = self.size.split_once('x')?;
        let pixels = (width.parse().ok()?, height.parse().ok()?);
        (pixels.0 > 0 && pixels.1 > 0).then_some(pixels)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Dialect {
    /// `POST /v1/images/generations`
    Openai,
    /// `POST /v1beta/models/MODEL:generateContent`
    Gemini,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Via {
    /// One request, whose connection is silent until the picture is there
    Unary,
    /// Submitted, then collected by polling, where the host takes tasks
    Tasks,
    /// As an event stream, where the host keeps one alive
    Stream,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ResponseFormat {
    #[value(name = "b64_json")]
    B64Json,
    Url,
}

impl ResponseFormat {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::B64Json => "b64_json",
            Self::Url => "url",
        }
    }
}
