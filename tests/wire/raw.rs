//! Listeners of our own: what was really on the wire, and servers that no HTTP library would make.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream, ToSocketAddrs},
    task::JoinHandle,
};

/// A listener and the http address of it, without a slash at the end.
pub(crate) async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    (listener, format!("http://{address}"))
}

/// Answers every connection's first request with the same bytes, and keeps what it read.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) url: String,
    read: Arc<Mutex<Vec<Vec<u8>>>>,
    task: JoinHandle<()>,
}

impl Recorder {
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        let (listener, url) = listen().await;
        let read = Arc::<Mutex<Vec<_>>>::default();
        let kept = read.clone();
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let request = read_request(&mut stream).await;
                kept.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(request);
                // The client may have seen enough.
                let _ = stream.write_all(&answer).await;
            }
        });
        Self { url, read, task }
    }

    /// What each connection brought.
    pub(crate) fn requests(&self) -> Vec<Vec<u8>> {
        self.read
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads one request by its content-length, or all there is.
pub(crate) async fn read_request(stream: &mut TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    loop {
        if let Some((head, body)) = split(&read) {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
                .unwrap_or(0);
            if body.len() >= length {
                return read;
            }
        }
        match stream.read_buf(&mut read).await {
            Ok(0) | Err(_) => return read,
            Ok(_) => {}
        }
    }
}

/// Head in lower case, and body.
pub(crate) fn split(request: &[u8]) -> Option<(String, &[u8])> {
    let end = request.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
    Some((head, &request[end + 4..]))
}

/// Hands the first `limit` bytes of each connection on to `server`, and then reads no more. It ends all
/// connections when it is dropped.
#[derive(Debug)]
pub(crate) struct Clog {
    pub(crate) url: String,
    task: JoinHandle<()>,
}

impl Clog {
    pub(crate) async fn before(server: impl ToSocketAddrs + Send + 'static, limit: u64) -> Self {
        let (listener, url) = listen().await;
        let task = tokio::spawn(async move {
            let (mut client, _) = listener.accept().await.expect("a connection");
            let mut server = TcpStream::connect(server).await.expect("a server");
            let (from, _to) = client.split();
            copy(&mut from.take(limit), &mut server)
                .await
                .expect("a server that reads");
            std::future::pending::<()>().await;
        });
        Self { url, task }
    }
}

impl Drop for Clog {
    fn drop(&mut self) {
        self.task.abort();
    }
}
