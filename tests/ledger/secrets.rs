//! No prompt, key or picture gets into the ledger or out of it: looked for byte by byte.

use std::{convert::Infallible, fs, io, path::Path, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use longhaul::{Class, Stack, billing::PriceRow, policy::Policy};
use longhaul_ledger::{DurableLedger, Location, claims::ClaimBook, export::Format, store::Filter};
use tower::{Layer, Service, ServiceExt, service_fn};

/// What callers send, or get back, and nobody may keep. Plain words, so that no escaping hides them.
const PROMPT: &str = "a heron over the marshes of Zwiesel";
const REVISED: &str = "an elegant heron gliding over reeds";
const BEARER_KEY: &str = "sk-bearer-5Qx9mHeronKey";
const GOOGLE_KEY: &str = "AIza-header-7TzMarshKey";
const QUERY_KEY: &str = "AIza-query-2LwReedKey";
const SENT_PICTURE: &[u8] = b"\x89PNG a photograph of one heron, sent along";
const MADE_PICTURE: &[u8] = b"\x89PNG a painting of all herons, as it was made";

/// What a provider's support asks for.
const MODEL: &str = "gemini-3-pro-image-preview";
const REQUEST_ID: &str = "req-seen-by-support-4711";

/// Everything that is looked for, as it might have been written.
fn secrets() -> Vec<Vec<u8>> {
    let texts = [PROMPT, REVISED, BEARER_KEY, GOOGLE_KEY, QUERY_KEY];
    let mut secrets: Vec<_> = texts.map(|text| text.as_bytes().to_vec()).into();
    for picture in [SENT_PICTURE, MADE_PICTURE] {
        secrets.push(picture.to_vec());
        secrets.push(STANDARD.encode(picture).into_bytes());
    }
    secrets
}

/// Ways in which a paid answer brings nothing, each with as much of what must not be kept as it can hold.
#[derive(Clone, Copy, Debug)]
enum Answer {
    NoImage,
    Cut,
    Refused,
    Delivered,
}

const ANSWERS: [Answer; 4] = [
    Answer::NoImage,
    Answer::Cut,
    Answer::Refused,
    Answer::Delivered,
];

type Body = UnsyncBoxBody<Bytes, io::Error>;

impl Answer {
    fn respond(self) -> Response<Body> {
        let picture = STANDARD.encode(MADE_PICTURE);
        let parts = |parts: &str, reason: &str| {
            format!(
                r#"{{"candidates":[{{"content":{{"parts":[{parts}]}},"finishReason":"{reason}"}}],"modelVersion":"{MODEL}","usageMetadata":{{"candidatesTokenCount":9}}}}"#
            )
        };
        let image = format!(r#"{{"inlineData":{{"mimeType":"image/png","data":"{picture}"}}}}"#);
        let text = format!(r#"{{"text":"{REVISED}, from {PROMPT}"}}"#);
        let (status, body) = match self {
            Self::NoImage => (200, whole(parts(&text, "STOP"))),
            Self::Delivered => (200, whole(parts(&format!("{text},{image}"), "STOP"))),
            Self::Cut => {
                let answer = parts(&format!("{text},{image}"), "STOP");
                let half = answer[..answer.len() - 60].to_owned();
                (200, cut(half))
            }
            Self::Refused => (
                400,
                whole(format!(
                    r#"{{"error":{{"code":400,"status":"INVALID_ARGUMENT","message":"{PROMPT}: not with key {BEARER_KEY}, {GOOGLE_KEY} or {QUERY_KEY}"}}}}"#
                )),
            ),
        };
        Response::builder()
            .status(status)
            .header("content-type", "application/json")
            .header("x-request-id", REQUEST_ID)
            .body(body)
            .expect("a valid answer")
    }
}

fn whole(body: String) -> Body {
    let whole = Full::from(body).map_err(|never: Infallible| match never {});
    whole.boxed_unsync()
}

fn cut(body: String) -> Body {
    let reset = io::Error::from(io::ErrorKind::ConnectionReset);
    let frames = [Ok(Frame::data(Bytes::from(body))), Err(reset)];
    StreamBody::new(stream::iter(frames)).boxed_unsync()
}

/// A call that carries the prompt, a picture, and a key in each place where providers want one.
fn request() -> Request<Full<Bytes>> {
    let picture = STANDARD.encode(SENT_PICTURE);
    let body = format!(
        r#"{{"contents":[{{"parts":[{{"text":"{PROMPT}"}},{{"inlineData":{{"mimeType":"image/png","data":"{picture}"}}}}]}}],"generationConfig":{{"responseModalities":["IMAGE"],"imageConfig":{{"imageSize":"2K"}}}}}}"#
    );
    let url =
        format!("https://relay.example/v1beta/models/{MODEL}:generateContent?key={QUERY_KEY}");
    Request::post(url)
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {BEARER_KEY}"))
        .header("x-goog-api-key", GOOGLE_KEY)
        .body(Full::from(body))
        .expect("a valid request")
}

/// Makes one call for each answer, through the whole stack.
async fn make_calls(ledger: &DurableLedger) {
    let mut policy = Policy::nano_banana_pro();
    policy.billing.prices = vec![PriceRow::new(
        "*",
        "*",
        longhaul::Money::usd_micros(134_000),
    )];
    policy.retry.paid_attempts = 1;
    policy.retry.unsent_attempts = 1;
    policy.retry.free_until = Some(Duration::ZERO);
    let stack = Stack::new(policy)
        .expect("it can work")
        .with_ledger(ledger.clone());
    for answer in ANSWERS {
        let provider = service_fn(move |sent: Request<_>| async move {
            let sent: Bytes = read(sent.into_body()).await;
            assert!(
                found(&sent, PROMPT.as_bytes()),
                "the provider gets the prompt"
            );
            Ok::<_, io::Error>(answer.respond())
        });
        let mut client = stack.layer(provider);
        let answer = client.ready().await.expect("it is ready").call(request());
        if let Ok(answer) = answer.await {
            // The broken one ends in an error, as it should.
            drop(answer.into_body().collect().await);
        }
    }
}

async fn read<B>(body: B) -> Bytes
where
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug>,
{
    body.collect().await.expect("a whole body").to_bytes()
}

fn found(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Every file in `folder`, with its bytes.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("a folder");
    let files = entries.map(|entry| entry.expect("an entry").path());
    files
        .filter(|path| path.is_file())
        .map(|path| {
            let bytes = fs::read(&path).expect("a file that can be read");
            (path.display().to_string(), bytes)
        })
        .collect()
}

fn assert_no_secret_in(files: &[(String, Vec<u8>)]) {
    for (name, bytes) in files {
        for secret in secrets() {
            let shown = String::from_utf8_lossy(&secret).into_owned();
            assert!(!found(bytes, &secret), "{name} holds {shown:?}");
        }
    }
}

#[test]
fn a_secret_that_is_there_would_be_found() {
    let answers = [Answer::NoImage, Answer::Cut, Answer::Refused];
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().expect("a runtime");
    let mut all = runtime.block_on(read(request().into_body())).to_vec();
    let (head, _) = request().into_parts();
    all.extend(format!("{head:?}").into_bytes());
    for answer in answers {
        let mut body = answer.respond().into_body();
        while let Some(Ok(frame)) = runtime.block_on(body.frame()) {
            all.extend(frame.into_data().expect("data"));
        }
    }
    for secret in secrets() {
        // Pictures travel as text.
        let raw = secret == SENT_PICTURE || secret == MADE_PICTURE;
        let shown = String::from_utf8_lossy(&secret);
        assert_eq!(found(&all, &secret), !raw, "{shown:?}");
    }
}

#[tokio::test]
async fn no_ledger_or_export_holds_a_prompt_a_key_or_a_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    let exports = tempfile::tempdir().expect("a folder");
    let location = Location::Sqlite(folder.path().join("ledger.db"));
    let ledger = DurableLedger::builder(location)
        .open()
        .await
        .expect("a new file");
    make_calls(&ledger).await;
    ledger.flush().await.expect("there is room");

    let store = ledger.store();
    let stored = store.records(&Filter::default()).await.expect("a ledger");
    let classes: Vec<_> = stored
        .iter()
        .map(|stored| {
            stored
                .record
                .closing
                .as_ref()
                .expect("closed")
                .outcome
                .class
        })
        .collect();
    assert_eq!(classes[..2], [Class::NoImage, Class::Undelivered]);
    assert_eq!(classes[3], Class::Delivered);

    let found_claims = store
        .claims(&ClaimBook::default(), &Filter::default())
        .await
        .expect("rules that can be judged by");
    let claims: Vec<_> = found_claims.claims.iter().collect();
    assert_eq!(claims.len(), 2, "{claims:?}");
    let now = stored[0].record.opening.opened_at;
    for (format, again) in [(Format::Csv, false), (Format::JsonLines, true)] {
        store
            .export(&claims, exports.path(), format, now, again)
            .await
            .expect("files that can be written");
    }

    // While it is open the newest rows stand in the log beside the file.
    let mut kept = files(folder.path());
    ledger.close().await.expect("it is written");
    kept.extend(files(folder.path()));
    let exported = files(exports.path());
    let listed = serde_json::to_vec(&stored).expect("JSON");
    kept.push(("the list of entries".to_owned(), listed));

    assert_no_secret_in(&kept);
    assert_no_secret_in(&exported);

    // What has to be there is found by the same means.
    assert_eq!(exported.len(), 2, "one file of each format");
    for (name, bytes) in &exported {
        for wanted in [MODEL, REQUEST_ID] {
            assert!(found(bytes, wanted.as_bytes()), "{name} lacks {wanted}");
        }
    }
    for wanted in [MODEL, REQUEST_ID] {
        let holds = kept
            .iter()
            .filter(|(_, bytes)| found(bytes, wanted.as_bytes()));
        assert!(holds.count() >= 2, "the ledger lacks {wanted}");
    }
}
