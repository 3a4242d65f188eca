//! A changed configuration is taken over while the gateway runs; one that cannot work is refused, and the old one stays.

use std::{path::PathBuf, sync::PoisonError, time::Duration};

use super::{Arc, Gateway, HashMap, routing::Routing, with_cap};
use crate::{
    config::{Config, ProviderKey},
    core::ConfigError,
};

/// Between two looks at the file. It is read and not watched, so that network file systems and Kubernetes's links work
/// like any other file.
const PAUSE: Duration = Duration::from_secs(2);

impl Gateway {
    /// Callers, upstreams and limits of `config` hold for calls that come from now on; calls in flight keep what they began
    /// with. An error changes nothing.
    ///
    /// Everything below `upstreams` is built anew: connections, places, and what was learned of
    /// [routes](longhaul::RouteHistory). Calls in flight keep their places in the old upstream, so that until they
    /// end up to twice as many may run. Listeners, databases, `replay`, `collected`, `heartbeat` and `drain` stay as
    /// they were, and so do `limits.head_bytes`, `limits.head_time` and `limits.connections`.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new) that callers, upstreams and limits can cause, and `state` where a new caller's
    /// spending cannot be read.
    pub async fn reload(&self, config: &Config) -> Result<(), ConfigError> {
        config.validate()?;
        // Before the accounts: what cannot work changes no cap.
        let mut routing = Routing::new(
            config,
            self.0.judged.replays().is_some(),
            HashMap::new(),
            &self.0.books,
            &self.0.history,
        )?;
        routing.accounts = with_cap(config, &self.0.accounts, self.0.judged.replays()).await?;
        let routing = Arc::new(routing);
        let mut in_force = self
            .0
            .routing
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        in_force.measure_gone(&routing);
        *in_force = routing;
        Ok(())
    }

    /// Takes over what changes in the file at `path`, of which `config` was read. Never ends.
    ///
    /// It looks every two seconds, at the files with keys as well, and reloads where anything differs, and two looks find the
    /// same: half of a file that is being written may be a configuration too. A file that
    /// cannot work is logged once for each mistake, and the old configuration stays. To be spawned on a task;
    /// aborted, the gateway keeps what it has.
    pub async fn follow(&self, path: PathBuf, config: Config) {
        let mut last = (config.clone(), keys(&config));
        let (mut seen, mut refused) = (None, None);
        loop {
            tokio::time::sleep(PAUSE).await;
            let file = path.clone();
            let read = tokio::task::spawn_blocking(move || {
                let config = Config::load(&file)?;
                let keys = keys(&config);
                Ok::<_, ConfigError>((config, keys))
            });
            let taken = match read.await {
                Err(_) => continue,
                Ok(Err(error)) => Err(error),
                Ok(Ok(read)) if read == last => {
                    (seen, refused) = (None, None);
                    continue;
                }
                Ok(Ok(read)) if seen.as_ref() != Some(&read) => {
                    seen = Some(read);
                    continue;
                }
                Ok(Ok(read)) => self.reload(&read.0).await.map(|()| read),
            };
            match taken {
                Ok(read) => {
                    tracing::info!(file = %path.display(), "the configuration has changed, and is in force");
                    if !same_until_restart(&last.0, &read.0) {
                        tracing::warn!(
                            "`listen`, `admin`, `ledger`, `state`, `replay`, `collected`, `heartbeat`, `drain` and, of `limits`, `head_bytes`, \
                             `head_time` and `connections` change with a restart only"
                        );
                    }
                    last = read;
                    refused = None;
                }
                Err(error) => {
                    // Said once for each mistake, not every two seconds.
                    let said = error.to_string();
                    if refused.as_ref() != Some(&said) {
                        tracing::error!(file = %path.display(), %error, "the changed configuration is refused; the old one stays");
                        refused = Some(said);
                    }
                }
            }
        }
    }
}

/// The contents of the files that hold providers' keys: a key can change without the configuration.
///
/// Compared and never kept beyond the next look. A file that cannot be read is `None`: it is refused when the
/// upstream reads it.
fn keys(config: &Config) -> Vec<Option<Vec<u8>>> {
    let of = |key: &Option<ProviderKey>| match key {
        Some(ProviderKey::File(path)) => std::fs::read(path).ok(),
        _ => None,
    };
    config
        .upstreams
        .iter()
        .map(|upstream| of(&upstream.key))
        .collect()
}

fn same_until_restart(old: &Config, new: &Config) -> bool {
    let fixed = |config: &Config| {
        let Config {
            listen,
            admin,
            ledger,
            state,
            drain,
            replay,
            collected,
            heartbeat,
            limits,
            ..
        } = config.clone();
        (
            (listen, admin, ledger, state, drain, replay),
            (collected, heartbeat),
            (limits.head_bytes, limits.head_time, limits.connections),
        )
    };
    fixed(old) == fixed(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half of a file may be a configuration: one without a caller, or an upstream.
    #[tokio::test(start_paused = true)]
    async fn a_file_is_taken_when_it_is_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gateway.toml");
        let upstream =
            |name| format!("[[upstreams]]\nname = '{name}'\nurl = 'http://127.0.0.1:9'\n");
        let kept = "ledger = 'memory'\nstate = 'memory'\n";
        let both = format!("{kept}{}{}", upstream("a"), upstream("b"));
        std::fs::write(&file, &both).unwrap();
        let config = Config::load(&file).unwrap();
        let gateway = Gateway::new(&config).await.unwrap();
        let following = gateway.clone();
        let path = file.clone();
        let following = tokio::spawn(async move { following.follow(path, config).await });
        let names = || {
            let upstreams = gateway.upstreams();
            upstreams
                .iter()
                .map(|one| one.name().to_owned())
                .collect::<Vec<_>>()
                .join(" ")
        };
        tokio::time::sleep(PAUSE / 2).await;
        std::fs::write(&file, format!("{kept}{}", upstream("a"))).unwrap();
        tokio::time::sleep(PAUSE).await;
        assert_eq!(names(), "a b", "the rest is still being written");
        std::fs::write(&file, format!("{both}{}", upstream("c"))).unwrap();
        tokio::time::sleep(PAUSE * 3).await;
        assert_eq!(names(), "a b c");
        following.abort();
    }
}
