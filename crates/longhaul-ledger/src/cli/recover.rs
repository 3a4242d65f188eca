//! `recover`: closes the attempts whose process died.
//!
//! Exit code 3 means that attempts were lost. A unit that runs this before the gateway starts can tell somebody; the
//! gateway itself recovers when it opens its ledger.

use std::io;

use longhaul_ledger::{recover, recover_despite_damage};

use super::{Common, Ending, Failure, list, output::say};

#[derive(Debug, clap::Args)]
pub(crate) struct RecoverOptions {
    /// Go on with what can be read of a damaged log; the rest is kept beside it
    #[arg(long)]
    despite_damage: bool,
}

pub(crate) async fn run(common: &Common, options: &RecoverOptions) -> Result<Ending, Failure> {
    let location = common.location()?;
    let lost = if options.despite_damage {
        recover_despite_damage(&location).await?
    } else {
        recover(&location).await?
    };
    let stands = format!("{} attempts were lost with their process", lost.len());
    match list::write(common, &lost) {
        Ok(()) => {}
        // Whoever reads has enough; the effect stands.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => {
            let stands = format!("{stands}, and are closed: `list` shows them");
            return Err(Failure::Output(error, stands));
        }
    }
    say(stands);
    Ok(if lost.is_empty() {
        Ending::Done
    } else {
        Ending::Noted
    })
}
