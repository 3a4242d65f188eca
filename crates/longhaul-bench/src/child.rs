//! This program once more, as a process of its own: for memory that nobody used before, for CPU time that is
//! nobody else's, and for valgrind.

use std::{
    env,
    error::Error,
    io,
    process::{Command, Output},
};

use serde::de::DeserializeOwned;

/// A command that runs this program with these arguments.
pub(crate) fn command(arguments: &[&str]) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.args(arguments);
    Ok(command)
}

/// Runs this program with these arguments and reads the JSON that it prints.
pub(crate) fn ask<T: DeserializeOwned>(arguments: &[&str]) -> Result<T, Box<dyn Error>> {
    let output = finished(&mut command(arguments)?)?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The same in a process that gives no memory back to the system: what it touched once stays warm.
pub(crate) fn ask_on_warm_memory<T: DeserializeOwned>(
    arguments: &[&str],
) -> Result<T, Box<dyn Error>> {
    let mut command = command(arguments)?;
    // glibc's; other allocators do not read it.
    command.env("MALLOC_TRIM_THRESHOLD_", (1_u64 << 40).to_string());
    let output = finished(&mut command)?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Runs it to its end; an error says what it said.
pub(crate) fn finished(command: &mut Command) -> Result<Output, Box<dyn Error>> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?} ended with {}: {}", output.status, said.trim()).into())
}
