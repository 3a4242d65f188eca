//! How a supervisor tells a program to end: SIGTERM from systemd, Docker and Kubernetes, Ctrl-C from a person.

use tokio::signal;

/// Ends at Ctrl-C, or at the SIGTERM of a supervisor.
///
/// The first signal ends it; from then on the process no longer dies by that signal, so that a second Ctrl-C does not
/// cut short what is being written down. Where SIGTERM cannot be waited for, that is logged, and Ctrl-C remains.
pub async fn stop_signal() {
    #[cfg(unix)]
    {
        let terminated = async {
            match signal::unix::signal(signal::unix::SignalKind::terminate()) {
                Ok(mut terminated) => {
                    terminated.recv().await;
                }
                Err(error) => {
                    tracing::warn!(%error, "SIGTERM cannot be waited for");
                    std::future::pending().await
                }
            }
        };
        tokio::select! {
            _ = signal::ctrl_c() => {}
            () = terminated => {}
        }
    }
    #[cfg(not(unix))]
    {
        let _ = signal::ctrl_c().await;
    }
}
