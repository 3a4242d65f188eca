//! Why a scenario's file cannot be used: which file, and what is wrong with which key.

use std::{error::Error, fmt};

/// Which file, and what is wrong with which key.
#[derive(Debug)]
pub(crate) struct ScenarioError {
    name: String,
    problem: String,
}

impl ScenarioError {
    pub(super) fn new(name: &str, problem: String) -> Self {
        Self {
            name: name.to_owned(),
            problem,
        }
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, problem } = self;
        write!(f, "scenario {name}: {problem}")
    }
}

impl Error for ScenarioError {}
