//! Runs every benchmark and writes `BENCHMARKS.md` with its plots.
//!
//! The facts of the machine come first, then the parts in a fixed order, each with the command that measures it alone.
//! With `--only` the file holds the named parts and nothing else.

mod aim;
mod machine;
mod section;

use std::{
    error::Error,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use clap::builder::PossibleValuesParser;

pub(crate) use self::{
    aim::{Aim, aims},
    section::{Effort, Section},
};
use crate::{cost, gateway, in_flight, ledger, outcomes, table::table, wire, workload};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Small numbers, about a minute: shows that all runs, not how fast
    #[arg(long)]
    quick: bool,
    /// Only this part: the name of its command; may be given several times
    #[arg(long, value_name = "COMMAND", value_parser = PossibleValuesParser::new(PARTS.map(|part| part.command)))]
    only: Vec<String>,
    /// Where BENCHMARKS.md and its plots go
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

/// One benchmark of the report.
struct Part {
    /// The command, after the program's name, that measures it alone.
    command: &'static str,
    measure: fn(Effort) -> Result<Section, Box<dyn Error>>,
}

/// In the order of the report.
const PARTS: [Part; 7] = [
    Part {
        command: "outcomes",
        measure: outcomes::section,
    },
    Part {
        command: "cost",
        measure: cost::section,
    },
    Part {
        command: "in-flight",
        measure: in_flight::section,
    },
    Part {
        command: "workload",
        measure: workload::section,
    },
    Part {
        command: "wire",
        measure: wire::section,
    },
    Part {
        command: "gateway",
        measure: gateway::section,
    },
    Part {
        command: "ledger",
        measure: ledger::section,
    },
];

/// Where the plots are, from where `BENCHMARKS.md` is.
const PLOTS: &str = "crates/longhaul-bench/plots";

pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let effort = Effort::quick_if(options.quick);
    let plots = options.out.join(PLOTS);
    let chosen = |part: &&Part| {
        options.only.is_empty() || options.only.iter().any(|only| only == part.command)
    };
    let parts: Vec<_> = PARTS.iter().filter(chosen).collect();
    // Before the minutes of measuring, and not after them.
    if parts.iter().any(|part| part.command == "gateway") {
        gateway::program()?;
    }
    fs::create_dir_all(&plots).map_err(|error| cannot_write(&plots, &error))?;
    let mut text = preface(effort);
    for part in parts {
        eprintln!("longhaul-bench: measuring {}", part.command);
        let section =
            (part.measure)(effort).map_err(|error| format!("{}: {error}", part.command))?;
        for (name, svg) in &section.plots {
            let path = plots.join(name);
            fs::write(&path, svg).map_err(|error| cannot_write(&path, &error))?;
        }
        write_section(&mut text, part, &section);
    }
    let path = options.out.join("BENCHMARKS.md");
    fs::write(&path, text).map_err(|error| cannot_write(&path, &error))?;
    println!("{}", path.display());
    Ok(())
}

fn cannot_write(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write {}: {error}; see --out", path.display())
}

fn preface(effort: Effort) -> String {
    let mut facts = table(["", "measured on"]);
    for (name, value) in machine::facts() {
        facts.add_row([name.to_owned(), value]);
    }
    let again = match effort {
        Effort::Full => "cargo run --release -p longhaul-bench -- report",
        Effort::Quick => "cargo run --release -p longhaul-bench -- report --quick",
    };
    let warning = match effort {
        Effort::Full => "",
        Effort::Quick => {
            "\n**A quick run: it shows that all runs, and its figures are not for comparing.**\n"
        }
    };
    format!(
        "# Benchmarks\n\nWritten by a program, on the machine below, side by side with peers; how to read it is in \
         [benches/README.md](crates/longhaul-bench/benches/README.md). An aim that is missed says so. All of it again:\n\n\
         ```sh\n{again}\n```\n{warning}\n{facts}\n"
    )
}

fn write_section(text: &mut String, part: &Part, section: &Section) {
    let _ = write!(
        text,
        "\n## {}\n\n```sh\ncargo run --release -p longhaul-bench -- {}\n```\n\n{}",
        section.title,
        part.command,
        section.markdown.replace("](plots/", &format!("]({PLOTS}/")),
    );
    for (name, _) in &section.plots {
        // Those that a section shows where it likes are not shown again.
        if !section.markdown.contains(&format!("](plots/{name})")) {
            let _ = write!(
                text,
                "\n![{}]({PLOTS}/{name})\n",
                name.trim_end_matches(".svg")
            );
        }
    }
}
