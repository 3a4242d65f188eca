//! The stack as tower users meet it: in buffers, boxes, handlers.

use axum::{Router, body::Body as AxumBody, extract::State, routing::post};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use longhaul::{BoxedStack, Error, Stack, StackRequestBody, StackResponseBody, policy::Policy};
use tower::{
    Layer, Service, ServiceBuilder, ServiceExt, service_fn,
    util::{BoxCloneService, BoxCloneSyncService},
};

type Answer = Result<Response<Full<Bytes>>, std::convert::Infallible>;

const PICTURE: &str = r#"{"data":[{"url":"https://cdn.example/1.png"}]}"#;

async fn paint(_: Request<StackRequestBody<Full<Bytes>>>) -> Answer {
    let answer = Response::builder().header("content-type", "application/json");
    Ok(answer.body(Full::from(PICTURE)).unwrap())
}

fn request() -> Request<Full<Bytes>> {
    Request::post("https://images.example/v1/images/generations")
        .header("content-type", "application/json")
        .body(Full::from(
            r#"{"model":"nano-banana-pro","size":"4096x4096"}"#,
        ))
        .unwrap()
}

fn stack() -> Stack {
    Stack::new(Policy::nano_banana_pro()).unwrap()
}

#[test]
fn the_stack_is_send_and_sync_where_its_client_is() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    fn is_send_sync<T: Send + Sync>(value: T) -> T {
        value
    }
    let mut service = is_send_sync(stack().layer(service_fn(paint)));
    drop(is_send(service.call(request())));
    fn body_is_send<B: Send>() {}
    body_is_send::<StackResponseBody<Full<Bytes>>>();
}

#[tokio::test(start_paused = true)]
async fn the_stack_works_in_buffers_boxes_and_load_shedding() {
    let service = ServiceBuilder::new()
        .load_shed()
        .buffer(4)
        .layer(stack())
        .service(service_fn(paint));
    let answer = service.oneshot(request()).await.unwrap();
    assert_eq!(
        answer.into_body().collect().await.unwrap().to_bytes(),
        PICTURE
    );

    let boxed: BoxCloneService<_, _, Error> =
        BoxCloneService::new(stack().layer(service_fn(paint)));
    let answer = boxed.clone().oneshot(request()).await.unwrap();
    assert_eq!(
        answer.into_body().collect().await.unwrap().to_bytes(),
        PICTURE
    );

    let boxed: BoxCloneSyncService<_, _, Error> =
        BoxCloneSyncService::new(stack().layer(service_fn(paint)));
    boxed.oneshot(request()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_boxed_stack_is_the_state_of_an_axum_handler() {
    async fn handler(State(client): State<BoxedStack<Full<Bytes>>>) -> Response<AxumBody> {
        let answer = tokio::spawn(client.oneshot(request())).await.unwrap();
        answer.unwrap().map(AxumBody::new)
    }
    let router = Router::new()
        .route("/", post(handler))
        .with_state(stack().boxed(service_fn(paint)));
    let call = Request::post("/").body(AxumBody::empty()).unwrap();
    let answer = router.oneshot(call).await.unwrap();
    assert_eq!(
        answer.into_body().collect().await.unwrap().to_bytes(),
        PICTURE
    );
}

#[test]
fn a_layer_gives_its_inner_service_back() {
    use longhaul::{
        billing::{BillingCompensationTracker, BillingPolicy, MemoryLedger},
        detect::DetectWorkload,
        fallback::Fallback,
        http1::ForceHttp1,
        in_flight::InFlight,
        retry::ClassifyingRetry,
        timeout::SizeAwareTimeout,
    };
    let ledger = MemoryLedger::new();
    let mut service = DetectWorkload::new(
        Fallback::new(
            ClassifyingRetry::new(
                InFlight::new(
                    BillingCompensationTracker::new(
                        SizeAwareTimeout::new(
                            ForceHttp1::new("client", Default::default()).unwrap(),
                            Default::default(),
                        )
                        .unwrap(),
                        BillingPolicy::default(),
                        ledger,
                    )
                    .unwrap(),
                    Default::default(),
                )
                .unwrap(),
                Default::default(),
            )
            .unwrap(),
            Default::default(),
        )
        .unwrap(),
        Default::default(),
    )
    .unwrap();
    service.get_mut();
    let layers = service
        .get_ref()
        .get_ref()
        .get_ref()
        .get_ref()
        .get_ref()
        .get_ref();
    assert_eq!(*layers.get_ref(), "client");
    let tracker = service.into_inner().into_inner().into_inner().into_inner();
    assert_eq!(tracker.into_inner().into_inner().into_inner(), "client");
}
