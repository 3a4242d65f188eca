//! A provider that keeps its callers waiting until it is told to answer, and gives each prompt a picture of its own.

use std::{
    collections::{VecDeque, vec_deque},
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::stream::{self, Iter};
use http::{HeaderValue, Request, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Bytes of a picture that are written at once.
const PIECE: usize = 64 * 1024;

/// The provider, until it is dropped.
pub(crate) struct Holding {
    pub(crate) url: String,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

struct State {
    bytes: usize,
    takes: Duration,
    open: watch::Sender<bool>,
    waiting: AtomicUsize,
    /// The prompts, in the order in which they came.
    asked: Mutex<Vec<String>>,
}

impl Holding {
    /// With pictures of so many bytes, and after it was told to answer so long a wait at most, another for each prompt.
    pub(crate) async fn start(bytes: usize, takes: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            bytes,
            takes,
            open: watch::Sender::new(false),
            waiting: AtomicUsize::new(0),
            asked: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, state.clone()));
        Self {
            url,
            state,
            accepting,
        }
    }

    /// Answers those who wait, and those who come.
    pub(crate) fn answer(&self) {
        self.state.open.send_replace(true);
    }

    /// Keeps waiting whoever comes from now on.
    pub(crate) fn hold(&self) {
        self.state.open.send_replace(false);
    }

    /// How many wait now.
    pub(crate) fn waiting(&self) -> usize {
        self.state.waiting.load(Relaxed)
    }

    /// How often it was asked for this prompt.
    pub(crate) fn asked_for(&self, prompt: &str) -> usize {
        let asked = self.state.asked.lock().unwrap();
        asked.iter().filter(|asked| *asked == prompt).count()
    }

    /// As the how manieth of all it was asked for this prompt first.
    pub(crate) fn place_of(&self, prompt: &str) -> Option<usize> {
        let asked = self.state.asked.lock().unwrap();
        asked.iter().position(|asked| asked == prompt)
    }

    /// How often it was asked for anything.
    pub(crate) fn asked(&self) -> usize {
        self.state.asked.lock().unwrap().len()
    }

    /// The prompts that it was asked for more than once: each was paid twice.
    pub(crate) fn paid_twice(&self) -> Vec<String> {
        let mut asked = self.state.asked.lock().unwrap().clone();
        asked.sort();
        let twice = asked.windows(2).filter(|two| two[0] == two[1]);
        twice.map(|two| two[0].clone()).collect()
    }

    /// The picture of this prompt, as it stands in the answer.
    pub(crate) fn picture(&self, prompt: &str) -> String {
        picture(prompt, self.state.bytes)
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What a caller sends for this prompt.
pub(crate) fn order(prompt: &str) -> String {
    format!(r#"{{"model": "nano-banana-pro", "prompt": "{prompt}", "size": "4096x4096"}}"#)
}

fn picture(prompt: &str, bytes: usize) -> String {
    let mut file = Vec::with_capacity(bytes + 64);
    file.extend_from_slice(b"\x89PNG\r\n\x1a\n");
    for line in 0_u64.. {
        if file.len() >= bytes {
            break;
        }
        file.extend_from_slice(format!("{prompt}, line {line};").as_bytes());
    }
    BASE64_STANDARD.encode(file)
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        if let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(connection(socket, state.clone()));
        }
    }
}

async fn connection(socket: TcpStream, state: Arc<State>) {
    let _ = socket.set_nodelay(true);
    let service = service_fn(move |request| answer(request, state.clone()));
    // How it ends is the gateway's affair.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(socket), service)
        .await;
}

type Pieces = StreamBody<Iter<vec_deque::IntoIter<Piece>>>;
type Piece = Result<Frame<Bytes>, Infallible>;

async fn answer(
    request: Request<Incoming>,
    state: Arc<State>,
) -> Result<Response<Pieces>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    let order: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let prompt = order["prompt"].as_str().unwrap().to_owned();
    state.asked.lock().unwrap().push(prompt.clone());
    let waits = Waits::begin(&state.waiting);
    let mut open = state.open.subscribe();
    // The sender lives as long as the state.
    let _ = open.wait_for(|open| *open).await;
    drop(open);
    let share = prompt.bytes().fold(7_u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(byte))
    }) % 100;
    tokio::time::sleep(state.takes * share / 100).await;
    drop(waits);
    let picture = picture(&prompt, state.bytes);
    let text = Bytes::from(format!(
        r#"{{"created": 1, "data": [{{"b64_json": "{picture}"}}]}}"#
    ));
    let length = text.len();
    let pieces: VecDeque<Piece> = (0..length)
        .step_by(PIECE)
        .map(|at| Ok(Frame::data(text.slice(at..length.min(at + PIECE)))))
        .collect();
    let mut response = Response::new(StreamBody::new(stream::iter(pieces)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length.into());
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Ok(response)
}

/// One of those who wait, until it is dropped.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Relaxed);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
