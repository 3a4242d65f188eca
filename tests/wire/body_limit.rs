//! A peer that takes no long uploads, and says so only by breaking the connection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use longhaul::{Class, diagnosis::Cause, policy::Policy, retry::StoppedBy};
use longhaul_sim::Dialect;
use longhaul_testing::harness::{perform, plain, request_of, stack};
use tokio::{io::AsyncReadExt, net::TcpSocket, task::JoinHandle, time::sleep};
use tower::Layer;

/// What the peer takes of a request. Far more than lies in the buffers of sockets, which count as sent too.
const LIMIT: usize = 18_000_000;

/// Reads so much of every connection's request, and resets it.
struct Limited {
    url: String,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Limited {
    fn start() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        // What it has not read is a small part of what it has.
        socket.set_recv_buffer_size(64 << 10).expect("a size");
        let any = "127.0.0.1:0".parse().expect("an address");
        socket.bind(any).expect("a free port");
        let listener = socket.listen(8).expect("a listener");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let connections = Arc::<AtomicUsize>::default();
        let counted = connections.clone();
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                counted.fetch_add(1, Ordering::Relaxed);
                let mut buffer = vec![0; 1 << 16];
                let mut read = 0;
                while read < LIMIT {
                    match stream.read(&mut buffer).await {
                        Ok(0) | Err(_) => break,
                        Ok(more) => read += more,
                    }
                }
                // The client has filled what there is of buffers; what is unread makes the close a reset.
                sleep(Duration::from_millis(100)).await;
            }
        });
        Self {
            url,
            connections,
            task,
        }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn upload(url: &str, bytes: usize) -> Request<Full<Bytes>> {
    request_of(url, Dialect::OpenAi, &"x".repeat(bytes))
}

#[tokio::test]
async fn an_upload_that_breaks_twice_alike_is_not_sent_a_third_time() {
    let peer = Limited::start();
    let stack = stack(Policy::default());

    let ended = perform(stack.layer(plain()), upload(&peer.url, 30 << 20)).await;

    assert_eq!(ended.classes(), [Class::SentPartial; 2]);
    assert_eq!(peer.connections(), 2);
    assert_eq!(ended.report.stopped_by(), StoppedBy::Class);
    let diagnosis = ended.report.diagnosis().expect("a diagnosis");
    let Cause::BodyLimit(limit) = diagnosis.cause else {
        panic!("{diagnosis:?}");
    };
    assert!(limit >= LIMIT as u64 && limit < 30 << 20, "{limit}");
    let text = ended.error().to_string();
    assert!(text.contains("a body limit of about"), "{text}");
    let advice = ended.error().advice().to_string();
    assert!(advice.contains("smaller"), "{advice}");
}
