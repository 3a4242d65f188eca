//! A provider, a proxy before it, and the stack before both.

use longhaul::{Class, diagnosis::Cause, policy::Policy};
use longhaul_sim::{Builder, Dialect, Totals};
use longhaul_testing::{
    HaProxy, Mode, Nginx,
    harness::{Ended, Harness, perform, plain, provider, request},
};
use tower::Layer;

/// A proxy that gives up after a second; the picture takes longer.
pub(crate) const SECOND: &str = "none+takes@150";
/// A picture that is there before.
pub(crate) const SOON: &str = "none+takes@10";

/// nginx with these directives before the provider of `scene`, and its address.
pub(crate) fn nginx(scene: &Harness, directives: &str) -> Option<(Nginx, String)> {
    let nginx = Nginx::before(scene.server.addr(), directives)?;
    let url = nginx.url();
    Some((nginx, url))
}

/// HAProxy likewise.
pub(crate) fn haproxy(scene: &Harness, mode: Mode, settings: &str) -> Option<(HaProxy, String)> {
    let haproxy = HaProxy::before(scene.server.addr(), mode, settings)?;
    let url = haproxy.url();
    Some((haproxy, url))
}

/// The provider that meets these faults one after the other, asked under this policy.
pub(crate) async fn scene(script: &str, policy: Policy) -> Harness {
    Harness::with(provider(script), policy).await
}

/// This provider, asked under the default policy.
pub(crate) async fn scene_of(provider: Builder) -> Harness {
    Harness::with(provider, Policy::default()).await
}

/// One picture by the way that begins at `url`.
pub(crate) async fn ask(scene: &Harness, url: &str) -> Ended {
    perform(scene.stack.layer(plain()), request(url, Dialect::OpenAi)).await
}

/// What the provider received whole, charged and delivered, once it has come to rest.
pub(crate) async fn counts(scene: &Harness) -> (u64, u64, u64) {
    scene.assert_agreement().await;
    let Totals {
        read_whole,
        charged,
        delivered,
        ..
    } = scene.provider.oracle().totals();
    (read_whole, charged, delivered)
}

/// That the first attempt was cut by a proxy, which is named as the sender of the answer.
pub(crate) fn assert_cut_by(sender: &str, ended: &Ended) {
    let attempt = &ended.report.attempts()[0];
    assert_eq!(attempt.class(), Some(Class::IntermediaryCut));
    assert_eq!(attempt.answered_by(), Some(sender));
}

/// That the whole operation failed because of it, and the diagnosis says so.
pub(crate) fn assert_diagnosed(sender: &str, ended: &Ended) {
    let diagnosis = ended.report.diagnosis().expect("it did not end well");
    assert!(
        matches!(diagnosis.cause, Cause::Intermediary(_)),
        "{diagnosis:?}"
    );
    let said = format!("{sender} answered, not the provider");
    assert!(diagnosis.evidence.contains(&said), "{diagnosis:?}");
}
