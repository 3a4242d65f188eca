//! Slow, endless and malformed callers.

use std::time::Duration;

use longhaul_gateway::config::Config;
use longhaul_sim::Provider;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{
    holding::{Holding, order},
    support::{PICTURE, Running, patient_policy, provider, until},
};

/// What must come within moments comes within this on any machine.
const SOON: Duration = Duration::from_secs(20);

async fn line(gateway: &Running) -> TcpStream {
    let address = gateway.url.trim_start_matches("http://");
    TcpStream::connect(address).await.unwrap()
}

/// What the gateway says until it closes.
async fn rest(mut line: TcpStream) -> String {
    let mut answer = Vec::new();
    let closed = timeout(SOON, line.read_to_end(&mut answer)).await;
    // A reset is an end too.
    assert!(closed.is_ok(), "the gateway closes the line");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Says `piece` again and again, and is refused so.
async fn refused_at_length(mut line: TcpStream, piece: &str, with: &str) {
    for _ in 0..100 {
        if line.write_all(piece.as_bytes()).await.is_err() {
            break;
        }
    }
    let answer = rest(line).await;
    // Whoever still writes may not read it any more.
    assert!(answer.is_empty() || answer.starts_with(with), "{answer}");
}

fn head(length: usize) -> String {
    format!(
        "POST /v1/images/generations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n"
    )
}

async fn start(provider: Provider, change: impl FnOnce(&mut Config)) -> Running {
    Running::with(provider, |config| {
        config.limits.head_time = Duration::from_secs(1);
        config.limits.body_silence = Duration::from_secs(1);
        change(config);
    })
    .await
}

#[tokio::test]
async fn who_writes_slowly_gets_its_picture_and_who_stops_is_refused() {
    let gateway = start(provider("none*9"), |_| {}).await;
    let mut slow = line(&gateway).await;
    for piece in head(PICTURE.len()).as_bytes().chunks(40) {
        slow.write_all(piece).await.unwrap();
        sleep(Duration::from_millis(20)).await;
    }
    for piece in PICTURE.as_bytes().chunks(10) {
        slow.write_all(piece).await.unwrap();
        sleep(Duration::from_millis(50)).await;
    }
    let answer = rest(slow).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("b64_json"));
    assert_eq!(gateway.paid(), 1);

    let mut stops = line(&gateway).await;
    stops
        .write_all(head(PICTURE.len()).as_bytes())
        .await
        .unwrap();
    stops.write_all(&PICTURE.as_bytes()[..20]).await.unwrap();
    let answer = rest(stops).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("request_body_slow"), "{answer}");

    // Without a head nobody is answered, nor kept; some could still be the beginning of HTTP/2.
    for half in ["", "P", "PRI * HT", "POST /v1/images/gen"] {
        let mut stops = line(&gateway).await;
        stops.write_all(half.as_bytes()).await.unwrap();
        let answer = rest(stops).await;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{half}: {answer}");
    }
    assert_eq!(gateway.provider.oracle().entries().len(), 1);
}

#[tokio::test]
async fn an_endless_head_or_body_is_refused() {
    let gateway = start(provider("none*9"), |config| {
        config.limits.body_bytes = 100_000;
    })
    .await;
    let mut endless = line(&gateway).await;
    endless
        .write_all(b"GET /v1/models HTTP/1.1\r\nhost: x\r\n")
        .await
        .unwrap();
    let field = format!("x-filler: {}\r\n", "y".repeat(8000));
    refused_at_length(endless, &field, "HTTP/1.1 431").await;

    let mut endless = line(&gateway).await;
    let chunked = head(0).replace("content-length: 0", "transfer-encoding: chunked");
    endless.write_all(chunked.as_bytes()).await.unwrap();
    let chunk = format!("1000\r\n{}\r\n", "z".repeat(0x1000));
    refused_at_length(endless, &chunk, "HTTP/1.1 413").await;
    assert_eq!(gateway.provider.oracle().entries().len(), 0);
}

#[tokio::test]
async fn no_second_request_hides_in_the_body_of_the_first() {
    let gateway = start(provider("none*99"), |_| {}).await;
    let hidden = "GET /v1/hidden HTTP/1.1\r\nhost: x\r\n\r\n";
    let post = "POST /v1/files HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    for request in [
        // Two lengths of one body.
        format!(
            "{post}content-length: {}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
            5 + hidden.len()
        ),
        format!("{post}transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{post}content-length: 0, {}\r\n\r\n{hidden}", hidden.len()),
        format!("{post}content-length: +0\r\n\r\n{hidden}"),
        // An encoding that somebody on the way may read otherwise.
        format!("{post}transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{post}transfer-encoding: identity, chunked, identity\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{post}transfer-encoding : chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{post}x: y\r\n transfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        // Chunks whose lengths are none.
        format!("{post}transfer-encoding: chunked\r\n\r\n0x0\r\n\r\n{hidden}"),
        format!("{post}transfer-encoding: chunked\r\n\r\n-1\r\n\r\n{hidden}"),
        format!("{post}transfer-encoding: chunked\r\n\r\nfffffffffffffffff1\r\n\r\n{hidden}"),
        // Lines that are none.
        format!("{post}content-length: 0\r\nx: a\rGET /v1/hidden HTTP/1.1\r\n\r\n"),
        format!("{post}content-length: 0\r\nx: a\0b\r\n\r\n"),
    ] {
        let mut sender = line(&gateway).await;
        sender.write_all(request.as_bytes()).await.unwrap();
        rest(sender).await;
    }
    for entry in gateway.provider.oracle().entries() {
        assert_eq!(entry.path, "/v1/files");
        let headers = format!("{:?}", entry.headers);
        let both = headers.contains("content-length") && headers.contains("transfer-encoding");
        assert!(!both, "{headers}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_slowly_takes_no_place_and_gets_every_byte() {
    // More than sockets hold on their way.
    let slow = Holding::start(24 << 20, Duration::ZERO).await;
    slow.answer();
    let gateway = start(provider(""), |config| {
        config.upstreams[0].url.clone_from(&slow.url);
        config.upstreams[0].policy = patient_policy();
    })
    .await;
    let body = order("a cat");
    let mut reader = line(&gateway).await;
    reader
        .write_all((head(body.len()) + &body).as_bytes())
        .await
        .unwrap();
    let mut answer = vec![0; 1000];
    reader.read_exact(&mut answer).await.unwrap();
    let busy = gateway.gateway.clone();
    until("the provider is done with it", || busy.in_flight() == 0).await;
    let mut piece = vec![0; 512 * 1024];
    loop {
        let read = timeout(SOON, reader.read(&mut piece))
            .await
            .unwrap()
            .unwrap();
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&piece[..read]);
        sleep(Duration::from_millis(5)).await;
    }
    // Without the sizes of chunks, where there are some.
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let body = match head.contains("transfer-encoding: chunked") {
        true => without_sizes(body),
        false => body.to_owned(),
    };
    let json: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert!(json["data"][0]["b64_json"] == slow.picture("a cat"));
    assert_eq!(slow.asked(), 1);
}

fn without_sizes(mut chunks: &str) -> String {
    let mut body = String::new();
    while let Some((size, rest)) = chunks.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        body.push_str(&rest[..size]);
        chunks = &rest[size + 2..];
        if size == 0 {
            break;
        }
    }
    body
}
