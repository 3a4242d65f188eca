//! Whom to trust: the platform's store, read once for each client that is built.
//!
//! The platform's store and not a list compiled in, because networks of companies add their own roots there, and
//! because a list compiled in is as old as the program.

use longhaul::ConfigError;
use rustls::RootCertStore;
use rustls_native_certs::{CertificateResult, load_native_certs};

/// The platform's root certificates, at least one.
pub(super) fn of_platform() -> Result<RootCertStore, ConfigError> {
    usable(load_native_certs())
}

/// No root at all is refused when the client is built: each call would otherwise fail in the handshake, with an error
/// that speaks of an unknown issuer.
fn usable(found: CertificateResult) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    // Platforms carry a few that are malformed; one good one is enough to go on.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let reasons: String = found
            .errors
            .iter()
            .map(|error| format!("; {error}"))
            .collect();
        return Err(ConfigError::new(
            "tls_config",
            format!(
                "no root certificates on this machine: install them (`ca-certificates`), name a file in \
                 SSL_CERT_FILE, give a `.tls_config(..)`, or choose `.plain_http_only()`{reasons}"
            ),
        ));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_roots_is_an_error_that_says_what_to_do() {
        let error = usable(CertificateResult::default()).expect_err("no certificate");

        assert_eq!(error.field(), "tls_config");
        for way_out in [
            "ca-certificates",
            "SSL_CERT_FILE",
            ".tls_config",
            ".plain_http_only",
        ] {
            assert!(error.to_string().contains(way_out), "{error}");
        }
    }
}
