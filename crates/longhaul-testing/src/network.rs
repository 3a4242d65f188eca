//! A network of one's own, for what no proxy can play: packets that vanish.
//!
//! A socket that is closed tells both ends. A NAT that forgot a connection, or a cable that was pulled, tells nobody;
//! then only keepalive and user timeouts find out, and whether they are set right shows in the kernel alone. Making a
//! namespace needs root (or its right to administer networks), so on most machines these tests are skipped.

use std::{
    io::Write as _,
    net::Ipv4Addr,
    process::{self, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::find;

/// A network namespace that hangs on this machine by one virtual cable, on which packets can be lost.
///
/// What runs inside is reached at [`inside`](Self::inside). All losses happen inside, so that nothing else on the machine
/// notices. The namespace and the cable are removed when this is dropped.
///
/// ```no_run
/// use longhaul_testing::{Network, Running};
///
/// let Some(network) = Network::new() else { return };
/// let _server = Running::start(&mut network.command("nginx"));
/// let address = network.inside();
/// network.lose(100);
/// // … whoever calls `address` hears nothing, not even a refusal …
/// network.heal();
/// ```
#[derive(Debug)]
pub struct Network {
    /// Of the namespace; the names of its cable begin with it.
    name: String,
    /// Which of the pairs of addresses it has.
    subnet: u32,
}

impl Network {
    /// A network of one's own.
    ///
    /// `None`, said aloud, where the tools (`ip`, `nft`) are missing, or where the machine does not let this user make
    /// network namespaces: in a container without the right to, nothing can be done about that.
    ///
    /// # Panics
    ///
    /// If the namespace can be made and the rest cannot; under `CI=true` also if the tools are missing.
    pub fn new() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let _tools = (find("ip")?, find("nft")?);
        let network = Self {
            // Names of links may have 15 letters.
            name: format!("lh{}-{number}", process::id()),
            subnet: process::id().wrapping_mul(8).wrapping_add(number) % SUBNETS,
        };
        let made = run(Command::new("ip").args(["netns", "add", &network.name]), "");
        if let Err(why) = made {
            eprintln!("SKIPPED: this machine does not allow network namespaces: {why}");
            return None;
        }
        network.connect();
        Some(network)
    }

    /// Makes the cable, with an address at either end.
    fn connect(&self) {
        let (name, outer, inner) = (&*self.name, self.outer(), self.inner());
        let (here, there) = (
            format!("{}/30", self.outside()),
            format!("{}/30", self.inside()),
        );
        for command in [
            &[
                "link", "add", &outer, "type", "veth", "peer", "name", &inner, "netns", name,
            ][..],
            &["addr", "add", &here, "dev", &outer],
            &["link", "set", &outer, "up"],
            &["-n", name, "addr", "add", &there, "dev", &inner],
            &["-n", name, "link", "set", &inner, "up"],
            &["-n", name, "link", "set", "lo", "up"],
        ] {
            must(Command::new("ip").args(command), "");
        }
    }

    /// The address at which what runs inside is reached.
    pub fn inside(&self) -> Ipv4Addr {
        self.address(2)
    }

    /// The address that those outside have for those inside.
    pub fn outside(&self) -> Ipv4Addr {
        self.address(1)
    }

    /// Addresses that are set apart for tests of networks (RFC 2544).
    fn address(&self, host: u32) -> Ipv4Addr {
        const TESTS: u32 = u32::from_be_bytes([198, 18, 0, 0]);
        Ipv4Addr::from(TESTS + self.subnet * 4 + host)
    }

    /// `program`, to be run inside.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// From now on so many of a hundred packets are lost, in each direction; 100 are a black hole, which tells nobody.
    ///
    /// # Panics
    ///
    /// If the kernel does not know how.
    ///
    /// It replaces what was said before of losses, refusals and acknowledgements.
    pub fn lose(&self, percent: u8) {
        let drop = match percent {
            100.. => "counter drop".to_owned(),
            _ => format!("numgen random mod 100 < {percent} counter drop"),
        };
        let drop = format!("{drop};");
        self.rules(&drop, &drop);
    }

    /// What happens to packets that come, and to those that leave.
    fn rules(&self, coming: &str, leaving: &str) {
        let rules = format!(
            "table inet losses
            delete table inet losses
            table inet losses {{
                chain coming {{ type filter hook input priority 0; {coming} }}
                chain leaving {{ type filter hook output priority 0; {leaving} }}
            }}"
        );
        must(self.command("nft").args(["-f", "-"]), &rules);
    }

    /// From now on connections open and requests arrive, and whoever sends them never learns of it.
    ///
    /// # Panics
    ///
    /// If the kernel does not know how.
    pub fn lose_acknowledgements(&self) {
        self.rules("", "tcp flags & syn == 0 counter drop;");
    }

    /// From now on whatever comes is answered with ICMP's “host unreachable”, and nothing else leaves.
    ///
    /// # Panics
    ///
    /// If the kernel does not know how.
    pub fn refuse(&self) {
        self.rules(
            "meta l4proto tcp counter reject with icmp type host-unreachable;",
            "meta l4proto tcp counter drop;",
        );
    }

    /// How many packets were lost since the last [`lose`](Self::lose).
    ///
    /// # Panics
    ///
    /// If the kernel does not tell.
    pub fn lost(&self) -> u64 {
        let listed = self.command("nft").args(["list", "ruleset"]).output();
        let listed = listed.expect("nft runs").stdout;
        let listed = String::from_utf8_lossy(&listed);
        let counters = listed.split("counter packets ").skip(1);
        let counts = counters.filter_map(|rest| rest.split(' ').next()?.parse::<u64>().ok());
        counts.sum()
    }

    /// From now on no packet is lost.
    ///
    /// # Panics
    ///
    /// If the kernel does not know how.
    pub fn heal(&self) {
        must(self.command("nft").args(["flush", "ruleset"]), "");
    }

    /// Pulls the cable.
    ///
    /// # Panics
    ///
    /// If it cannot be pulled.
    ///
    /// Unlike with [`lose`](Self::lose) the end outside is down as well, which the kernel there knows.
    pub fn unplug(&self) {
        must(
            Command::new("ip").args(["link", "set", &self.outer(), "down"]),
            "",
        );
    }

    /// Plugs it in again.
    ///
    /// # Panics
    ///
    /// If it cannot be plugged in.
    pub fn plug(&self) {
        must(
            Command::new("ip").args(["link", "set", &self.outer(), "up"]),
            "",
        );
    }

    /// The end of the cable outside.
    fn outer(&self) -> String {
        format!("{}o", self.name)
    }

    /// The end of the cable inside.
    fn inner(&self) -> String {
        format!("{}i", self.name)
    }
}

/// How many pairs of addresses there are in 198.18.0.0/15.
const SUBNETS: u32 = 1 << 15;

impl Drop for Network {
    fn drop(&mut self) {
        // The cable goes at once; by itself it would stay as long as anything runs inside.
        let _ = run(Command::new("ip").args(["link", "del", &self.outer()]), "");
        let _ = run(Command::new("ip").args(["netns", "del", &self.name]), "");
    }
}

/// Runs `command`, and panics with what it complained about.
fn must(command: &mut Command, input: &str) {
    if let Err(why) = run(command, input) {
        panic!("{command:?}: {why}");
    }
}

/// Runs `command` to its end, and fails with what it complained about.
fn run(command: &mut Command, input: &str) -> Result<(), String> {
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let output = piped.spawn().and_then(|mut child| {
        // Dropped at once: the end of the input.
        child
            .stdin
            .take()
            .expect("piped")
            .write_all(input.as_bytes())?;
        child.wait_with_output()
    });
    match output {
        Ok(Output { status, .. }) if status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
