//! Answers that come early, twice, or with the end of the connection: over plain http and over TLS.

use std::time::Duration;

use http::{HeaderValue, Request, StatusCode, header::CONNECTION};
use http_body_util::BodyExt;
use longhaul::{Class, Phase, attempt::Sent};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::sleep,
};

use crate::{
    call, post,
    proof::{ANSWER, LARGE, agrees},
    server::{Pair, both, read_part, read_request, say},
};

const REFUSED: &[u8] =
    b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nno!";

#[tokio::test]
async fn an_early_answer_is_delivered() {
    both(async |pair| {
        let (client, address, accept) = pair.split();
        let (request, attempt) = post(&address, LARGE);
        let server = async {
            let mut stream = accept().await;
            read_part(&mut stream, LARGE / 4).await;
            say(&mut stream, REFUSED).await;
            // As a careful server does: it closes only after the client.
            let mut rest = 0;
            while let Ok(read @ 1..) = stream.read(&mut [0; 65536]).await {
                rest += read;
            }
            assert!(rest < LARGE, "the client stops sending");
        };
        let client = async {
            let response = call(&client, request).await.expect("an answer");
            assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
            let body = response.collect().await.expect("a body").to_bytes();
            assert_eq!(&body[..], b"no!");
        };
        tokio::join!(server, client);
        assert_eq!(attempt.status(), Some(StatusCode::PAYLOAD_TOO_LARGE));
        assert_eq!(attempt.phase(), Phase::Body);
    })
    .await;
}

#[tokio::test]
async fn an_early_answer_and_a_reset_is_no_free_call() {
    both(async |pair| {
        let (client, address, accept) = pair.split();
        let (request, attempt) = post(&address, LARGE);
        let server = async {
            let mut stream = accept().await;
            read_part(&mut stream, LARGE / 4).await;
            // What is unread makes a reset of the close, which may overtake the answer.
            let _ = stream.write_all(REFUSED).await;
        };
        let client = async {
            match call(&client, request).await {
                Ok(response) => assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE),
                Err(error) => {
                    assert_eq!(attempt.sent(), Sent::Part);
                    agrees(&error, &attempt);
                }
            }
        };
        tokio::join!(server, client);
    })
    .await;
}

#[tokio::test]
async fn the_rest_of_a_request_is_written_while_the_answer_is_read() {
    both(async |pair| {
        let (client, address, accept) = pair.split();
        let (request, attempt) = post(&address, LARGE);
        let server = async {
            let mut stream = accept().await;
            let mut part = vec![0; LARGE / 4];
            stream.read_exact(&mut part).await.expect("that many");
            let head = part.windows(4).position(|four| four == b"\r\n\r\n");
            let left = head.expect("a head") + 4 + LARGE - part.len();
            let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n";
            say(&mut stream, answer).await;
            read_part(&mut stream, left).await;
            say(&mut stream, b"0\r\n\r\n").await;
        };
        let client = async {
            let response = call(&client, request).await.expect("a head");
            assert_ne!(attempt.sent(), Sent::Nothing);
            let body = response.collect().await.expect("a body").to_bytes();
            assert_eq!(&body[..], b"hi");
        };
        tokio::join!(server, client);
        assert_eq!(attempt.sent(), Sent::PossiblyWhole);
    })
    .await;
}

#[tokio::test]
async fn interim_answers_are_not_the_answer() {
    both(async |pair| {
        let (client, address, accept) = pair.split();
        let server = async {
            let mut stream = accept().await;
            for _ in 0..2 {
                read_request(&mut stream).await.expect("a request");
                for interim in ["100 Continue", "102 Processing", "103 Early Hints"] {
                    let head = format!("HTTP/1.1 {interim}\r\nlink: <a>\r\n\r\n");
                    say(&mut stream, head.as_bytes()).await;
                    sleep(Duration::from_millis(20)).await;
                }
                say(&mut stream, ANSWER).await;
            }
        };
        let client = async {
            for _ in 0..2 {
                let (request, attempt) = post(&address, 10);
                let response = call(&client, request).await.expect("an answer");
                assert_eq!(response.status(), StatusCode::OK);
                assert_eq!(attempt.status(), Some(StatusCode::OK));
                response.collect().await.expect("a body");
            }
        };
        tokio::join!(server, client);
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_is_whole() {
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\n\r\nhi",
        "HTTP/1.0 200 OK\r\n\r\nhi",
    ] {
        both(async |pair| {
            let (client, address, accept) = pair.split();
            let server = async {
                for _ in 0..2 {
                    let mut stream = accept().await;
                    read_request(&mut stream).await.expect("a request");
                    stream.write_all(head.as_bytes()).await.expect("a reader");
                    stream.shutdown().await.expect("a reader");
                }
            };
            let client = async {
                for _ in 0..2 {
                    let response = call(&client, post(&address, 10).0).await.expect("a head");
                    let body = response.collect().await.expect("a body").to_bytes();
                    assert_eq!(&body[..], b"hi");
                }
            };
            tokio::join!(server, client);
        })
        .await;
    }
}

/// Without it somebody on the way may have cut the answer short.
#[tokio::test]
async fn an_answer_over_tls_ends_with_a_word_of_the_server() {
    let (client, address, accept) = Pair::new(true).await.split();
    let server = async {
        let mut stream = accept().await;
        read_request(&mut stream).await.expect("a request");
        say(&mut stream, b"HTTP/1.1 200 OK\r\n\r\nhi").await;
    };
    let client = async {
        let (request, _) = post(&address, 10);
        let response = call(&client, request).await.expect("a head");
        let error = response.collect().await.expect_err("cut");
        assert_eq!(error.class(), Class::Undelivered);
    };
    tokio::join!(server, client);
}

/// What is left of its request would be read as the next one.
#[tokio::test]
async fn after_an_early_answer_a_connection_carries_nothing_more() {
    both(async |pair| {
        let (client, address, accept) = pair.split();
        let server = async {
            let mut stream = accept().await;
            read_part(&mut stream, LARGE / 4).await;
            say(&mut stream, ANSWER).await;
            let mut second = accept().await;
            read_request(&mut second).await.expect("a request");
            say(&mut second, ANSWER).await;
        };
        let client = async {
            for size in [LARGE, 10] {
                let (request, _) = post(&address, size);
                let response = call(&client, request).await.expect("an answer");
                response.collect().await.expect("a body");
            }
        };
        tokio::join!(server, client);
    })
    .await;
}

#[tokio::test]
async fn a_caller_may_ask_for_the_connections_end() {
    both(async |pair| {
        let (client, address, accept) = pair.split();
        let server = async {
            for _ in 0..2 {
                let mut stream = accept().await;
                let request = read_request(&mut stream).await.expect("a request");
                let head = String::from_utf8_lossy(&request).to_lowercase();
                assert!(head.contains("connection: close"), "{head}");
                say(&mut stream, ANSWER).await;
            }
        };
        let client = async {
            for _ in 0..2 {
                let (mut request, attempt) = post(&address, 10);
                let close = HeaderValue::from_static("close");
                request.headers_mut().insert(CONNECTION, close);
                let response = call(&client, request).await.expect("an answer");
                let body = response.collect().await.expect("a body").to_bytes();
                assert_eq!(&body[..], b"hi");
                assert_eq!(attempt.sent(), Sent::PossiblyWhole);
            }
        };
        tokio::join!(server, client);
    })
    .await;
}

#[tokio::test]
async fn an_answer_without_a_body_by_its_method_is_whole() {
    both(async |pair| {
        let (client, address, accept) = pair.split();
        let server = async {
            let mut stream = accept().await;
            for _ in 0..2 {
                read_request(&mut stream).await.expect("a request");
                let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
                say(&mut stream, head).await;
            }
        };
        let client = async {
            for _ in 0..2 {
                let request = Request::head(&address).body("".into());
                let response = call(&client, request.expect("valid")).await;
                let body = response.expect("a head").collect().await;
                assert!(body.expect("no body").to_bytes().is_empty());
            }
        };
        tokio::join!(server, client);
    })
    .await;
}

/// The server closes after each answer without having said so, while the client writes its next request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_closing_at_once_never_contradicts_the_proof() {
    for encrypted in [false, true] {
        let (client, address, accept) = Pair::new(encrypted).await.split();
        let server = async {
            loop {
                let mut stream = accept().await;
                if read_request(&mut stream).await.is_some() {
                    let _ = stream.write_all(ANSWER).await;
                    let _ = stream.shutdown().await;
                }
            }
        };
        let client = async {
            let mut answered = 0;
            for call_number in 0..200 {
                let (request, attempt) = post(&address, 10);
                match call(&client, request).await {
                    Ok(response) => {
                        response.collect().await.expect("a body");
                        answered += 1;
                    }
                    Err(error) => agrees(&error, &attempt),
                }
                for _ in 0..call_number * 50 {
                    std::hint::spin_loop();
                }
            }
            assert!(answered > 50, "{answered}");
        };
        tokio::select! {
            () = server => unreachable!("it never ends"),
            () = client => {}
        }
    }
}

#[tokio::test]
async fn a_call_dropped_while_its_server_closes_is_what_was_written() {
    both(async |pair| {
        let (client, address, accept) = pair.split();
        let server = async {
            loop {
                let mut stream = accept().await;
                let _ = read_request(&mut stream).await;
            }
        };
        let client = async {
            for _ in 0..50 {
                let (request, attempt) = post(&address, 10);
                let raced = tokio::select! {
                    answer = call(&client, request) => Some(answer),
                    () = sleep(Duration::from_millis(1)) => None,
                };
                match raced {
                    Some(answer) => agrees(&answer.expect_err("no answer"), &attempt),
                    None => assert_ne!(attempt.sent(), Sent::Part, "so little is written at once"),
                }
            }
        };
        tokio::select! {
            () = server => unreachable!("it never ends"),
            () = client => {}
        }
    })
    .await;
}
