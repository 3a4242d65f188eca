//! HAProxy, as load balancers of clouds behave: it cuts, or it answers by itself.

use std::{net::SocketAddr, path::Path, process::Command};

use crate::{find, proxy::Proxy};

/// HAProxy in front of a server, on loopback. It is killed when dropped.
///
/// ```no_run
/// use longhaul_testing::{HaProxy, Mode};
///
/// # let server: std::net::SocketAddr = ([127, 0, 0, 1], 8080).into();
/// // Cuts a line on which the server says nothing for a second.
/// let Some(proxy) = HaProxy::before(server, Mode::Tcp, "timeout server 1s") else { return };
/// println!("{}", proxy.url());
/// ```
#[derive(Debug)]
pub struct HaProxy(Proxy);

/// What HAProxy understands of what it passes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Requests and answers; it can answer by itself.
    ///
    /// With it a time limit ends in a 504 of its own.
    Http,
    /// Bytes; all that it can do is to close.
    ///
    /// With it a time limit ends in a closed connection.
    Tcp,
}

impl HaProxy {
    /// HAProxy that passes everything on to `upstream`; `settings` are lines of its `defaults` section.
    /// `None`, said aloud, where HAProxy is not installed.
    ///
    /// # Panics
    ///
    /// If it does not start, such as for a setting that it does not know; under `CI=true` if it is not installed.
    ///
    /// It repeats nothing by itself (`retries 0`), so that each request arrives as often as the client has sent it.
    pub fn before(upstream: SocketAddr, mode: Mode, settings: &str) -> Option<Self> {
        let program = find("haproxy")?;
        let configuration = |port, _: &Path| configuration(port, upstream, mode, settings);
        let command = |file: &Path| {
            let mut command = Command::new(&program);
            command.args(["-db", "-f"]).arg(file);
            command
        };
        Some(Self(Proxy::start(configuration, command)))
    }

    /// Scheme, host and port, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port)
    }
}

/// Patient, unless `settings` say otherwise: of two equal lines the last counts.
fn configuration(port: u16, upstream: SocketAddr, mode: Mode, settings: &str) -> String {
    let mode = match mode {
        Mode::Http => "http",
        Mode::Tcp => "tcp",
    };
    format!(
        "global
    maxconn 256
defaults
    mode {mode}
    retries 0
    timeout connect 10s
    timeout client 60s
    timeout server 60s
    {settings}
frontend clients
    bind 127.0.0.1:{port}
    default_backend provider
backend provider
    server provider {upstream}
"
    )
}
