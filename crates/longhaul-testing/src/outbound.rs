//! Outbound proxies: what stands between a client and everything outside.

use std::process::{Command, Stdio};

use crate::{
    Running, find, free_port,
    proxy::{Proxy, listening},
};

/// tinyproxy on loopback, an HTTP proxy for outbound calls. It is killed when dropped.
///
/// A client reaches everything through it, plain http by a tunnel too:
///
/// ```no_run
/// use longhaul_hyper::{Client, Proxies};
/// use longhaul_testing::TinyProxy;
/// # type Body = http_body_util::Full<bytes::Bytes>;
///
/// let Some(proxy) = TinyProxy::start(Some(("me", "secret")), "ConnectPort 443") else { return };
/// let proxies = Proxies::all(&format!("http://me:secret@{}", proxy.address())).unwrap();
/// let client: Client<Body> = Client::builder().plain_http_only().proxies(proxies).build().unwrap();
/// ```
#[derive(Debug)]
pub struct TinyProxy(Proxy);

impl TinyProxy {
    /// It lets calls pass to any port, or only to those that `settings` name (`ConnectPort 443`); `user` and
    /// password have to be given. `None`, said aloud, where tinyproxy is not installed.
    ///
    /// # Panics
    ///
    /// If it does not start; under `CI=true` if it is not installed.
    pub fn start(user: Option<(&str, &str)>, settings: &str) -> Option<Self> {
        let program = find("tinyproxy")?;
        let user = user.map(|(user, password)| format!("BasicAuth {user} {password}"));
        let user = user.unwrap_or_default();
        let configuration = |port, _: &_| {
            format!(
                "Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\nMaxClients 100\n{user}\n{settings}\n"
            )
        };
        let command = |file: &_| {
            let mut command = Command::new(&program);
            command.arg("-d").arg("-c").arg(file);
            command
        };
        Some(Self(Proxy::start(configuration, command)))
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.0.port)
    }
}

/// microsocks on loopback, a SOCKS 5 proxy. It is killed when dropped.
///
/// ```no_run
/// use longhaul_testing::MicroSocks;
///
/// let Some(proxy) = MicroSocks::start(None) else { return };
/// let url = format!("socks5h://{}", proxy.address());
/// ```
#[derive(Debug)]
pub struct MicroSocks {
    port: u16,
    _running: Running,
}

impl MicroSocks {
    /// `user` and password have to be given. `None`, said aloud, where microsocks is not installed.
    ///
    /// # Panics
    ///
    /// If it does not start; under `CI=true` if it is not installed.
    pub fn start(user: Option<(&str, &str)>) -> Option<Self> {
        let program = find("microsocks")?;
        let (port, running) = listening(|| {
            let port = free_port();
            let mut command = Command::new(&program);
            command.args(["-i", "127.0.0.1", "-p", &port.to_string()]);
            if let Some((user, password)) = user {
                command.args(["-u", user, "-P", password]);
            }
            command.stdout(Stdio::null()).stderr(Stdio::null());
            (port, command)
        })
        .expect("it starts");
        Some(Self {
            port,
            _running: running,
        })
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}
