//! Instructions, counted by callgrind.
//!
//! Instructions do not depend on what else the machine does, so small changes show in them that time hides. They say
//! nothing of memory that is waited for; both stand side by side in the table. Two runs of different length are
//! subtracted, so that what both do once drops out.

use std::{
    collections::HashMap,
    error::Error,
    io,
    process::{Command, Stdio},
    thread,
};

use super::{
    Scenario,
    rounds::{Figures, Operation},
};
use crate::{child, contenders::names, report::Effort};

/// Instructions per operation, by the name of the contender.
#[derive(Debug)]
pub(super) enum Instructions {
    Counted(HashMap<&'static str, f64>),
    NoValgrind,
    NotAsked,
}

/// Two runs of different length: what both do once, such as starting, drops out of their difference.
const COUNTS: [u64; 2] = [100, 600];

/// Those for which a quick look asks.
const QUICK: [&str; 3] = [names::BARE, names::TIMEOUT, names::STACK];

impl Instructions {
    pub(super) fn count(
        scenario: &Scenario,
        contenders: &[Figures],
        effort: Effort,
    ) -> Result<Self, Box<dyn Error>> {
        if !is_there()? {
            return Ok(Self::NoValgrind);
        }
        let names: Vec<_> = contenders
            .iter()
            .map(|contender| contender.name)
            .filter(|name| effort == Effort::Full || QUICK.contains(name))
            .collect();
        // Nothing is timed here, so that all cores may count.
        let cores = thread::available_parallelism()?.get();
        let mut counted = HashMap::new();
        for names in names.chunks(cores) {
            let results = thread::scope(|scope| {
                let counting: Vec<_> = names
                    .iter()
                    .map(|name| {
                        scope.spawn(|| {
                            per_operation(name, scenario).map_err(|error| error.to_string())
                        })
                    })
                    .collect();
                counting
                    .into_iter()
                    .map(|one| {
                        one.join()
                            .map_err(|_| "counting panicked".to_owned())
                            .flatten()
                    })
                    .collect::<Result<Vec<_>, _>>()
            })?;
            counted.extend(names.iter().copied().zip(results));
        }
        Ok(Self::Counted(counted))
    }

    /// Of this contender; not a number if they were not counted.
    pub(super) fn of(&self, name: &str) -> f64 {
        match self {
            Self::Counted(counted) => counted.get(name).copied().unwrap_or(f64::NAN),
            Self::NoValgrind | Self::NotAsked => f64::NAN,
        }
    }
}

fn is_there() -> io::Result<bool> {
    let asked = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match asked {
        Ok(status) => Ok(status.success()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn per_operation(name: &str, scenario: &Scenario) -> Result<f64, Box<dyn Error>> {
    let [few, many] = COUNTS;
    let more = of_run(name, scenario, many)?.saturating_sub(of_run(name, scenario, few)?);
    Ok(more as f64 / (many - few) as f64)
}

fn of_run(name: &str, scenario: &Scenario, count: u64) -> Result<u64, Box<dyn Error>> {
    let (count, body) = (count.to_string(), scenario.body.to_string());
    let this = child::command(&["cost", "--one", name, "--count", &count, "--body", &body])?;
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(this.get_program())
        .args(this.get_args());
    if scenario.operation == Operation::Armed {
        command.arg("--armed");
    }
    let said = child::finished(&mut command)?.stderr;
    let said = String::from_utf8_lossy(&said);
    collected(&said)
        .ok_or_else(|| format!("callgrind did not say what it collected: {said}").into())
}

/// From `==7== Collected : 123456`.
fn collected(said: &str) -> Option<u64> {
    let (_, count) = said
        .lines()
        .find_map(|line| line.split_once("Collected : "))?;
    count.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::collected;

    #[test]
    fn the_count_is_read_from_what_callgrind_says() {
        let said = "==7== Events    : Ir\n==7== Collected : 123456\n==7== \n";
        assert_eq!(collected(said), Some(123_456));
        assert_eq!(collected("==7== nothing"), None);
    }
}
