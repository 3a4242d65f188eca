//! What is read from a request: one test for each row of the tables beside this file.
//!
//! A row is: name, path of the `POST`, headers, body, and what it asks for: resolution, model, images,
//! references, quality, recognised; then where the case comes from. `doubt` is the rule to err towards the
//! longer wait. Where two sources disagree, the reason of the choice stands there too.
//!
//! In the headers, `json` and `form` stand for a content type, `-` for none, and `&` divides. In the body,
//! `␍` and `␊` stand for what they show, `�` for a byte that is no UTF-8, `⟨20 MB⟩` for so much base64 and `⟨PNG⟩`
//! for the first bytes of a file. The body of every sound row is also cut off anywhere.

use std::collections::HashSet;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use http_body_util::Full;
use libtest_mimic::{Arguments, Failed, Trial};
use longhaul::{
    Resolution, Workload, body::ReplayBody, detect::DetectWorkloadLayer, error::BoxError,
};
use tower::{Layer, ServiceExt, service_fn};

const TABLES: [(&str, &str); 12] = [
    ("broken", include_str!("broken.tsv")),
    ("chat", include_str!("chat.tsv")),
    ("forms", include_str!("forms.tsv")),
    ("gemini", include_str!("gemini.tsv")),
    ("images", include_str!("images.tsv")),
    ("imagen", include_str!("imagen.tsv")),
    ("interactions", include_str!("interactions.tsv")),
    ("jobs", include_str!("jobs.tsv")),
    ("keys", include_str!("keys.tsv")),
    ("models", include_str!("models.tsv")),
    ("other", include_str!("other.tsv")),
    ("responses", include_str!("responses.tsv")),
];

/// Bodies above this are not cut at every byte.
const LONGEST_CUT: usize = 4096;

fn main() {
    let arguments = Arguments::from_args();
    let mut names = HashSet::new();
    let mut trials = Vec::new();
    for (table, text) in TABLES {
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let case = Case::read(line);
            let name = format!("{table}::{}", case.name);
            assert!(names.insert(name.clone()), "twice: {name}");
            trials.push(Trial::test(name, move || case.test()));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}

struct Case {
    name: &'static str,
    path: &'static str,
    headers: &'static str,
    body: Vec<u8>,
    asks_for: String,
}

impl Case {
    fn read(line: &'static str) -> Self {
        let columns: Vec<_> = line.split('\t').collect();
        let [name, path, headers, body, asks_for @ .., source] = &*columns else {
            panic!("too few columns: {line}");
        };
        assert_eq!(asks_for.len(), 6, "{line}");
        assert!(!source.is_empty(), "no source: {line}");
        Self {
            name,
            path,
            headers,
            body: written_out(body),
            asks_for: asks_for.join(" "),
        }
    }

    fn test(&self) -> Result<(), Failed> {
        let found = in_words(&self.detect(self.body.clone()));
        if found != self.asks_for {
            return Err(format!("it is {found}, not {}", self.asks_for).into());
        }
        self.test_cut()
    }

    /// What is not whole is never taken for small.
    fn test_cut(&self) -> Result<(), Failed> {
        if self.body.len() > LONGEST_CUT {
            return Ok(());
        }
        let whole = self.body.trim_ascii_end().len();
        for cut in 0..whole {
            let part = &self.body[..cut];
            let resolution = self.detect(part.to_vec()).resolution;
            // Some rows are broken by what follows a whole object, or a whole form.
            let is_sound = serde_json::from_slice::<serde_json::Value>(part).is_ok()
                || part.trim_ascii_end().ends_with(b"\r\n--b--");
            if !is_sound && !matches!(resolution, Resolution::K4 | Resolution::Unknown) {
                let part = String::from_utf8_lossy(part);
                return Err(format!("cut to {part} it is {resolution}").into());
            }
        }
        Ok(())
    }

    /// Sends the request through the layer; returned is what it says below.
    fn detect(&self, body: Vec<u8>) -> Workload {
        let mut request = Request::post(self.path)
            .body(Full::new(Bytes::from(body)))
            .expect("a sound path");
        for header in headers(self.headers) {
            let (name, value) = header.split_once(": ").expect("`name: value`");
            let name: HeaderName = name.parse().expect("a sound name");
            request
                .headers_mut()
                .append(name, HeaderValue::from_static(value));
        }
        let echo = service_fn(async |request: Request<ReplayBody<Full<Bytes>>>| {
            Ok::<_, BoxError>(request.extensions().get::<Workload>().cloned())
        });
        let call = DetectWorkloadLayer::default().layer(echo).oneshot(request);
        tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
            .block_on(call)
            .expect("nothing fails here")
            .expect("a workload")
    }
}

/// The headers of a row, one by one.
fn headers(column: &'static str) -> impl Iterator<Item = &'static str> {
    let column = match column {
        "json" => "content-type: application/json",
        "form" => "content-type: multipart/form-data; boundary=b",
        "-" => "",
        column => column,
    };
    column.split(" & ").filter(|header| !header.is_empty())
}

/// The body of a row, byte by byte.
fn written_out(body: &str) -> Vec<u8> {
    let body = body
        .replace('␍', "\r")
        .replace('␊', "\n")
        .replace("⟨PNG⟩", "\u{89}PNG\r\n\u{1a}\n\0")
        .replace("⟨20 MB⟩", &"iVBORw0K/".repeat((20 << 20) / 9));
    let mut bytes = Vec::with_capacity(body.len());
    for (at, text) in body.split('\u{fffd}').enumerate() {
        if at > 0 {
            bytes.push(0xFF);
        }
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

/// As the columns of a row have it.
fn in_words(workload: &Workload) -> String {
    format!(
        "{} {} {} {} {} {}",
        workload.resolution,
        workload.model.as_deref().unwrap_or("-"),
        workload.images,
        workload.references,
        workload.quality.map_or("-", |quality| quality.name()),
        if workload.recognised { "yes" } else { "no" },
    )
}
