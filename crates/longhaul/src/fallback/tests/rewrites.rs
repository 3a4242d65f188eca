//! The seam between the layer, and what makes requests for targets.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderValue, request::Parts};

use super::script::*;
use crate::{
    Stack,
    config::ConfigError,
    fallback::{
        Dialect, KeyPlace, KeySource, PassthroughRewrite, Resolutions, Rewrite, SkipReason, Target,
    },
    model::Resolution,
};

/// The field, and what it makes the target need.
type Row = (&'static str, fn(&mut Target));

/// What only a rewriter can do.
const NEEDS: [Row; 3] = [
    ("dialect", |it| it.dialect = Dialect::Gemini),
    ("url", |it| {
        it.url = "https://needy.example/{model}".to_owned()
    }),
    ("key_query", |it| {
        it.key = KeySource::secret("own");
        it.key_query = Some("key".to_owned());
    }),
];

#[test]
fn a_target_that_needs_a_rewrite_is_refused_without() {
    for (field, change) in NEEDS {
        let mut needy = route("needy");
        change(&mut needy);
        let policy = policy([route("second"), needy]);
        policy.validate().unwrap();
        let error = Stack::new(policy.clone()).unwrap_err();
        assert_eq!(error.field(), format!("fallback.targets[1].{field}"));
        for told in [
            "\"needy\"",
            "Stack::with_rewrite(policy, longhaul_providers::",
        ] {
            assert!(error.to_string().contains(told), "{error}");
        }
        assert!(Stack::with_rewrite(policy, ModelAlone).is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_rewrite_the_request_goes_as_it_came() {
    for (url, asked) in [
        (
            "http://second.example:8080",
            "http://second.example:8080/v1/images/generations?alt=sse",
        ),
        (
            "https://second.example/relay/draw",
            "https://second.example/relay/draw?alt=sse",
        ),
    ] {
        let mut second = Target::new("second", url);
        second.key = KeySource::secret("own");
        second.key_header = Some(http::HeaderName::from_static("x-its-key"));
        second.provider = Some("second".to_owned());
        let mut policy = policy([second]);
        policy.http1.scope = crate::http1::HttpScope::Private;
        let mut request = request();
        *request.uri_mut() = format!("{PATH}?alt=sse").parse().unwrap();
        let script = Script::new([QUOTA, OK]);
        let stack = Stack::new(policy).unwrap();
        let answered = send(&stack, &script, request).await;
        let [first, second] = &script.seen()[..] else {
            panic!("two were asked");
        };
        assert_eq!(second.uri, asked);
        assert_eq!(second.body, first.body);
        assert_eq!(second.workload, first.workload);
        assert_eq!(second.headers["x-its-key"], "own");
        assert!(!second.headers.contains_key("authorization"));
        assert_eq!(made_by(&answered).dialect, Dialect::Passthrough);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_as_it_came_is_neither_raised_nor_cut() {
    let mut small = route("small");
    small.resolutions = Resolutions::between(Resolution::K1, Resolution::K2);
    small.resolutions.cap = true;
    let script = Script::new([QUOTA]);
    let stack = Stack::new(policy([small])).unwrap();
    let answered = send(&stack, &script, request()).await;
    assert_eq!(skipped(&answered), [None, Some(SkipReason::Resolution)]);
}

/// Tells what it was shown, and sends requests elsewhere.
#[derive(Clone, Default, Debug)]
struct Curious(Arc<Mutex<Vec<String>>>);

impl Rewrite for Curious {
    fn check(&self, _: &Target) -> Result<(), ConfigError> {
        Ok(())
    }

    fn key_place(&self, _: &Target) -> KeyPlace {
        KeyPlace::Query("api_key".to_owned())
    }

    fn rewrite(
        &self,
        _: &Target,
        mut head: Parts,
        body: Bytes,
    ) -> Result<(Parts, Bytes), SkipReason> {
        let values: Vec<_> = head.headers.values().map(HeaderValue::as_bytes).collect();
        let values = values.join(&b' ');
        let shown = format!("{} {}", head.uri, String::from_utf8_lossy(&values));
        self.0.lock().unwrap().push(shown);
        head.uri = "http://elsewhere.example/draw?a=1".parse().unwrap();
        Ok((head, body))
    }
}

#[tokio::test(start_paused = true)]
async fn a_rewrite_sees_no_key_and_cannot_send_one_elsewhere() {
    let curious = Curious::default();
    let mut second = route("second");
    second.key = KeySource::secret("its own&key");
    let stack = Stack::with_rewrite(policy([second]), curious.clone()).unwrap();
    for hidden in ["its own", "its%20own"] {
        assert!(!format!("{stack:?}").contains(hidden), "{stack:?}");
    }
    let mut request = request();
    *request.uri_mut() = format!("{PATH}?key=first-key").parse().unwrap();
    let script = Script::new([QUOTA, OK]);
    send(&stack, &script, request).await.unwrap();
    let shown = curious.0.lock().unwrap().concat();
    assert!(shown.starts_with("https://second.example/v1/images/generations "));
    assert!(
        !shown.contains("first-key") && !shown.contains("its"),
        "{shown}"
    );
    let seen = &script.seen()[1];
    assert_eq!(
        seen.uri,
        "https://second.example/draw?a=1&api_key=its%20own%26key"
    );
}

#[test]
fn a_rewrite_refuses_what_it_cannot_do_by_field() {
    #[derive(Debug)]
    struct Nothing;
    impl Rewrite for Nothing {
        fn check(&self, _: &Target) -> Result<(), ConfigError> {
            Err(ConfigError::new("model", "is not known"))
        }

        fn rewrite(&self, _: &Target, _: Parts, _: Bytes) -> Result<(Parts, Bytes), SkipReason> {
            unreachable!("it is not asked")
        }
    }
    let error = Stack::with_rewrite(policy([route("second")]), Nothing).unwrap_err();
    assert_eq!(error.field(), "fallback.targets[0].model");
    PassthroughRewrite.check(&route("second")).unwrap();
}
