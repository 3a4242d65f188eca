use super::*;

fn refused(text: &str) -> String {
    Config::from_toml(text).unwrap_err().to_string()
}

const UPSTREAM: &str = "[[upstreams]]\nname = \"a\"\nurl = \"https://a.example\"\n";

#[test]
fn without_keys_only_a_loopback_address_is_listened_at() {
    for address in ["0.0.0.0:1", "192.0.2.1:1", "[::]:1"] {
        let error = refused(&format!("listen = \"{address}\"\n{UPSTREAM}"));
        assert!(
            error.contains("`listen`") && error.contains("key new"),
            "{error}"
        );
    }
    for address in [
        "127.0.0.1:1",
        "127.9.9.9:1",
        "[::1]:1",
        "[::ffff:127.0.0.1]:1",
    ] {
        Config::from_toml(&format!("listen = \"{address}\"\n{UPSTREAM}")).unwrap();
    }
    let keys = format!(
        "listen = \"0.0.0.0:1\"\n[[keys]]\nname = \"x\"\nsha256 = \"{}\"\n{UPSTREAM}key = \"none\"\n",
        "0".repeat(64)
    );
    Config::from_toml(&keys).unwrap();
}

#[test]
fn what_cannot_work_is_refused_by_its_key() {
    let key = format!("[[keys]]\nname = \"x\"\nsha256 = \"{}\"\n", "0".repeat(64));
    for (text, named) in [
        (String::new(), "`upstreams`"),
        (format!("colour = 1\n{UPSTREAM}"), "colour"),
        (
            format!("[limits]\nhead_time = \"0s\"\n{UPSTREAM}"),
            "`limits.head_time`",
        ),
        (
            format!("[limits]\nhead_bytes = 1\n{UPSTREAM}"),
            "`limits.head_bytes`",
        ),
        (
            format!("[replay]\nlease = \"0s\"\n{UPSTREAM}"),
            "`replay.lease`",
        ),
        (
            format!("[replay]\nquota_bytes = 0\n{UPSTREAM}"),
            "`replay.quota_bytes`",
        ),
        (
            format!("[replay]\nstore = \"ftp://answers\"\n{UPSTREAM}"),
            "`replay.store`",
        ),
        (
            format!("[replay]\nstore = \"s3://me:secret@answers\"\n{UPSTREAM}"),
            "`replay.store`",
        ),
        (
            format!("[replay]\non = false\nstore = \"file:///answers\"\n{UPSTREAM}"),
            "`replay.store`",
        ),
        (format!("{UPSTREAM}places = 0"), "`upstreams[0].places`"),
        (
            format!("{UPSTREAM}hosts = [\"a.example:8080\"]"),
            "`upstreams[0].hosts`",
        ),
        (
            format!("{UPSTREAM}hosts = [\"https://a.example\"]"),
            "`upstreams[0].hosts`",
        ),
        (
            format!("{UPSTREAM}models = [\"gpt-*-image\"]"),
            "`upstreams[0].models`",
        ),
        (
            format!("{UPSTREAM}paths = [\"v1\"]"),
            "`upstreams[0].paths`",
        ),
        (
            format!("{UPSTREAM}[upstreams.policy.retry]\npaid_attempts = 0"),
            "`upstreams[0].policy.retry.paid_attempts`",
        ),
        (
            format!("{UPSTREAM}[upstreams.policy.retry]\nattempt = 1"),
            "attempt",
        ),
        (
            format!("{UPSTREAM}exchange = \"tasks\""),
            "nothing is known of a.example there: name it under `tasks.hosts`",
        ),
        (
            format!("{UPSTREAM}[upstreams.stream]"),
            "`upstreams[0].stream`",
        ),
        (
            format!("{UPSTREAM}exchange = \"tasks\"\n[upstreams.tasks]\npoll_timeout = \"0s\""),
            "`upstreams[0].tasks.poll_timeout`",
        ),
        (format!("{UPSTREAM}{UPSTREAM}"), "`upstreams[1].name`"),
        (
            "[[upstreams]]\nname = \"a\"\nurl = \"a.example\"\n".into(),
            "`upstreams[0].url`",
        ),
        (format!("{key}{UPSTREAM}"), "`upstreams[0].key`"),
        (format!("{key}{key}{UPSTREAM}"), "`keys[1].name`"),
        (
            "[[keys]]\nname = \"x\"\nsha256 = \"12\"\n".into(),
            "64 hexadecimal",
        ),
    ] {
        let error = refused(&text);
        assert!(error.contains(named), "{named} is not named in: {error}");
    }
}

#[test]
fn what_is_in_force_reads_back_and_shows_no_password() {
    let text = format!(
        "ledger = \"postgres://me:secret@db.example/spend?password=secret\"\n[heartbeat]\nafter = \"20s\"\n{UPSTREAM}\
         key = {{ env = \"A_KEY\" }}\n[[upstreams.policy.billing.prices]]\nprovider = \"*\"\nmodel = \"*\"\n\
         price = \"0.01 USD\"\n"
    );
    let config = Config::from_toml(&text).unwrap();
    let shown = config.to_toml().unwrap();
    assert!(!shown.contains("secret"), "{shown}");
    let back = Config::from_toml(&shown).unwrap();
    assert_eq!(back.ledger, "postgres://db.example/spend");
    assert_eq!(
        (back.heartbeat, back.upstreams),
        (config.heartbeat, config.upstreams)
    );
}

#[test]
fn paths_are_beside_the_file_and_databases_from_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    fs::write(&file, UPSTREAM).unwrap();
    let config = Config::load(&file).unwrap();
    assert_eq!(Path::new(&config.ledger), folder.path().join("ledger.db"));
    assert_eq!(config.replay.folder, folder.path().join("answers"));
    fs::write(
        &file,
        format!("ledger = \"${{LONGHAUL_TEST_NOT_SET}}\"\n{UPSTREAM}"),
    )
    .unwrap();
    let error = Config::load(&file).unwrap_err().to_string();
    assert!(error.contains("LONGHAUL_TEST_NOT_SET"), "{error}");
}

#[test]
fn an_exchange_is_for_hosts_that_its_policy_knows() {
    let text = UPSTREAM.replace("a.example", "api.openai.com") + "exchange = \"tasks\"\n";
    let config = Config::from_toml(&text).unwrap();
    assert_eq!(config.upstreams[0].exchange, Exchange::Tasks);
    let text = format!(
        "{UPSTREAM}exchange = \"stream\"\n[upstreams.stream.hosts]\n\"A.example\" = {{ api = \"images\" }}\n"
    );
    let config = Config::from_toml(&text).unwrap();
    let back = Config::from_toml(&config.to_toml().unwrap()).unwrap();
    assert_eq!(back.upstreams, config.upstreams);
}

#[test]
fn the_example_is_a_configuration() {
    let config = Config::from_toml(include_str!("../../gateway.toml")).unwrap();
    assert_eq!(config.upstreams.len(), 2);
    assert_eq!(config.heartbeat, HeartbeatConfig::default());
    assert_eq!(config.replay, ReplayConfig::default());
    assert_eq!(config.limits, ServerLimits::default());
}

#[test]
fn a_key_behind_a_byte_order_mark_is_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "\u{feff}sk-1\r\n").unwrap();
    let key = ProviderKey::File(file).read().unwrap().unwrap();
    let header = key.header(&http::header::AUTHORIZATION).unwrap();
    assert_eq!(header, "Bearer sk-1");
}
