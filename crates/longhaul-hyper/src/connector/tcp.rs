//! TCP, by hyper-util's connector: it races both IP versions and sets the sockets. Names are resolved before, so that an error says
//! which of the two failed.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    net::SocketAddr,
    task::{Context, Poll},
    vec,
};

use http::Uri;
use hyper_util::client::legacy::connect::{HttpConnector, dns::Name};
use longhaul::BoxError;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::settings::Settings;

/// Sockets for long, silent calls.
///
/// Keepalive and user timeout are set before the connection is used, and stay for its whole life; the tests read them
/// back from the kernel.
#[derive(Debug)]
pub(super) struct Tcp(Settings);

impl Tcp {
    /// With the numbers that sockets have; the others are not looked at.
    pub(super) fn new(settings: &Settings) -> Self {
        Self(settings.clone())
    }

    /// Connects to the first of `addresses` that answers, both IP versions in a race.
    pub(super) async fn connect(
        &self,
        addresses: vec::IntoIter<SocketAddr>,
    ) -> Result<TcpStream, BoxError> {
        let mut connector = HttpConnector::new_with_resolver(Resolved(addresses));
        connector.set_nodelay(true);
        let keepalive = self.0.keepalive;
        connector.set_keepalive(keepalive.map(|keepalive| keepalive.after));
        connector.set_keepalive_interval(keepalive.map(|keepalive| keepalive.every));
        connector.set_keepalive_retries(keepalive.map(|keepalive| keepalive.probes));
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        connector.set_tcp_user_timeout(self.0.user_timeout);
        // A name stands for the addresses, which have their port.
        let stream = connector.call(Uri::from_static("http://resolved")).await?;
        Ok(stream.into_inner())
    }
}

/// hyper-util's resolver for a name that is resolved already.
#[derive(Clone, Debug)]
struct Resolved(vec::IntoIter<SocketAddr>);

impl Service<Name> for Resolved {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        ready(Ok(self.0.clone()))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Duration;

    use socket2::SockRef;
    use tokio::net::TcpListener;

    use super::*;

    async fn connected(settings: &Settings) -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        Tcp::new(settings)
            .connect(vec![address].into_iter())
            .await
            .expect("a listener")
    }

    #[tokio::test]
    async fn sockets_carry_the_keepalive_and_user_timeout_of_the_defaults() {
        let stream = connected(&Settings::default()).await;
        let socket = SockRef::from(&stream);

        assert!(socket.keepalive().expect("readable"));
        let seconds = Duration::from_secs;
        assert_eq!(socket.tcp_keepalive_time().expect("readable"), seconds(30));
        assert_eq!(
            socket.tcp_keepalive_interval().expect("readable"),
            seconds(15)
        );
        assert_eq!(socket.tcp_keepalive_retries().expect("readable"), 5);
        assert_eq!(
            socket.tcp_user_timeout().expect("readable"),
            Some(seconds(120))
        );
        assert!(stream.nodelay().expect("readable"));
    }

    #[tokio::test]
    async fn what_is_switched_off_is_left_to_the_operating_system() {
        let settings = Settings {
            keepalive: None,
            user_timeout: None,
            ..Settings::default()
        };
        let stream = connected(&settings).await;
        let socket = SockRef::from(&stream);

        assert!(!socket.keepalive().expect("readable"));
        assert_eq!(socket.tcp_user_timeout().expect("readable"), None);
    }
}
