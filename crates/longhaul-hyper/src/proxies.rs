//! Outbound proxies: which one, for which host, by whose word.
//!
//! The matching of hosts is hyper-util's, which does what curl does. Added here is what must not happen silently: a URL
//! that is none is refused when the client is built (hyper-util would go without a proxy), and this machine is never
//! reached through a proxy of the environment.

use std::{ffi::OsString, fmt, net::IpAddr};

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use longhaul::ConfigError;

/// Which hosts are reached through which outbound proxy.
///
/// A proxy's URL is `http://`, `https://` (TLS to the proxy), `socks5h://` (names are resolved by the
/// proxy) or `socks5://` (names are resolved here), with `user:password@` where it asks for them; without
/// a scheme it is `http://`. They are shown nowhere: not in errors, not in `Debug`, not in logs.
///
/// Every call goes through a tunnel, plain http too: an HTTP proxy is asked with `CONNECT`, and must allow
/// that to the host's port. So no page of a proxy's own can be taken for the provider's answer, and what a
/// proxy refuses was never sent.
///
/// ```
/// # fn example() -> Result<(), longhaul::ConfigError> {
/// use longhaul_hyper::{Client, Proxies};
/// # type Body = http_body_util::Full<bytes::Bytes>;
///
/// let proxies = Proxies::all("http://proxy.example:3128")?.except("localhost,.internal,10.0.0.0/8");
/// let client: Client<Body> = Client::builder().proxies(proxies).build()?;
/// # Ok(()) }
/// ```
///
/// The default is [`none`](Self::none). `Debug` shows the proxies without user and password:
///
/// ```
/// use longhaul_hyper::Proxies;
///
/// let proxies = Proxies::all("http://me:hunter2@proxy.example:3128")?;
/// assert!(!format!("{proxies:?}").contains("hunter2"));
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, Default)]
pub struct Proxies {
    /// The proxy for plain http, as its URL; empty where there is none.
    http: String,
    /// The proxy for https.
    https: String,
    /// Hosts that are reached directly, in the form of `NO_PROXY`.
    except: String,
    /// Whether this machine is reached without a proxy: so for the environment's proxies.
    spare_this_machine: bool,
}

impl Proxies {
    /// No proxy, whatever the environment says.
    ///
    /// ```
    /// use longhaul_hyper::{Client, Proxies};
    /// # type Body = http_body_util::Full<bytes::Bytes>;
    ///
    /// // A relay in one's own network, whatever `HTTP_PROXY` is set to on a developer's machine.
    /// let client: Client<Body> = Client::builder().plain_http_only().proxies(Proxies::none()).build()?;
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn none() -> Self {
        Self::default()
    }

    /// This one for all hosts.
    ///
    /// # Errors
    ///
    /// The URL is none of a proxy. It is not repeated in the error: it may hold a password.
    ///
    /// ```
    /// use longhaul_hyper::Proxies;
    ///
    /// assert!(Proxies::all("socks5h://user:password@127.0.0.1:1080").is_ok());
    /// let error = Proxies::all("ftp://user:hunter2@127.0.0.1").unwrap_err();
    /// assert!(!error.to_string().contains("hunter2"));
    /// ```
    pub fn all(url: &str) -> Result<Self, ConfigError> {
        check("proxies", url)?;
        Ok(Self {
            http: url.to_owned(),
            https: url.to_owned(),
            ..Self::default()
        })
    }

    /// What the environment says, as curl reads it: `HTTPS_PROXY` for https, `HTTP_PROXY` for http,
    /// `ALL_PROXY` for what has none, and the hosts in `NO_PROXY` directly. Small letters do too.
    ///
    /// This machine (`localhost`, 127.0.0.0/8, `::1`) is always reached directly. In a CGI program, which
    /// has a `REQUEST_METHOD`, `HTTP_PROXY` is a caller's word and not read.
    ///
    /// # Errors
    ///
    /// A variable holds no URL of a proxy; the error names the variable, not its content.
    ///
    /// ```
    /// use longhaul_hyper::{Client, Proxies};
    /// # type Body = http_body_util::Full<bytes::Bytes>;
    ///
    /// // Read once, at the start of a program, where a wrong variable can still be told to somebody.
    /// let proxies = Proxies::from_env()?;
    /// let client: Client<Body> = Client::builder().plain_http_only().proxies(proxies).build()?;
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(|name| std::env::var_os(name))
    }

    /// The rules of [`from_env`](Self::from_env), apart from the environment, which tests must not change.
    fn read(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let text = |name: &str| {
            let names = [name.to_owned(), name.to_ascii_lowercase()];
            let found = names.into_iter().find_map(|name| {
                let value = variable(&name).filter(|value| !value.is_empty())?;
                Some((name, value))
            });
            found
                .map(|(name, value)| match value.into_string() {
                    Ok(value) => Ok((name, value)),
                    Err(_) => Err(ConfigError::new(&name, "is not text")),
                })
                .transpose()
        };
        let url = |name: &str| match text(name)? {
            None => Ok(None),
            Some((name, url)) => check(&name, &url).map(|()| Some(url)),
        };
        let all = url("ALL_PROXY")?.unwrap_or_default();
        let http = match variable("REQUEST_METHOD") {
            None => url("HTTP_PROXY")?,
            Some(_) => None,
        };
        Ok(Self {
            http: http.unwrap_or_else(|| all.clone()),
            https: url("HTTPS_PROXY")?.unwrap_or(all),
            except: text("NO_PROXY")?
                .map(|(_, hosts)| hosts)
                .unwrap_or_default(),
            spare_this_machine: true,
        })
    }

    /// These hosts directly, in place of those named before: names with all their subdomains, IP addresses and networks
    /// (`10.0.0.0/8`), separated by commas; `*` is every host.
    ///
    /// Unlike with the environment's proxies, this machine is among the hosts that go through the proxy unless it is
    /// named here.
    ///
    /// ```
    /// use longhaul_hyper::Proxies;
    ///
    /// let proxies = Proxies::all("http://proxy.example:3128")?.except("localhost,127.0.0.1,.internal,10.0.0.0/8");
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    #[must_use]
    pub fn except(mut self, hosts: &str) -> Self {
        hosts.clone_into(&mut self.except);
        self
    }

    /// What decides for each connection; made once, when the client is built.
    pub(crate) fn route(&self) -> Route {
        Route {
            matcher: Matcher::builder()
                .http(self.http.clone())
                .https(self.https.clone())
                .no(self.except.clone())
                .build(),
            spare_this_machine: self.spare_this_machine,
        }
    }
}

// By the matcher, which shows no user and no password.
impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.route().matcher.fmt(f)
    }
}

/// hyper-util passes over what it does not understand, and a proxy that is not used says nothing.
///
/// The error says what to write and not what stood there, which may hold a password.
fn check(field: &str, url: &str) -> Result<(), ConfigError> {
    let wrong = || {
        ConfigError::new(
            field,
            "is not the URL of a proxy: write http://host:port, https://host:port, socks5h://host:port or \
             socks5://host:port, with user:password@ before the host where it asks for them",
        )
    };
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let known = [
        None,
        Some("http"),
        Some("https"),
        Some("socks5"),
        Some("socks5h"),
    ];
    let host = uri.host().is_some_and(|host| !host.is_empty());
    let port_is_one = uri.authority().is_some_and(|authority| {
        // `http` takes a port of any length; what is none would be passed over.
        let after_host = authority.as_str().rsplit(['@', ']']).next();
        after_host.is_none_or(|rest| !rest.contains(':')) || authority.port_u16().is_some()
    });
    if known.contains(&uri.scheme_str()) && host && port_is_one {
        Ok(())
    } else {
        Err(wrong())
    }
}

/// Decides for each connection which proxy it goes through, if any.
#[derive(Debug)]
pub(crate) struct Route {
    matcher: Matcher,
    spare_this_machine: bool,
}

impl Route {
    /// The proxy on the way to `uri`, if there is one.
    pub(crate) fn proxy_for(&self, uri: &Uri) -> Option<Intercept> {
        if self.spare_this_machine && is_this_machine(uri.host()?) {
            return None;
        }
        self.matcher.intercept(uri)
    }
}

/// `localhost` and all loopback addresses, also in brackets and as IPv4 within IPv6. Other names of this machine are
/// not known here.
fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Proxies, ConfigError> {
        Proxies::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.into())
        })
    }

    fn proxy(proxies: &Proxies, uri: &str) -> Option<String> {
        let uri = uri.parse().expect("a URI");
        let found = proxies.route().proxy_for(&uri);
        found.map(|found| found.uri().to_string())
    }

    #[test]
    fn each_variable_does_what_curl_does_with_it() {
        let proxies = read(&[
            ("HTTPS_PROXY", "http://secure.example:3128"),
            ("all_proxy", "socks5h://all.example"),
            ("NO_PROXY", "spared.example, 10.0.0.0/8"),
        ])
        .expect("good variables");
        let rows = [
            ("https://a.example/", Some("http://secure.example:3128/")),
            ("http://a.example/", Some("socks5h://all.example/")),
            ("https://spared.example/", None),
            ("https://api.spared.example/", None),
            ("https://10.1.2.3/", None),
            ("https://localhost:1/", None),
            ("http://127.0.0.1/", None),
            ("http://[::1]/", None),
        ];
        for (uri, expected) in rows {
            assert_eq!(proxy(&proxies, uri).as_deref(), expected, "{uri}");
        }
    }

    #[test]
    fn no_variable_is_no_proxy() {
        for variables in [&[][..], &[("HTTPS_PROXY", "")]] {
            let proxies = read(variables).expect("nothing wrong");
            assert_eq!(proxy(&proxies, "https://a.example/"), None);
        }
    }

    #[test]
    fn a_callers_proxy_header_in_a_cgi_program_is_not_read() {
        let proxies = read(&[("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "evil.example")]);
        let proxies = proxies.expect("nothing wrong");
        assert_eq!(proxy(&proxies, "http://a.example/"), None);
    }

    #[test]
    fn what_is_no_proxy_is_refused_by_the_variables_name_alone() {
        for url in [
            "socks4://u:hunter2@a.example",
            "ftp://u:hunter2@a.example",
            "http://u:hunter2@a.example:port",
            "http://u:hunter2@a.example:99999",
            "/only/hunter2",
        ] {
            let error = read(&[("https_proxy", url)]).expect_err(url);
            assert_eq!(error.field(), "https_proxy");
            assert!(!error.to_string().contains("hunter2"), "{error}");
            Proxies::all(url).expect_err(url);
        }
    }

    #[test]
    fn user_and_password_are_not_shown() {
        let proxies = Proxies::all("http://Aladdin:sesame@a.example:3128").expect("good");
        let shown = format!("{proxies:?} {:?}", proxies.route());
        assert!(shown.contains("a.example"), "{shown}");
        assert!(
            !shown.contains("Aladdin") && !shown.contains("sesame"),
            "{shown}"
        );
    }

    #[test]
    fn what_is_set_by_hand_holds_for_this_machine_too() {
        let proxies = Proxies::all("http://a.example:3128").expect("good");
        assert!(proxy(&proxies, "http://127.0.0.1/").is_some());
        let spared = proxies.except("127.0.0.1");
        assert_eq!(proxy(&spared, "http://127.0.0.1/"), None);
        assert_eq!(proxy(&Proxies::none(), "https://b.example/"), None);
    }
}
