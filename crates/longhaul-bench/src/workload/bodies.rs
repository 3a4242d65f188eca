//! The request bodies that are read: of four lengths, with the size in front of a long base64 text, behind it, or
//! behind it with each `/` escaped.
//!
//! The place matters: a reader that stops when it has found the size is fast on the first kind alone, and one that
//! copies what has escapes is slow on the last.

use http::{Request, request::Parts};

/// Where the size stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    Before,
    After,
    /// After base64 in which every `/` is written `\/`, as some libraries do.
    AfterEscapes,
}

/// A request.
#[derive(Debug)]
pub(super) struct Body {
    /// How large it is.
    pub(super) title: &'static str,
    pub(super) place: Place,
    pub(super) head: Parts,
    pub(super) json: Vec<u8>,
}

impl Body {
    /// How large it is, and where the size stands.
    pub(super) fn title(&self) -> String {
        let place = match self.place {
            Place::Before => "before the base64",
            Place::After => "behind it",
            Place::AfterEscapes => "behind it, each / escaped",
        };
        format!("{}, {place}", self.title)
    }
}

const SIZES: [(&str, usize); 4] = [
    ("300 B", 300),
    ("100 kB", 100_000),
    ("5 MB", 5_000_000),
    ("20 MB", 20_000_000),
];

/// Smaller ones first.
pub(super) fn all() -> Vec<Body> {
    let mut all = Vec::new();
    for (title, length) in SIZES {
        for place in [Place::Before, Place::After, Place::AfterEscapes] {
            // Where there is hardly any base64, there is nothing to escape.
            if place != Place::AfterEscapes || length > 1000 {
                all.push(body(title, length, place));
            }
        }
    }
    all
}

fn body(title: &'static str, length: usize, place: Place) -> Body {
    const MODEL: &str = r#"{"model":"gpt-image-2","prompt":"a hat on a chair, seen from the left","n":1,"quality":"high","#;
    const SIZE: &str = r#""size":"2048x2048""#;
    let image = |room: usize| format!(r#""image":"{}""#, base64(room, place));
    let rest = length.saturating_sub(MODEL.len() + SIZE.len() + 14);
    let text = match place {
        Place::Before => format!("{MODEL}{SIZE},{}}}", image(rest)),
        Place::After | Place::AfterEscapes => format!("{MODEL}{},{SIZE}}}", image(rest)),
    };
    let head = Request::post("https://api.example/v1/images/generations")
        .header("content-type", "application/json")
        .body(())
        .expect("its parts are valid")
        .into_parts()
        .0;
    Body {
        title,
        place,
        head,
        json: text.into_bytes(),
    }
}

/// Random base64 of about this length: every 64th character is a slash.
fn base64(length: usize, place: Place) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut random = fastrand::Rng::with_seed(7);
    let mut text = String::with_capacity(length + 2);
    while text.len() < length {
        let character = char::from(ALPHABET[random.usize(..ALPHABET.len())]);
        if place == Place::AfterEscapes && character == '/' {
            text.push('\\');
        }
        text.push(character);
    }
    text
}
