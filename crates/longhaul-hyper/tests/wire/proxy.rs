//! Outbound proxies, played by the tests themselves: what is asked of them, and what their refusals mean.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::StatusCode;
use http_body_util::BodyExt;
use longhaul::{Class, Error, ErrorKind, attempt::Sent};
use longhaul_hyper::{Client, ConnectError, Proxies};
use longhaul_testing::{cause, chain};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use crate::{
    Http, call, post,
    proof::ANSWER,
    server::{accept, accept_tls, https, listen, read_request, tls},
};

const USER: &str = "Aladdin:open sesame";

fn client(proxy: &str) -> Http {
    Client::builder()
        .plain_http_only()
        .proxies(Proxies::all(proxy).expect("a proxy"))
        .build()
        .expect("valid settings")
}

/// The URL of a proxy, with user and password.
fn with_user(scheme: &str, listener: &TcpListener) -> String {
    let address = listener.local_addr().expect("an address");
    format!("{scheme}://Aladdin:open%20sesame@{address}")
}

async fn provider(listener: TcpListener) {
    let mut stream = accept(&listener).await;
    let request = read_request(&mut stream).await.expect("a request");
    let head = String::from_utf8_lossy(&request).to_lowercase();
    assert!(head.starts_with("post / http/1.1\r\n"), "{head}");
    assert!(!head.contains("proxy-"), "{head}");
    stream.write_all(ANSWER).await.expect("a reader");
}

async fn expect_answer(client: &Http, address: &str) {
    let (request, attempt) = post(address, 10);
    let response = call(client, request).await.expect("an answer");
    let body = response.collect().await.expect("a body").to_bytes();
    assert_eq!(&body[..], b"hi");
    assert_eq!(attempt.sent(), Sent::PossiblyWhole);
}

/// Reads a `CONNECT`, and says who shall be connected.
async fn asked(stream: &mut TcpStream) -> (String, String) {
    let head = read_request(stream).await.expect("a request");
    let head = String::from_utf8(head).expect("text");
    let target = head.split(' ').nth(1).expect("a target").to_owned();
    assert!(head.starts_with("CONNECT "), "{head}");
    (target, head)
}

#[tokio::test]
async fn a_call_goes_through_the_tunnel_of_an_http_proxy() {
    let (listener, address) = listen().await;
    let (proxy, _) = listen().await;
    let client = client(&with_user("http", &proxy));
    tokio::spawn(provider(listener));
    let target = address[7..].trim_end_matches('/').to_owned();
    let server = tokio::spawn(async move {
        let mut stream = accept(&proxy).await;
        let (asked_for, head) = asked(&mut stream).await;
        assert_eq!(asked_for, target);
        let basic = BASE64_STANDARD.encode(USER);
        let expected = format!("proxy-authorization: Basic {basic}\r\n");
        assert!(head.contains(&expected), "{head}");
        let mut onwards = TcpStream::connect(&asked_for).await.expect("a provider");
        let answer = b"HTTP/1.1 200 Connection established\r\n\r\n";
        stream.write_all(answer).await.expect("a reader");
        let _ = copy_bidirectional(&mut stream, &mut onwards).await;
    });

    expect_answer(&client, &address).await;
    drop(client);
    server.await.expect("it asked well");
}

#[tokio::test]
async fn a_refused_tunnel_is_never_sent_and_names_the_proxy() {
    let (_listener, address) = listen().await;
    for (status, said) in [
        ("407 Proxy Authentication Required", "user and password"),
        ("403 Forbidden", "must allow CONNECT"),
        ("502 Bad Gateway", "502"),
        ("200 OK", ""),
    ] {
        let (proxy, _) = listen().await;
        let name = format!("http://{}", proxy.local_addr().expect("an address"));
        let client = client(&with_user("http", &proxy));
        tokio::spawn(async move {
            let mut stream = accept(&proxy).await;
            asked(&mut stream).await;
            let page = "{\"error\": {\"message\": \"as a provider would say it\"}}";
            let length = page.len();
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{page}");
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.read(&mut [0]).await;
        });
        let (request, attempt) = post(&address, 10);

        // After a 200 there is a tunnel, and what stands in it already is nobody's answer.
        let error = call(&client, request).await.expect_err("no tunnel");

        assert_eq!(error.class(), Class::NeverSent, "{status}");
        assert_eq!(attempt.sent(), Sent::Nothing);
        let code = status[..3].parse().ok().filter(|status| *status != 200);
        let code = code.and_then(|status| StatusCode::from_u16(status).ok());
        let proxy = name.clone().into();
        assert_eq!(
            *error.kind(),
            ErrorKind::Proxy {
                proxy,
                status: code
            }
        );
        let text = chain(&error);
        assert!(text.contains(&name) && text.contains(said), "{text}");
        for secret in ["Aladdin", "sesame", "QWxhZGRpb", "a provider would"] {
            assert!(!format!("{text} {error:?}").contains(secret), "{text}");
        }
    }
}

/// The proxy that opened no way.
fn proxy_of(error: &Error) -> Option<&str> {
    cause::<ConnectError>(error)?.proxy()
}

#[tokio::test]
async fn a_proxy_that_is_not_there_or_says_nothing_is_never_sent() {
    let (_listener, address) = listen().await;
    let (proxy, _) = listen().await;
    let url = with_user("http", &proxy);
    let name = format!("http://{}", proxy.local_addr().expect("an address"));
    let silent = Client::builder()
        .plain_http_only()
        .connect_timeout(std::time::Duration::from_millis(200))
        .proxies(Proxies::all(&url).expect("a proxy"))
        .build()
        .expect("valid settings");
    let (request, attempt) = post(&address, 10);
    let error = call(&silent, request).await.expect_err("no word");
    assert!(error.is_timeout());
    assert_eq!(error.class(), Class::NeverSent);
    assert_eq!(attempt.sent(), Sent::Nothing);
    assert_eq!(proxy_of(&error), Some(name.as_str()));

    drop(proxy);
    let (request, _) = post(&address, 10);
    let error = call(&client(&url), request).await.expect_err("no proxy");
    assert_eq!(error.class(), Class::NeverSent);
    assert_eq!(proxy_of(&error), Some(name.as_str()));
}

#[tokio::test]
async fn tls_goes_through_the_tunnel_of_an_encrypted_proxy() {
    let (listener, _) = listen().await;
    let (proxy, _) = listen().await;
    // One certificate for both: each is `localhost`.
    let (acceptor, config) = tls(&["http/1.1"]);
    let address = https(&listener);
    let client: Http = Client::builder()
        .tls_config(config)
        .proxies(Proxies::all(&https(&proxy)).expect("a proxy"))
        .build()
        .expect("valid settings");
    let provider = acceptor.clone();
    tokio::spawn(async move {
        let mut stream = accept_tls(&listener, &provider).await;
        read_request(&mut stream).await.expect("a request");
        stream.write_all(ANSWER).await.expect("a reader");
    });
    tokio::spawn(async move {
        let mut stream = accept_tls(&proxy, &acceptor).await;
        let head = read_request(&mut stream).await.expect("a request");
        let head = String::from_utf8(head).expect("text");
        let target = head.split(' ').nth(1).expect("a target");
        let mut onwards = TcpStream::connect(target).await.expect("a provider");
        let answer = b"HTTP/1.1 200 OK\r\n\r\n";
        stream.write_all(answer).await.expect("a reader");
        let _ = copy_bidirectional(&mut stream, &mut onwards).await;
    });

    expect_answer(&client, &address).await;
}

#[tokio::test]
async fn a_socks_proxys_scheme_says_whether_it_gets_the_name() {
    for (scheme, name) in [("socks5h", true), ("socks5", false)] {
        let (listener, _) = listen().await;
        let (proxy, _) = listen().await;
        let port = listener.local_addr().expect("an address").port();
        let client = client(&with_user(scheme, &proxy));
        tokio::spawn(provider(listener));
        let server = tokio::spawn(async move {
            let mut stream = accept(&proxy).await;
            // RFC 1928 and 1929: user and password, and then where to.
            let mut hello = [0; 3];
            stream.read_exact(&mut hello).await.expect("that many");
            assert_eq!(hello, [5, 1, 2]);
            stream.write_all(&[5, 2]).await.expect("a reader");
            let mut user = vec![0; 2 + USER.len()];
            stream.read_exact(&mut user).await.expect("that many");
            assert_eq!(user, [&b"\x01\x07Aladdin"[..], b"\x0bopen sesame"].concat());
            stream.write_all(&[1, 0]).await.expect("a reader");
            let mut to = [0; 4];
            stream.read_exact(&mut to).await.expect("that many");
            assert_eq!(to[..3], [5, 1, 0]);
            assert_eq!(to[3] == 3, name, "{to:?}");
            let rest = match to[3] {
                1 => 4,
                3 => usize::from(stream.read_u8().await.expect("a length")),
                _ => 16,
            };
            let mut host = vec![0; rest + 2];
            stream.read_exact(&mut host).await.expect("that many");
            assert_eq!(host[rest..], port.to_be_bytes());
            let onwards = TcpStream::connect(("127.0.0.1", port)).await;
            let done = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            stream.write_all(&done).await.expect("a reader");
            let mut onwards = onwards.expect("a provider");
            let _ = copy_bidirectional(&mut stream, &mut onwards).await;
        });

        expect_answer(&client, &format!("http://localhost:{port}/")).await;
        drop(client);
        server.await.expect("it asked well");
    }
}

/// Runs one of the tests below in a process with these variables, which belong to a process as a whole.
async fn in_a_process(test: &str, variables: &[(&str, &str)]) {
    let this = std::env::current_exe().expect("a path");
    let mut command = tokio::process::Command::new(this);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command.args(["--ignored", "--exact", &format!("proxy::{test}")]);
    let output = command.envs(variables.iter().copied()).output().await;
    let output = output.expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let passed = output.status.success() && said.contains("1 passed");
    assert!(passed, "{said}");
}

#[tokio::test]
async fn the_environment_names_the_proxy() {
    let (listener, _) = listen().await;
    let (proxy, _) = listen().await;
    let to = listener.local_addr().expect("an address");
    tokio::spawn(provider(listener));
    let url = with_user("http", &proxy);
    let server = async {
        let mut stream = accept(&proxy).await;
        let (asked_for, head) = asked(&mut stream).await;
        assert_eq!(asked_for, "provider.test:80");
        assert!(head.contains("proxy-authorization: Basic"), "{head}");
        let mut onwards = TcpStream::connect(to).await.expect("a provider");
        let answer = b"HTTP/1.1 200 OK\r\n\r\n";
        stream.write_all(answer).await.expect("a reader");
        let _ = copy_bidirectional(&mut stream, &mut onwards).await;
    };
    let variables = [("HTTP_PROXY", &*url), ("NO_PROXY", "spared.test")];
    let client = in_a_process("with_a_proxy_in_the_environment", &variables);
    tokio::join!(server, client);
}

#[tokio::test]
#[ignore = "run by `the_environment_names_the_proxy`"]
async fn with_a_proxy_in_the_environment() {
    let client = crate::plain();
    expect_answer(&client, "http://provider.test/").await;

    // This machine, and who is spared, are asked directly.
    let (listener, address) = listen().await;
    tokio::spawn(provider(listener));
    expect_answer(&client, &address).await;
    let (request, _) = post("http://spared.test/", 10);
    let error = call(&client, request).await.expect_err("no such host");
    assert!(
        matches!(error.kind(), ErrorKind::Connect { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_variable_that_names_no_proxy_is_refused_by_its_name() {
    let variables = [("ALL_PROXY", "socks4://aladdin:sesame@proxy.test")];
    in_a_process("with_a_bad_variable", &variables).await;
}

#[test]
#[ignore = "run by `a_variable_that_names_no_proxy_is_refused_by_its_name`"]
fn with_a_bad_variable() {
    let builder = || Client::builder().plain_http_only();
    type Body = http_body_util::Empty<bytes::Bytes>;
    let error = builder().build::<Body>().expect_err("no proxy");
    assert_eq!(error.field(), "ALL_PROXY");
    assert!(!error.to_string().contains("sesame"), "{error}");
    let none = builder().proxies(Proxies::none()).build::<Body>();
    none.expect("the environment is not asked");
}
