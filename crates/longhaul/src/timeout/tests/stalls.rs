//! A machine that is late throws away no answer that is here.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_answer_in_the_same_tick_as_the_expiry_wins() {
    let service = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
        send(request.into_body()).await;
        sleep(300 * SECOND).await;
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    call(service, request(Full::from("{}"), Resolution::K1))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_late_poll_delivers_what_came_within_the_grace() {
    // The answer is in the socket, but the task that reads it runs only after ours.
    let due = Instant::now() + 340 * SECOND + Duration::from_millis(20);
    let service = service_fn(
        move |request: Request<RequestBody<Full<Bytes>>>| async move {
            send(request.into_body()).await;
            sleep_until(due).await;
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        },
    );
    let mut service = SizeAwareTimeoutLayer::default().layer(service);
    let mut answer = by_hand(service.call(request(Full::from("{}"), Resolution::K1)));
    assert!(answer.poll().is_pending());
    // The runtime stalls for 340 s: the clock is 40 s late when anybody looks at it.
    tokio::time::advance(340 * SECOND).await;
    assert!(answer.poll().is_pending(), "set on, not fired");
    tokio::time::advance(Duration::from_millis(25)).await;
    assert!(matches!(answer.poll(), Poll::Ready(Ok(_))));
}

#[tokio::test(start_paused = true)]
async fn a_late_clock_is_set_on_only_once() {
    let silent = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
        send(request.into_body()).await;
        pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
    });
    let mut service = SizeAwareTimeoutLayer::default().layer(silent);
    let mut answer = by_hand(service.call(request(Full::from("{}"), Resolution::K1)));
    assert!(answer.poll().is_pending());
    tokio::time::advance(340 * SECOND).await;
    assert!(answer.poll().is_pending());
    tokio::time::advance(340 * SECOND).await;
    let Poll::Ready(Err(error)) = answer.poll() else {
        panic!("it did not fire the second time");
    };
    assert_eq!(clock_of(&error), Clock::Picture);
}

/// A future that is polled by hand.
struct Task<F>(Pin<Box<F>>);

fn by_hand<F: Future>(future: F) -> Task<F> {
    Task(Box::pin(future))
}

impl<F: Future> Task<F> {
    fn poll(&mut self) -> Poll<F::Output> {
        self.0
            .as_mut()
            .poll(&mut Context::from_waker(std::task::Waker::noop()))
    }
}

/// Every worker is blocked past the limit; the answer waits in the socket all the time.
#[test]
fn a_stalled_runtime_does_not_throw_away_an_answer_that_is_here() {
    use std::sync::mpsc;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (listening, address) = mpsc::channel();
    let (stalled, write_now) = mpsc::channel::<()>();
    // A server outside the runtime: it answers while every worker is blocked.
    let server = std::thread::spawn(move || {
        use std::io::Write;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listening.send(listener.local_addr().unwrap()).unwrap();
        let (mut socket, _) = listener.accept().unwrap();
        write_now.recv().unwrap();
        socket.write_all(b"picture").unwrap();
    });
    let address = address.recv().unwrap();
    runtime.block_on(async move {
        let service = service_fn(
            move |request: Request<RequestBody<Full<Bytes>>>| async move {
                send(request.into_body()).await;
                // As in a client: the socket is read by a task of its own.
                let mut socket = tokio::net::TcpStream::connect(address).await?;
                socket.flush().await?;
                let read = tokio::spawn(async move {
                    let mut answer = [0; 7];
                    socket.read_exact(&mut answer).await.map(|_| answer)
                });
                let answer = read.await.map_err(io::Error::other)??;
                Ok::<_, io::Error>(Response::new(Full::new(Bytes::copy_from_slice(&answer))))
            },
        );
        let mut limits = TimeoutPolicy::default();
        limits.picture.k1 = Duration::from_millis(500);
        let service = SizeAwareTimeoutLayer::new(limits).unwrap().layer(service);
        let call = tokio::spawn(service.oneshot(request(Full::from("{}"), Resolution::K1)));
        // Let the call get as far as waiting for the answer, then block both workers.
        sleep(Duration::from_millis(100)).await;
        let stall = || {
            let (free, wait) = mpsc::channel::<()>();
            tokio::spawn(async move { wait.recv_timeout(SECOND).ok() });
            free
        };
        let blocked = [stall(), stall()];
        stalled.send(()).unwrap();
        // This thread is no worker: it waits on the test's side until the limit is long past.
        let _ = mpsc::channel::<()>().1.recv_timeout(SECOND);
        drop(blocked);
        let response = call.await.unwrap().expect("the answer was in the socket");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(&body[..], b"picture");
    });
    server.join().unwrap();
}
