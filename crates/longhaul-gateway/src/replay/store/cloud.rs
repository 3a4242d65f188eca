//! Buckets, reached by the gateway's own client: over the same TLS and proxies as everybody else.
//!
//! `object_store` brings no client of its own here: that would be a second TLS, with other roots and other proxies
//! than the calls have, in one program. What a bucket needs to know of keys is read from the environment by
//! `object_store`, by the names that the clouds' own tools use.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use http::uri::Scheme;
use http_body_util::BodyExt;
use longhaul_hyper::Client;
use object_store::{
    ClientConfigKey, ClientOptions, ObjectStore, ObjectStoreScheme, RetryConfig,
    aws::AmazonS3Builder,
    azure::MicrosoftAzureBuilder,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody,
        HttpResponse, HttpResponseBody, HttpService,
    },
    gcp::GoogleCloudStorageBuilder,
};
use tokio::time::timeout;
use tower::ServiceExt;
use url::Url;

use super::{not_built, refused};
use crate::core::{Class, ConfigError, Error};

/// Until the head of a store's answer.
///
/// A store that has not begun to answer by then does not: the request is made again within `AGAIN`.
const HEAD: Duration = Duration::from_secs(60);

/// How long a request that failed is sent again.
///
/// Five times at most within it. What fails after that is an answer that stays in the folder.
const AGAIN: Duration = Duration::from_secs(60);

/// The bucket at `url`, with what the environment says of it.
///
/// Asks the environment and not the network.
pub(super) fn open(
    scheme: &ObjectStoreScheme,
    url: Url,
) -> Result<Arc<dyn ObjectStore>, ConfigError> {
    let again = RetryConfig {
        max_retries: 5,
        retry_timeout: AGAIN,
        ..RetryConfig::default()
    };
    // Each has a type of its own.
    macro_rules! bucket {
        ($builder:ty) => {{
            let builder = <$builder>::from_env().with_url(url).with_retry(again);
            let store = builder.with_http_connector(Connect).build();
            Ok(Arc::new(store.map_err(refused)?))
        }};
    }
    match scheme {
        ObjectStoreScheme::AmazonS3 => bucket!(AmazonS3Builder),
        ObjectStoreScheme::GoogleCloudStorage => bucket!(GoogleCloudStorageBuilder),
        ObjectStoreScheme::MicrosoftAzure => bucket!(MicrosoftAzureBuilder),
        _ => Err(not_built()),
    }
}

/// Makes a client for a store.
///
/// A unit, since the client is made when the store asks for it; its options say whether plain http is allowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connect;

impl HttpConnector for Connect {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = Client::builder()
            .build()
            .map_err(|error| object_store::Error::Generic {
                store: "client",
                source: error.into(),
            })?;
        let allowed = options.get_config_value(&ClientConfigKey::AllowHttp);
        Ok(HttpClient::new(Call {
            client,
            plain: allowed.as_deref() == Some("true"),
        }))
    }
}

/// One request of the store, over the gateway's client.
struct Call {
    client: Client<HttpRequestBody>,
    /// Whether keys may go over plain http.
    plain: bool,
}

#[async_trait]
impl HttpService for Call {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if !self.plain && request.uri().scheme() != Some(&Scheme::HTTPS) {
            return Err(HttpError::new_boxed(
                HttpErrorKind::Unknown,
                "the store is reached over plain http only where that is allowed".into(),
            ));
        }
        let response = timeout(HEAD, self.client.clone().oneshot(request))
            .await
            .map_err(|error| HttpError::new(HttpErrorKind::Timeout, error))?
            .map_err(failed)?;
        Ok(response.map(|body| HttpResponseBody::new(body.map_err(failed))))
    }
}

/// Only what was never sent is a connect error, which `object_store` repeats for requests of any kind; of the rest it
/// repeats what is safe to repeat.
fn failed(error: Error) -> HttpError {
    let kind = match error.class() {
        Class::NeverSent => HttpErrorKind::Connect,
        _ => HttpErrorKind::Interrupted,
    };
    HttpError::new(kind, error)
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("plain", &self.plain)
            .finish_non_exhaustive()
    }
}
