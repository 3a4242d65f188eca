use super::*;
use crate::Received;

#[tokio::test]
async fn reset_is_econnreset_and_nothing_before_it() {
    let (provider, server) = serve("reset").await;
    let (read, end) = raw(&server).await;
    assert_eq!(read, "");
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    let entry = only_entry(&provider).await;
    assert_eq!(
        (entry.received, entry.charged_micros),
        (Received::Whole, 240_000)
    );
    assert!(!entry.client_left, "the provider broke off");
}

#[tokio::test]
async fn cut_is_a_clean_end_without_a_byte() {
    let (provider, server) = serve("cut@60").await;
    let (read, end) = raw(&server).await;
    assert_eq!(read, "");
    end.unwrap();
    assert_eq!(only_entry(&provider).await.charged_micros, 240_000);
    let mut client = http1(connect(&server).await).await;
    let mut cut = request();
    cut.headers_mut()
        .insert("x-sim-fault", "cut@60".try_into().unwrap());
    let error = client.send_request(cut).await.unwrap_err();
    assert!(error.is_incomplete_message(), "{error}");
}

#[tokio::test]
async fn truncated_ends_half_way_through_the_length_that_was_told() {
    let (provider, server) = serve("truncated").await;
    let (read, end) = raw(&server).await;
    end.unwrap();
    let (head, body) = read.split_once("\r\n\r\n").unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    assert_eq!(body.len(), length.parse::<usize>().unwrap() / 2);
    let entry = only_entry(&provider).await;
    assert_eq!((entry.charged_micros, entry.delivered), (240_000, false));
}

#[tokio::test]
async fn a_real_4k_answer_is_truncated_exactly_half_way() {
    let provider = Provider::builder()
        .speed(1000.0)
        .script("truncated".parse().unwrap())
        .build()
        .unwrap();
    let server = Server::start(provider).await.unwrap();
    let mut client = http1(connect(&server).await).await;
    let mut response = client.send_request(request()).await.unwrap();
    let length: usize = response.headers()["content-length"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    let mut read = 0;
    let error = loop {
        match response.frame().await.unwrap() {
            Ok(frame) => read += frame.into_data().unwrap().len(),
            Err(error) => break error,
        }
    };
    assert_eq!(read, length / 2);
    assert_eq!(
        cause::<io::Error>(&error).unwrap().kind(),
        io::ErrorKind::UnexpectedEof
    );
}

#[tokio::test]
async fn truncated_close_ends_by_closing_and_looks_complete() {
    let (provider, server) = serve("truncated-close").await;
    let (read, end) = raw(&server).await;
    end.unwrap();
    let (head, body) = read.split_once("\r\n\r\n").unwrap();
    assert!(
        !head.contains("content-length") && !head.contains("transfer-encoding"),
        "{head}"
    );
    assert!(body.starts_with('{') && !body.ends_with('}'));
    assert!(!only_entry(&provider).await.delivered);
}

#[tokio::test]
async fn refused_is_econnrefused_until_the_port_opens_again() {
    // Half a second, twice over.
    let (provider, server) = serve("overloaded,refused@500*2,none").await;
    let addr = server.addr();
    let mut client = http1(connect(&server).await).await;
    let refused = client.send_request(request()).await.unwrap();
    assert_eq!(refused.status(), 503);
    for _ in 0..3 {
        let error = TcpStream::connect(addr).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
    let stream = loop {
        match TcpStream::connect(addr).await {
            Ok(stream) => break stream,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let response = http1(stream).await.send_request(request()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(provider.oracle().totals().refused, 2);
    assert_eq!(provider.oracle().entries().len(), 2);
}

#[tokio::test]
async fn a_script_that_begins_refused_begins_with_a_closed_port() {
    let (provider, server) = serve("refused@600000").await;
    let error = TcpStream::connect(server.addr()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(provider.oracle().totals().refused, 1);
}

#[tokio::test]
async fn a_refusal_that_comes_too_late_resets_the_connection_unread() {
    let (provider, server) = serve("").await;
    let mut client = http1(connect(&server).await).await;
    let mut late = request();
    late.headers_mut()
        .insert("x-sim-fault", "refused".try_into().unwrap());
    let error = client.send_request(late).await.unwrap_err();
    assert_eq!(
        cause::<io::Error>(&error).unwrap().kind(),
        io::ErrorKind::ConnectionReset
    );
    let totals = provider.oracle().totals();
    assert_eq!((totals.requests, totals.refused), (0, 1));
}

#[tokio::test]
async fn rst_stream_ends_the_stream_and_not_the_connection() {
    let (provider, server) = serve("rst-stream,refused-stream,none").await;
    let mut client = http2(connect(&server).await).await;
    for reason in [h2::Reason::INTERNAL_ERROR, h2::Reason::REFUSED_STREAM] {
        let error = client.send_request(request2()).await.unwrap_err();
        assert_eq!(
            cause::<h2::Error>(&error).and_then(h2::Error::reason),
            Some(reason)
        );
    }
    assert_eq!(client.send_request(request2()).await.unwrap().status(), 200);
    provider.oracle().settled().await;
    let charged: Vec<_> = provider
        .oracle()
        .entries()
        .iter()
        .map(|entry| entry.charged_micros > 0)
        .collect();
    assert_eq!(charged, [true, false, true]);
    assert_eq!(server.connections().len(), 1);
}

#[tokio::test]
async fn goaway_says_whether_the_request_was_processed() {
    for (script, charged) in [("goaway", true), ("goaway-unprocessed", false)] {
        let (provider, server) = serve(script).await;
        let mut client = http2(connect(&server).await).await;
        let error = client.send_request(request2()).await.unwrap_err();
        let told = cause::<h2::Error>(&error).is_some_and(h2::Error::is_go_away);
        // h2 tells of a GOAWAY only the streams above its last one.
        assert_eq!(told, !charged, "{script}: {error:?}");
        assert_eq!(only_entry(&provider).await.charged_micros > 0, charged);
    }
}

#[tokio::test]
async fn transport_faults_end_an_http2_connection_too() {
    for script in ["reset", "cut@60", "truncated"] {
        let (provider, server) = serve(script).await;
        let mut client = http2(connect(&server).await).await;
        match client.send_request(request2()).await {
            Ok(response) => drop(body(response).await.unwrap_err()),
            Err(error) => assert_ne!(script, "truncated", "{error:?}"),
        }
        let entry = only_entry(&provider).await;
        assert_eq!(
            (entry.charged_micros, entry.delivered),
            (240_000, false),
            "{script}"
        );
        while server.connections()[0].open {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_request_that_stops_half_way_was_received_in_part() {
    let (provider, server) = serve("").await;
    let mut stream = connect(&server).await;
    let head = format!("POST {PATH} HTTP/1.1\r\nhost: sim.test\r\ncontent-length: 100\r\n\r\n{{");
    stream.write_all(head.as_bytes()).await.unwrap();
    while provider.oracle().entries().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(stream);
    let entry = only_entry(&provider).await;
    assert_eq!(
        (entry.received, entry.charged_micros, entry.client_left),
        (Received::Partial, 0, true)
    );
}

#[tokio::test]
async fn a_reset_while_reading_leaves_a_request_received_in_part() {
    let (provider, server) = serve("reset-reading@100000").await;
    let mut client = http1(connect(&server).await).await;
    let big = Request::post(PATH)
        .header("host", "sim.test")
        .body(vec![b' '; 30_000_000].into())
        .unwrap();
    client.send_request(big).await.unwrap_err();
    let entry = only_entry(&provider).await;
    assert_eq!(
        (entry.received, entry.charged_micros),
        (Received::Partial, 0)
    );
    assert!(
        (100_000..30_000_000).contains(&entry.body_bytes),
        "{}",
        entry.body_bytes
    );
}
