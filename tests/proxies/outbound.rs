//! Outbound proxies, real ones: what goes through them, and what they refuse.

use http::StatusCode;
use longhaul::{Class, ErrorKind, StackService, policy::Policy};
use longhaul_hyper::{Client, Proxies};
use longhaul_sim::{Dialect, server::Protocols};
use longhaul_testing::{
    MicroSocks, TinyProxy, chain,
    harness::{Ended, Harness, Http, UNSENT_ATTEMPTS, perform, trusting},
};
use tower::Layer;

use crate::way::{SOON, counts, scene};

const USER: Option<(&str, &str)> = Some(("aladdin", "sesame"));

/// The scene's provider through the proxy at `url`.
fn through(scene: &Harness, url: &str) -> StackService<Http> {
    let proxies = Proxies::all(url).expect("a proxy");
    let client = Client::builder()
        .proxies(proxies)
        .tls_config(trusting(scene.server.root_store()));
    scene.stack.layer(client.build().expect("valid settings"))
}

async fn ask(scene: &Harness, url: &str) -> Ended {
    perform(through(scene, url), scene.request(Dialect::OpenAi)).await
}

async fn assert_delivered_through(url: &str) {
    for encrypted in [false, true] {
        let scene = match encrypted {
            false => scene(SOON, Policy::default()).await,
            true => Harness::encrypted(SOON, Protocols::Http1).await,
        };
        let ended = ask(&scene, url).await;
        assert_eq!(ended.classes(), [Class::Delivered], "{ended:?}");
        assert!(ended.picture().is_some());
        assert_eq!(counts(&scene).await, (1, 1, 1));
    }
}

/// That nothing was sent, the proxy is named, and its user and password are not.
async fn assert_refused_by(url: &str, name: &str, attempts: usize) -> Ended {
    let scene = scene(SOON, Policy::default()).await;
    let ended = ask(&scene, url).await;
    assert_eq!(ended.classes(), vec![Class::NeverSent; attempts]);
    assert_eq!(counts(&scene).await, (0, 0, 0));
    let error = ended.error();
    let ErrorKind::Proxy { proxy, .. } = error.kind() else {
        panic!("{error:?}")
    };
    assert_eq!(&**proxy, name);
    let shown = format!("{error} {} {error:?}", chain(error));
    assert!(shown.contains(name), "{shown}");
    for secret in ["aladdin", "sesame", "open", "YWxhZGRpb"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    ended
}

/// What the proxy answered.
fn status(ended: &Ended) -> Option<StatusCode> {
    match ended.error().kind() {
        ErrorKind::Proxy { status, .. } => *status,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_call_goes_through_a_real_http_proxy() {
    let Some(open) = TinyProxy::start(None, "") else {
        return;
    };
    assert_delivered_through(&format!("http://{}", open.address())).await;
    let Some(guarded) = TinyProxy::start(USER, "") else {
        return;
    };
    assert_delivered_through(&format!("http://aladdin:sesame@{}", guarded.address())).await;
}

#[tokio::test]
async fn a_call_goes_through_a_real_socks_proxy() {
    for scheme in ["socks5", "socks5h"] {
        let Some(open) = MicroSocks::start(None) else {
            return;
        };
        assert_delivered_through(&format!("{scheme}://{}", open.address())).await;
        let Some(guarded) = MicroSocks::start(USER) else {
            return;
        };
        assert_delivered_through(&format!("{scheme}://aladdin:sesame@{}", guarded.address())).await;
    }
}

#[tokio::test]
async fn what_a_real_http_proxy_refuses_was_never_sent() {
    // tinyproxy's own page is no answer of the provider's, and asking again brings the same.
    let Some(guarded) = TinyProxy::start(USER, "") else {
        return;
    };
    let (address, name) = (guarded.address(), format!("http://{}", guarded.address()));
    let ended = assert_refused_by(&name, &name, 1).await;
    assert_eq!(
        status(&ended),
        Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED)
    );
    let ended = assert_refused_by(&format!("http://aladdin:open@{address}"), &name, 1).await;
    assert!(ended.error().advice().contains("proxy"));

    let Some(narrow) = TinyProxy::start(None, "ConnectPort 443") else {
        return;
    };
    let name = format!("http://{}", narrow.address());
    let ended = assert_refused_by(&name, &name, 1).await;
    assert_eq!(status(&ended), Some(StatusCode::FORBIDDEN));
}

#[tokio::test]
async fn what_a_real_socks_proxy_refuses_was_never_sent() {
    let Some(guarded) = MicroSocks::start(USER) else {
        return;
    };
    let address = guarded.address();
    let name = format!("socks5h://{address}");
    let attempts = {
        let scene = scene(SOON, Policy::default()).await;
        ask(&scene, &name).await.classes().len()
    };
    assert_refused_by(&name, &name, attempts).await;
    assert_refused_by(
        &format!("socks5h://aladdin:open@{address}"),
        &name,
        attempts,
    )
    .await;
}

#[tokio::test]
async fn a_proxy_that_is_gone_is_never_sent_to() {
    let name = format!("http://127.0.0.1:{}", longhaul_testing::free_port());
    let url = name.replace("http://", "http://aladdin:sesame@");
    let ended = assert_refused_by(&url, &name, UNSENT_ATTEMPTS).await;
    assert_eq!(status(&ended), None);
}
