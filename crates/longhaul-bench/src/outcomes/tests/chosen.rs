use std::fs;

use crate::outcomes::{chosen_policies, chosen_scenarios, policies};

fn scenario(name: &str) -> Result<String, String> {
    match chosen_scenarios(&[name.to_owned()]) {
        Ok(chosen) => Ok(chosen[0].title.clone()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn a_scenario_is_chosen_by_name_or_by_file() {
    assert_eq!(scenario("overload").unwrap(), "Overload episodes");
    let unknown = scenario("sunshine").unwrap_err();
    assert!(
        unknown.contains("sunshine") && unknown.contains("quota-at-noon"),
        "{unknown}"
    );

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    let path = path.to_str().unwrap();
    assert!(scenario(path).unwrap_err().contains("mine.toml"));
    fs::write(path, "title = \"Mine\"\nabout = \"A.\"").unwrap();
    assert_eq!(scenario(path).unwrap(), "Mine");
    fs::write(path, "title = \"Mine\"\nabout = \"A.\"\ncolour = 1").unwrap();
    let bad = scenario(path).unwrap_err();
    assert!(bad.contains("mine.toml") && bad.contains("colour"), "{bad}");
}

#[test]
fn policies_are_chosen_by_name_and_no_two_share_one() {
    let names: Vec<_> = policies::names().collect();
    assert_eq!(chosen_policies(&[]).len(), policies::ALL.len());
    for name in names {
        let chosen = chosen_policies(&[name.to_owned()]);
        assert_eq!(chosen.len(), 1, "{name}");
        assert_eq!(chosen[0].name, name);
    }
}
