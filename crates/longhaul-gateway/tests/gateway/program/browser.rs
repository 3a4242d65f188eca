//! The page in a real browser.
//!
//! `LONGHAUL_BROWSER` names a folder with `node_modules/`, made of `tests/browser/package-lock.json`, and
//! `LONGHAUL_CHROMIUM` the browser. The step `browser` of `.ci/run` makes them; without them the test says that it is
//! skipped. Screenshots go to `LONGHAUL_SCREENSHOTS`; those in `docs/` were made by
//! `LONGHAUL_SCREENSHOTS=docs .ci/run browser`.

use std::{
    env,
    path::{Path, PathBuf},
};

use tokio::process::Command;

use super::{Program, sim};

/// The first call, then one ending after the other, then two calls that take long.
const SCRIPT: &str = "none+takes@400, none+takes@65, none+takes@110, overloaded, none+takes@180, cut@60, none+takes@70, \
                      bad-request, none+takes@600*9";

#[tokio::test]
async fn the_page_shows_a_call_its_end_and_its_money() {
    let (Some(driver), Some(chromium)) = (
        env::var_os("LONGHAUL_BROWSER"),
        env::var_os("LONGHAUL_CHROMIUM"),
    ) else {
        eprintln!("SKIPPED: LONGHAUL_BROWSER and LONGHAUL_CHROMIUM do not name driver and browser");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let asked = env::var_os("LONGHAUL_SCREENSHOTS").map(PathBuf::from);
    let screenshots = asked.unwrap_or_else(|| folder.path().to_owned());
    let (_provider, server) = sim(SCRIPT).await;
    let program = Program::start(folder.path(), &server.url(), |_| {}).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/page.mjs");
    let output = Command::new("node")
        .arg(script)
        .args([&program.admin, &program.url])
        .args([chromium.as_os_str(), screenshots.as_os_str()])
        .env("LONGHAUL_BROWSER", driver)
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
    for name in ["light", "dark", "phone"] {
        let picture = std::fs::read(screenshots.join(format!("gateway-{name}.png"))).unwrap();
        assert!(picture.starts_with(b"\x89PNG"), "{name}");
    }
}
