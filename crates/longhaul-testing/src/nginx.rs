//! nginx, as relays and ingresses use it: it buffers, cuts what is silent, and writes down every request.

use std::{fs, net::SocketAddr, path::Path, process::Command};

use crate::{find, proxy::Proxy};

/// nginx in front of a server, on loopback. It is killed when dropped.
///
/// ```no_run
/// use longhaul_testing::Nginx;
///
/// # let server: std::net::SocketAddr = ([127, 0, 0, 1], 8080).into();
/// let Some(nginx) = Nginx::before(server, "proxy_read_timeout 2s;") else { return };
/// println!("{}", nginx.url());
/// // … calls …
/// let statuses: Vec<_> = nginx.requests().iter().map(|request| request.status).collect();
/// ```
#[derive(Debug)]
pub struct Nginx(Proxy);

/// One request as nginx logged it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Logged {
    /// The number of the client's connection.
    ///
    /// Two requests with the same number came over one connection.
    pub connection: u64,
    /// The status that the client was answered with.
    ///
    /// 499 where the client left before the answer.
    pub status: u16,
}

impl Nginx {
    /// nginx that passes everything on to `upstream`; `directives` are added to its `server` block, each with a
    /// semicolon at its end. `None`, said aloud, where nginx is not installed.
    ///
    /// # Panics
    ///
    /// If it does not start, such as for a directive that it does not know; under `CI=true` if it is not installed.
    ///
    /// Connections to `upstream` are closed after each request, and answers are buffered, as without any setting.
    pub fn before(upstream: SocketAddr, directives: &str) -> Option<Self> {
        let location = format!("location / {{ proxy_pass http://{upstream}; }}");
        Self::start("", &[&location, directives])
    }

    /// The same with connections to `upstream` that are used again, and answers that are passed on as they come.
    ///
    /// # Panics
    ///
    /// As [`before`](Self::before).
    ///
    /// Up to 64 idle connections to `upstream` are kept: a gateway that is measured beside nginx keeps its own too.
    pub fn keeping_connections(upstream: SocketAddr, directives: &str) -> Option<Self> {
        const LOCATION: &str = "location / {
            proxy_pass http://kept;
            proxy_http_version 1.1;
            proxy_set_header Connection '';
            proxy_buffering off;
        }";
        let kept = format!("upstream kept {{ server {upstream}; keepalive 64; }}");
        Self::start(&kept, &[LOCATION, directives])
    }

    /// With what stands beside its `server` block, and in it.
    fn start(beside: &str, server: &[&str]) -> Option<Self> {
        let program = find("nginx")?;
        let server = server.join("\n");
        let configuration = |port, folder: &Path| configuration(port, folder, beside, &server);
        let command = |file: &Path| {
            let mut command = Command::new(&program);
            command.args(["-e", "stderr", "-c"]).arg(file);
            command
        };
        Some(Self(Proxy::start(configuration, command)))
    }

    /// Scheme, host and port, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port)
    }

    /// The id of its one process.
    pub fn process(&self) -> u32 {
        self.0.process()
    }

    /// The requests that have ended, in their order.
    ///
    /// # Panics
    ///
    /// If nginx's log is not what it was told to write.
    ///
    /// A request stands there when it has ended, so one that still runs is missing.
    pub fn requests(&self) -> Vec<Logged> {
        let log = fs::read_to_string(self.0.folder.path().join("access"));
        let log = log.expect("nginx creates it when it starts");
        log.lines()
            .map(|line| logged(line).expect("number and status"))
            .collect()
    }
}

/// A line of the log in the form that the configuration gives it.
fn logged(line: &str) -> Option<Logged> {
    let (connection, status) = line.split_once(' ')?;
    Some(Logged {
        connection: connection.parse().ok()?,
        status: status.parse().ok()?,
    })
}

/// One process in the foreground, which writes nowhere but into `folder`.
fn configuration(port: u16, folder: &Path, beside: &str, server: &str) -> String {
    let folder = folder.display();
    let bodies = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|of| format!("{of}_temp_path {folder}/{of};"))
        .join("\n");
    format!(
        "daemon off;
        master_process off;
        pid {folder}/pid;
        error_log stderr;
        events {{ worker_connections 16384; }}
        http {{
            log_format short '$connection $status';
            access_log {folder}/access short;
            {bodies}
            {beside}
            server {{
                listen 127.0.0.1:{port};
                {server}
            }}
        }}
        "
    )
}
