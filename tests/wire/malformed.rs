//! Answers that are no HTTP, and answers that repeat a key, before the whole stack.

use http::StatusCode;
use longhaul::{Class, ErrorKind, classify::Probability, policy::Policy};
use longhaul_sim::Dialect;
use longhaul_testing::harness::{perform, plain, request, stack};
use tower::Layer;

use crate::{raw::Recorder, seen::only_record};

fn of_many_headers() -> String {
    let headers: String = (0..150)
        .map(|number| format!("x-{number}: y\r\n"))
        .collect();
    format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{headers}\r\n")
}

#[tokio::test]
async fn what_is_no_http_is_paid_once() {
    for answer in [
        of_many_headers(),
        "<html>no head</html>\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n".to_owned(),
    ] {
        let recorder = Recorder::answering(answer).await;
        let stack = stack(Policy::default());

        let ended = perform(
            stack.layer(plain()),
            request(&recorder.url, Dialect::OpenAi),
        )
        .await;

        assert_eq!(ended.classes(), [Class::UnknownOutcome]);
        assert_eq!(recorder.requests().len(), 1, "the same would come back");
        let kind = ended.error().kind();
        assert!(
            matches!(kind, ErrorKind::MalformedResponse { .. }),
            "{kind:?}"
        );
        let text = ended.error().to_string();
        assert!(
            text.contains("no HTTP") && !text.contains("idle limit"),
            "{text}"
        );
        let outcome = only_record(&stack).closing.expect("closed").outcome;
        assert!(outcome.exposure.probability > Probability::ZERO);
    }
}

#[tokio::test]
async fn an_echoed_key_is_not_kept() {
    let key = "sk-0123456789abcdef";
    let body = format!(r#"{{"error":{{"message":"no such key: {key}","request_id":"{key}"}}}}"#);
    let answer = format!(
        "HTTP/1.1 401 Unauthorized\r\nx-request-id: {key}\r\ncf-ray: honest-id\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let recorder = Recorder::answering(answer).await;
    let stack = stack(Policy::default());
    let mut asked = request(&recorder.url, Dialect::OpenAi);
    let value = format!("Bearer {key}").parse().expect("a header value");
    asked.headers_mut().insert("authorization", value);

    let ended = perform(stack.layer(plain()), asked).await;

    let answer = ended.answer.expect("an answer");
    assert_eq!(
        answer.status(),
        StatusCode::UNAUTHORIZED,
        "{:?}",
        answer.body()
    );
    let record = only_record(&stack);
    let kept = format!("{record:?}");
    assert!(!kept.contains(key), "{kept}");
    assert!(kept.contains("honest-id"), "{kept}");
}
