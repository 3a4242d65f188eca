use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use longhaul::{
    Attempt, Class, Deadline, End, Stack,
    attempt::{TaskAnswer, TaskEnd, TaskHandle, TaskNoted, TaskSink},
    billing::MemoryLedger,
    classify::DefaultClassifier,
    error::StoppedBy,
};
use longhaul_sim::{Offer, Weight};
use tower_service::Service;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_task_is_one_attempt_and_one_entry_however_long_it_takes() {
    for url in [RESPONSES, SUB2API, FAL] {
        // Beyond the limit by size, which is for silent connections.
        let provider = provider("none+takes@1500");
        let stack = tasks();
        let ended = call!(stack, provider, url);
        assert_eq!(ended.answer.as_ref().unwrap().0, 200, "{url}");
        assert_eq!(
            (ended.report.attempts().len(), ended.report.duplicates()),
            (1, 0),
            "{url}"
        );
        assert!(!ended.report.attempts()[0].is_late(), "{url}");
        let closing = only(stack.ledger().records()).closing.unwrap();
        assert_eq!(
            (closing.outcome.end, closing.outcome.class),
            (End::Finished, Class::Delivered)
        );
        let entry = &entries(&provider).await[0];
        assert!(entry.delivered && entry.charged_micros == 240_000, "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn cuts_on_the_way_do_not_strike_a_task() {
    let provider = provider("cut@60*10");
    let stack = tasks();
    for _ in 0..10 {
        call!(stack, provider, SUB2API).answer.unwrap();
    }
    let totals = provider.oracle().totals();
    assert_eq!(
        (totals.requests, totals.charged, totals.delivered),
        (10, 10, 10)
    );
    assert_eq!(totals.undelivered_micros, 0);
}

#[tokio::test(start_paused = true)]
async fn a_failed_task_is_retried_as_the_unary_call_would_be() {
    let provider = provider("task-failed@rate_limit_exceeded+takes@30, none+takes@60");
    let stack = tasks();
    let ended = call!(stack, provider, RESPONSES);
    assert!(ended.document()["output"][0]["result"].is_string());
    let classes: Vec<_> = ended.report.classes().flatten().collect();
    assert_eq!(classes, [Class::RateLimited, Class::Delivered]);
    assert_eq!(ended.report.duplicates(), 0);
    assert_eq!(entries(&provider).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_task_means_is_what_the_unary_call_means() {
    for (failure, class) in [
        ("image_content_policy_violation", Class::ContentBlocked),
        ("content_filter", Class::ContentBlocked),
        ("invalid_prompt", Class::ClientError),
        ("insufficient_quota", Class::QuotaExhausted),
        ("max_output_tokens", Class::NoImage),
    ] {
        let provider = provider(&format!("task-failed@{failure}+takes@30"));
        let stack = tasks();
        let ended = call!(stack, provider, RESPONSES);
        assert_eq!(ended.report.attempts()[0].class(), Some(class), "{failure}");
        // None is asked for once more: each says why there is no picture, the last one that a limit was reached.
        assert_eq!(entries(&provider).await.len(), 1, "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_the_provider_calls_free_costs_nothing() {
    let provider = provider("task-failed@server_error+takes@30*3");
    let stack = tasks();
    let ended = call!(stack, provider, FAL);
    assert_eq!(ended.answer.as_ref().unwrap().0, 500);
    for record in stack.ledger().records() {
        let outcome = record.closing.unwrap().outcome;
        assert_eq!(outcome.class, Class::ServerError);
        assert_eq!(outcome.exposure.probability.as_permille(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn done_without_a_picture_is_no_image() {
    for url in [RESPONSES, FAL] {
        let provider = provider("no-image+takes@30");
        let stack = tasks();
        call!(stack, provider, url).answer.unwrap();
        let first = stack.ledger().records().remove(0);
        let outcome = first.closing.unwrap().outcome;
        assert_eq!(outcome.class, Class::NoImage, "{url}");
        assert_eq!(outcome.exposure.probability.as_permille(), 1000, "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_task_is_undelivered_and_may_be_asked_for_again() {
    let provider = provider("task-lost@40+takes@100, none+takes@60");
    let stack = tasks();
    let ended = call!(stack, provider, SUB2API);
    assert_eq!(ended.answer.as_ref().unwrap().0, 200);
    let classes: Vec<_> = ended.report.classes().flatten().collect();
    assert_eq!(classes, [Class::Undelivered, Class::Delivered]);
    assert_eq!(ended.report.duplicates(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_open_task_is_never_submitted_again() {
    let provider = provider("none+takes@300*3");
    let stack = tasks();
    let mut hurried = request(SUB2API);
    hurried
        .headers_mut()
        .insert("idempotency-key", "op-1".parse().unwrap());
    hurried.extensions_mut().insert(Deadline::after(MINUTE * 2));
    let first = ended(stack.layer(provider.clone()).oneshot(hurried).await).await;
    assert!(first.answer.as_ref().unwrap_err().is_timeout());
    assert_eq!(first.report.attempts().len(), 1);
    let outcome = only(stack.ledger().records()).closing.unwrap().outcome;
    assert_eq!(
        (outcome.end, outcome.class),
        (End::TimedOut, Class::Undelivered)
    );

    let mut again = request(SUB2API);
    again
        .headers_mut()
        .insert("idempotency-key", "op-1".parse().unwrap());
    let second = ended(stack.layer(provider.clone()).oneshot(again).await).await;
    assert_eq!(second.answer.unwrap().0, 200);
    // One generation is one entry, and one picture: what came is in the entry of the first.
    let record = only(stack.ledger().records());
    assert_eq!(
        record.opening.operation,
        first.report.attempts()[0].operation()
    );
    let outcome = record.closing.unwrap().outcome;
    assert_eq!(outcome.class, Class::Delivered);
    assert_eq!(outcome.exposure.probability.as_permille(), 1000);
    let totals = provider.oracle().totals();
    assert_eq!(
        (totals.requests, totals.charged, totals.delivered),
        (1, 1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_task_that_the_key_may_not_ask_after_stops_the_retrying() {
    let provider = provider("poll-unauthorized*3");
    let stack = tasks();
    let ended = call!(stack, provider, SUB2API);
    ended.answer.unwrap_err();
    assert_eq!(ended.report.attempts().len(), 1);
    assert_eq!(ended.report.stopped_by(), StoppedBy::Task);
    assert_eq!(entries(&provider).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_no_key_may_be_sent_for_is_not_ordered_again() {
    let provider = provider("foreign-poll-url*3");
    let stack = tasks();
    let ended = call!(stack, provider, FAL);
    let error = ended.answer.unwrap_err();
    assert_eq!(error.class(), Class::Undelivered);
    assert_eq!(ended.report.stopped_by(), StoppedBy::Task);
    let task = ended.report.attempts()[0].task().unwrap();
    assert!(!task.id.is_empty() && task.poll_url.is_empty(), "{task:?}");
    assert_eq!(entries(&provider).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_id_is_none_is_not_ordered_again() {
    for id in ["..".to_owned(), String::new(), "x".repeat(1000)] {
        let submits = Arc::new(Mutex::new(0));
        let count = submits.clone();
        let client = tower::service_fn(move |_: Request<_>| {
            *count.lock().unwrap() += 1;
            let document = format!(r#"{{"id":"{id}","status":"queued"}}"#);
            async move { Ok::<_, std::io::Error>(Response::new(Full::<Bytes>::from(document))) }
        });
        let stack = tasks();
        let ended = ended(stack.layer(client).oneshot(request(RESPONSES)).await).await;
        assert_eq!(ended.answer.unwrap_err().class(), Class::Undelivered);
        assert_eq!(ended.report.stopped_by(), StoppedBy::Task);
        assert_eq!(*submits.lock().unwrap(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_too_long_to_hold_is_not_ordered_again() {
    let provider = builder("none+takes@60*3")
        .image_weight(Weight::Light)
        .build()
        .unwrap();
    // A relay that answers with the picture itself, and not with a link to it.
    let policy = TasksPolicy::from_toml(longhaul_sim::RELAY_DIALECT).unwrap();
    let mut policy = policy.at("relay.test", "relay");
    policy.longest_answer = 4096;
    let stack = stack().with_exchange(SubmitAndPollLayer::new(policy).unwrap());
    let ended = call!(stack, provider, SUB2API);
    assert_eq!(ended.answer.unwrap_err().class(), Class::Undelivered);
    assert_eq!(ended.report.attempts().len(), 1);
    assert_eq!(ended.report.stopped_by(), StoppedBy::Task);
    assert_eq!(entries(&provider).await.len(), 1);
}

/// No answer of this stack is held by the exchange.
fn unheld() -> Stack<MemoryLedger, DefaultClassifier, SubmitAndPollLayer> {
    let mut policy = TasksPolicy::default();
    policy.longest_answer = 4096;
    stack().with_exchange(SubmitAndPollLayer::new(policy).unwrap())
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_handed_on_unread_is_delivered_once() {
    for script in ["none+takes@60", "truncated+takes@60"] {
        let provider = builder(script).image_weight(Weight::Light).build().unwrap();
        let stack = unheld();
        let keyed = || {
            let mut request = request(RESPONSES);
            let key = "op-1".parse().unwrap();
            request.headers_mut().insert("idempotency-key", key);
            request
        };
        let mut last = ended(stack.layer(provider.clone()).oneshot(keyed()).await).await;
        let breaks = script.starts_with("truncated");
        assert_eq!(last.answer.is_err(), breaks, "{script}");
        if breaks {
            assert_eq!(last.report.attempts().len(), 1);
            assert_eq!(last.report.stopped_by(), StoppedBy::Task);
            last = ended(stack.layer(provider.clone()).oneshot(keyed()).await).await;
        }
        assert!(last.document()["output"][0]["result"].is_string());
        assert_eq!(last.report.attempts()[0].status().unwrap(), 200);
        let outcome = only(stack.ledger().records()).closing.unwrap().outcome;
        assert_eq!(outcome.class, Class::Delivered, "{script}");
        let totals = provider.oracle().totals();
        assert_eq!((totals.requests, totals.charged), (1, 1), "{script}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_without_tasks_is_one_attempt_all_the_same() {
    let provider = builder("none+takes@50*2")
        .tasks(Offer::Refused)
        .build()
        .unwrap();
    let stack = tasks();
    let ended = call!(stack, provider, RESPONSES);
    assert_eq!(ended.report.attempts()[0].status().unwrap(), 200);
    let outcome = only(stack.ledger().records()).closing.unwrap().outcome;
    assert_eq!(outcome.class, Class::Delivered);
}

/// Keeps handles, slowly.
#[derive(Debug, Clone, Default)]
struct Kept {
    noted: Arc<Mutex<Vec<String>>>,
    polls: Arc<Mutex<Option<Provider>>>,
}

impl TaskSink for Kept {
    fn submits(&self, dialect: Option<&str>) -> TaskNoted {
        let dialect = dialect.unwrap_or("nothing").to_owned();
        let (noted, polls) = (self.noted.clone(), self.polls.clone());
        Box::pin(async move {
            tokio::time::sleep(MINUTE).await;
            let provider = polls.lock().unwrap().clone().unwrap();
            let requests = provider.oracle().totals().requests;
            noted
                .lock()
                .unwrap()
                .push(format!("{dialect} after {requests} submits"));
            Ok(())
        })
    }

    fn note(&self, handle: &TaskHandle) -> TaskNoted {
        let (noted, polls, id) = (self.noted.clone(), self.polls.clone(), handle.id.clone());
        Box::pin(async move {
            tokio::time::sleep(MINUTE).await;
            let provider = polls.lock().unwrap().clone().unwrap();
            noted.lock().unwrap().push(format!(
                "{id} after {} polls",
                provider.oracle().totals().polls
            ));
            Ok(())
        })
    }

    fn ended(&self, handle: &TaskHandle, end: TaskEnd) {
        self.noted
            .lock()
            .unwrap()
            .push(format!("{} {end:?}", handle.id));
    }

    fn collected(&self, handle: &TaskHandle, end: TaskEnd, answer: &TaskAnswer) -> bool {
        let class = answer.outcome.class;
        self.noted
            .lock()
            .unwrap()
            .push(format!("{} {end:?} later: {class}", handle.id));
        true
    }
}

/// Puts the sink on the attempt, as a ledger does when it opens the entry.
#[derive(Clone)]
struct Keeping<S>(S, Kept);

impl<S, B> Service<Request<B>> for Keeping<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        let attempt: &Attempt = request.extensions().get().unwrap();
        attempt.set_task_sink(Arc::new(self.1.clone()));
        self.0.call(request)
    }
}

#[tokio::test(start_paused = true)]
async fn submit_and_handle_are_durable_before_they_matter() {
    // What is handed on unread ends with its last byte.
    for longest_answer in [usize::MAX, 4096] {
        let provider = builder("none+takes@100")
            .image_weight(Weight::Light)
            .build()
            .unwrap();
        let kept = Kept::default();
        *kept.polls.lock().unwrap() = Some(provider.clone());
        let sink = kept.clone();
        let keeping = tower::layer::layer_fn(move |inner| Keeping(inner, sink.clone()));
        let mut policy = TasksPolicy::default();
        policy.longest_answer = longest_answer;
        let exchange =
            tower::layer::util::Stack::new(SubmitAndPollLayer::new(policy).unwrap(), keeping);
        let stack = stack().with_exchange(exchange);
        call!(stack, provider, RESPONSES).answer.unwrap();
        let noted = kept.noted.lock().unwrap().clone();
        assert_eq!(noted[0], "openai-responses after 0 submits");
        assert!(noted[1].ends_with("after 0 polls"), "{noted:?}");
        assert!(
            noted[2].ends_with("Collected") && noted.len() == 3,
            "{noted:?}"
        );
    }
}
