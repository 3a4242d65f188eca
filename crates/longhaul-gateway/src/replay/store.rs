//! Where kept answers are, for all gateways of a fleet.
//!
//! A fleet needs one place for answers, since a caller may come back to any gateway. A database is none for pictures;
//! an object store is, and a folder that all mount is another (`file:///`), by the same code.
//!
//! An answer is put there when it is whole, never while it comes: an object is visible at once and as a whole, so
//! that who finds it has all of it. Every call of the store is bounded by a clock of its own, since a store that
//! hangs must not hold an operation open for ever.

#[cfg(feature = "cloud")]
mod cloud;
#[cfg(not(feature = "cloud"))]
mod cloud {
    pub(super) fn open(
        _: &super::ObjectStoreScheme,
        _: super::Url,
    ) -> Result<super::Arc<dyn super::ObjectStore>, super::ConfigError> {
        Err(super::not_built())
    }
}

use std::{fmt, sync::Arc, time::Duration, time::SystemTime};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use http_body_util::BodyExt;
use object_store::{
    ObjectStore, ObjectStoreExt, ObjectStoreScheme, buffered::BufWriter, local::LocalFileSystem,
    path::Path,
};
use tokio::{io::AsyncWriteExt, time::timeout};
use url::Url;

use super::{PublicId, ResponseBody, spool::make_folder};
use crate::core::{BoxError, ConfigError};

/// What errors name: the key of the configuration, below `replay`.
const KEY: &str = "store";
/// How long the store may be silent while an answer is read.
///
/// Also for everything that is one short request: a look, a removal.
const SILENCE: Duration = Duration::from_secs(60);
/// How long it may take to store one answer.
///
/// 40 MB over a line of 1 Mbit/s take 320 s.
const UPLOAD: Duration = Duration::from_secs(600);

/// Kept answers in an object store, each an object named by its operation. Cheap to clone.
///
/// With an index that gateways share, a caller may come back to any of them. What a store needs to let somebody in comes
/// from the environment, by the names that its own tools use: `AWS_ACCESS_KEY_ID` and what belongs to it,
/// `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_NAME` and `AZURE_STORAGE_ACCOUNT_KEY`; without them, from the
/// machine's role.
///
/// `Debug` shows the prefix and nothing that lets anybody in. Who may read the bucket may read the pictures: they are
/// stored as they came.
///
/// ```
/// use longhaul_gateway::replay::AnswerStore;
///
/// let folder = tempfile::tempdir()?;
/// let url = format!("file://{}", folder.path().join("answers").display());
/// let store = AnswerStore::open(&url)?;
/// assert!(folder.path().join("answers").is_dir(), "it was made");
/// assert!(AnswerStore::open("ftp://host/answers").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct AnswerStore {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

/// An answer that is read from the store.
///
/// The length is the store's, known before the first piece: fewer bytes than that are an error.
pub(super) struct StoredAnswer {
    pub(super) length: u64,
    pub(super) pieces: BoxStream<'static, Result<Bytes, BoxError>>,
}

impl AnswerStore {
    /// The store at `url`: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`, or `file:///folder`. All
    /// but the folder need this crate's feature `cloud`. Nothing is asked of the store yet.
    ///
    /// A bucket that does not exist, or a key that is wrong, is found out at the first answer: it is logged, and the
    /// answer stays in the folder. The log is where to look when the store stays empty.
    ///
    /// # Errors
    ///
    /// About `store`: a URL of another scheme, one for which this build has no client, and a folder that cannot be made.
    pub fn open(url: &str) -> Result<Self, ConfigError> {
        let (scheme, prefix, url) = parsed(url)?;
        if scheme == ObjectStoreScheme::Local {
            let folder = url
                .to_file_path()
                .map_err(|()| ConfigError::new(KEY, "write file:///, and the whole path"))?;
            make_folder(&folder)
                .map_err(|error| ConfigError::new(KEY, format!("{}: {error}", folder.display())))?;
            let store = LocalFileSystem::new_with_prefix(folder).map_err(refused)?;
            return Ok(Self {
                store: Arc::new(store),
                prefix: Path::default(),
            });
        }
        let store = cloud::open(&scheme, url)?;
        Ok(Self { store, prefix })
    }

    /// Refuses what [`open`](Self::open) would not take, without asking the environment.
    pub(crate) fn validate(url: &str) -> Result<(), ConfigError> {
        let (scheme, ..) = parsed(url)?;
        let in_a_cloud = matches!(
            scheme,
            ObjectStoreScheme::AmazonS3
                | ObjectStoreScheme::GoogleCloudStorage
                | ObjectStoreScheme::MicrosoftAzure
        );
        let is_local = matches!(scheme, ObjectStoreScheme::Local);
        let built = is_local || in_a_cloud && cfg!(feature = "cloud");
        if built { Ok(()) } else { Err(not_built()) }
    }

    /// Stores a whole answer.
    ///
    /// In parts, so that an answer of any length needs no memory of its length. An upload that fails is aborted, for
    /// parts that nobody completes are charged by the store.
    pub(super) async fn put(&self, id: PublicId, mut answer: ResponseBody) -> Result<(), BoxError> {
        let mut writer = BufWriter::new(self.store.clone(), self.path(id));
        let read = async {
            while let Some(frame) = answer.frame().await {
                if let Ok(data) = frame?.into_data() {
                    writer.put(data).await?;
                }
            }
            Ok::<_, BoxError>(())
        };
        let too_slow = |_| Err("the store takes too long".into());
        if let Err(error) = timeout(UPLOAD, read).await.unwrap_or_else(too_slow) {
            // Parts of it would be paid for until somebody cleans up. What fails later cleans up by itself.
            let _ = timeout(SILENCE, writer.abort()).await;
            return Err(error);
        }
        let end = async { writer.shutdown().await.map_err(BoxError::from) };
        timeout(UPLOAD, end).await.unwrap_or_else(too_slow)
    }

    /// The answer; `None` where it is not there.
    ///
    /// An error is not "not there": the caller is told to ask again, and not that its picture is gone.
    pub(super) async fn get(&self, id: PublicId) -> Result<Option<StoredAnswer>, BoxError> {
        let found = timeout(SILENCE, async { self.store.get(&self.path(id)).await }).await?;
        let found = match found {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let length = found.meta.size;
        let pieces = stream::try_unfold(found.into_stream(), |mut pieces| async move {
            let piece = timeout(SILENCE, pieces.try_next()).await??;
            Ok::<_, BoxError>(piece.map(|piece| (piece, pieces)))
        });
        Ok(Some(StoredAnswer {
            length,
            pieces: pieces.boxed(),
        }))
    }

    /// Removes the answer, if it is there.
    ///
    /// A failure is logged; the next gateway that starts finds the object by its age.
    pub(super) async fn remove(&self, id: PublicId) {
        let removed = timeout(SILENCE, async { self.store.delete(&self.path(id)).await }).await;
        match removed {
            Ok(Ok(()) | Err(object_store::Error::NotFound { .. })) => {}
            Ok(Err(error)) => tracing::warn!(%id, %error, "a kept answer is not removed"),
            Err(_) => tracing::warn!(%id, "a kept answer is not removed: the store takes too long"),
        }
    }

    /// The answers that were stored before, by their operations. What is not ours is none of them.
    ///
    /// By the store's own clock. Objects with other names, or deeper below the prefix, are somebody else's.
    pub(super) async fn stored_before(
        &self,
        before: SystemTime,
    ) -> Result<Vec<PublicId>, BoxError> {
        let prefix = (!self.prefix.as_ref().is_empty()).then_some(&self.prefix);
        let mut all = self.store.list(prefix);
        let mut found = Vec::new();
        while let Some(object) = timeout(SILENCE, all.try_next()).await?? {
            let id = object.location.filename().and_then(PublicId::of_digits);
            let stored = SystemTime::from(object.last_modified);
            if let Some(id) = id.filter(|id| self.path(*id) == object.location && stored < before) {
                found.push(id);
            }
        }
        Ok(found)
    }

    fn path(&self, id: PublicId) -> Path {
        self.prefix.clone().join(id.digits())
    }
}

/// A password in the URL would be shown by `--check`; keys come from the environment.
fn parsed(url: &str) -> Result<(ObjectStoreScheme, Path, Url), ConfigError> {
    let no_url = |error: &dyn fmt::Display| {
        let why = format!(
            "{error}: write s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///FOLDER"
        );
        ConfigError::new(KEY, why)
    };
    let url = Url::parse(url).map_err(|error| no_url(&error))?;
    if url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(no_url(
            &"a password, a query and a fragment have no place in it",
        ));
    }
    let (scheme, prefix) = ObjectStoreScheme::parse(&url).map_err(|error| no_url(&error))?;
    Ok((scheme, prefix, url))
}

fn refused(error: object_store::Error) -> ConfigError {
    ConfigError::new(KEY, error.to_string())
}

fn not_built() -> ConfigError {
    ConfigError::new(
        KEY,
        "there is no such store here, or this program was built without its feature `cloud`",
    )
}

impl fmt::Debug for AnswerStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerStore")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
