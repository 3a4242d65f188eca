//! Answers that are no HTTP, or none that is read.

use http::StatusCode;
use http_body_util::BodyExt;
use longhaul::{Class, Error, ErrorKind, Phase, attempt::Sent, diagnosis::Cause};
use longhaul_hyper::Client;
use tokio::io::AsyncWriteExt;

use crate::{
    Http, call, plain, post,
    server::{accept, listen, read_request},
};

/// What `client` makes of a server that answers with these bytes.
async fn answered(client: &Http, answer: Vec<u8>) -> Result<StatusCode, Error> {
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        let mut stream = accept(&listener).await;
        read_request(&mut stream).await.expect("a request");
        // The client may have seen enough.
        let _ = stream.write_all(&answer).await;
        // It is the client that ends it.
        let _ = read_request(&mut stream).await;
    });
    let (request, attempt) = post(&address, 10);
    let response = call(client, request).await?;
    let status = response.status();
    response.collect().await?;
    assert_eq!(attempt.sent(), Sent::PossiblyWhole);
    server.abort();
    Ok(status)
}

fn headers(count: usize, length: usize) -> Vec<u8> {
    let mut head = String::from("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n");
    for number in 1..count {
        head += &format!("x-{number}: {}\r\n", "v".repeat(length));
    }
    (head + "\r\n").into()
}

fn assert_malformed(error: &Error, class: Class, phase: Phase) {
    let ErrorKind::MalformedResponse { reason } = error.kind() else {
        panic!("{error:?}")
    };
    assert!(!reason.is_empty());
    let text = error.to_string();
    assert!(
        text.contains("no HTTP that is read") && text.contains(&**reason),
        "{text}"
    );
    assert_eq!(error.class(), class, "{text}");
    assert_eq!(error.phase(), Some(phase), "{text}");
    assert_eq!(error.diagnosis().cause, Cause::MalformedResponse);
}

#[tokio::test]
async fn an_answer_that_is_no_http_says_so() {
    let rows: [&[u8]; 9] = [
        b"<html>HTTP/0.9 has no head</html>\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/3.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551616\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    ];
    for answer in rows {
        let error = answered(&plain(), answer.to_vec()).await;
        let error = error.expect_err(&String::from_utf8_lossy(answer));
        assert_malformed(&error, Class::UnknownOutcome, Phase::Head);
    }
}

#[tokio::test]
async fn a_body_in_chunks_that_are_none_says_so() {
    for chunks in [
        "zz\r\nhi\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\n",
        "2\r\nhiXX",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}");
        let error = answered(&plain(), answer.into()).await.expect_err(chunks);
        assert_malformed(&error, Class::Undelivered, Phase::Body);
    }
}

#[tokio::test]
async fn too_large_a_head_says_so_and_the_limits_can_be_set() {
    let client = |change: fn(longhaul_hyper::Builder) -> longhaul_hyper::Builder| -> Http {
        let client = change(Client::builder().plain_http_only());
        client.build().expect("valid settings")
    };
    let many = headers(150, 1);
    let long = headers(90, 1000);
    for answer in [&many, &long] {
        let error = answered(&plain(), answer.clone()).await.expect_err("large");
        assert_malformed(&error, Class::UnknownOutcome, Phase::Head);
        assert!(error.to_string().contains("limits on heads"), "{error}");
    }
    let more = client(|builder| builder.max_headers(200));
    assert_eq!(answered(&more, many).await.expect("read"), 200);
    let longer = client(|builder| builder.max_head(1 << 20));
    assert_eq!(answered(&longer, long).await.expect("read"), 200);
    let fewer = client(|builder| builder.max_headers(10));
    answered(&fewer, headers(20, 1)).await.expect_err("many");
}

#[tokio::test]
async fn a_head_without_end_is_given_up_at_the_limit() {
    let error = answered(&plain(), headers(90, 100_000)).await;
    assert_malformed(
        &error.expect_err("long"),
        Class::UnknownOutcome,
        Phase::Head,
    );
}
