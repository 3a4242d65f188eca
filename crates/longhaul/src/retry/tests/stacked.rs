//! The whole stack over a provider that answers each caller in its own way.

use tower::util::BoxCloneService;

use super::{script::Say, *};
use crate::{Stack, policy::Policy, stack::StackRequestBody};

/// What was sent: when, in whole seconds, for whom, and as which attempt.
pub(super) type Sent = Arc<Mutex<Vec<(u64, String, u32)>>>;

pub(super) type Client = BoxCloneService<Request<Full<Bytes>>, Response<Bytes>, Error>;

/// It brings nothing before any deadline.
pub(super) const SILENT: Say = Say::picture(99_000);

/// The default stack without jitter, changed by `change`.
pub(super) fn stack_of(change: impl FnOnce(&mut Policy)) -> Stack {
    let mut policy = Policy::nano_banana_pro();
    policy.retry.schedule.jitter = 0.0;
    change(&mut policy);
    Stack::new(policy).unwrap()
}

/// The stack over a provider that does what `says` says, by the caller's name and the attempt.
pub(super) fn client(stack: &Stack, says: fn(&str, u32) -> Say) -> (Client, Sent) {
    let (sent, began) = (Sent::default(), Instant::now());
    let into = sent.clone();
    let provider = service_fn(move |request: Request<StackRequestBody<Full<Bytes>>>| {
        let into = into.clone();
        async move {
            let (head, body) = request.into_parts();
            body.collect().await.unwrap();
            let number = head.extensions.get::<Attempt>().unwrap().number();
            let name = head.uri.path().trim_start_matches('/').to_owned();
            let Say(after, status, header, body) = says(&name, number);
            let at = began.elapsed().as_secs();
            into.lock().unwrap().push((at, name, number));
            sleep(Duration::from_secs(after)).await;
            if status == 0 {
                return Err(io::Error::from(io::ErrorKind::ConnectionReset));
            }
            let (name, value) = header.split_once(": ").unwrap();
            let response = Response::builder().status(status).header(name, value);
            Ok(response.body(Full::<Bytes>::from(body)).unwrap())
        }
    });
    let client = stack.layer(provider);
    let client = service_fn(move |request| {
        let client = client.clone();
        async move {
            let (head, body) = client.oneshot(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, Error>(Response::from_parts(head, body))
        }
    });
    (BoxCloneService::new(client), sent)
}

/// A request of this caller's, for a picture of this size, at `a.example`.
pub(super) fn sized(name: &str, size: Resolution) -> Request<Full<Bytes>> {
    let mut request = request();
    *request.uri_mut() = format!("https://a.example/{name}").parse().unwrap();
    request.extensions_mut().insert(Workload::of(size));
    request
}

/// The same for a large one.
pub(super) fn of(name: &str) -> Request<Full<Bytes>> {
    sized(name, Resolution::K4)
}

/// When the attempts of `name` were sent.
pub(super) fn times(sent: &Sent, name: &str) -> Vec<u64> {
    let sent = sent.lock().unwrap();
    let own = sent.iter().filter(|(_, of, _)| of == name);
    own.map(|(at, ..)| *at).collect()
}
