use super::*;

fn error(text: &str) -> String {
    text.parse::<Script>().expect_err(text).to_string()
}

#[test]
fn every_fault_is_written_as_it_is_parsed() {
    for form in FORMS {
        let text = match form.value {
            Value::None(_) => form.name.to_owned(),
            Value::Code(_) => format!("{}@server_error", form.name),
            _ => format!("{}@12", form.name),
        };
        let fault: Fault = text.parse().unwrap();
        assert_eq!(fault.to_string(), text);
    }
}

#[test]
fn values_have_sensible_defaults() {
    assert_eq!(
        "refused".parse(),
        Ok(Fault::Refused {
            down: Duration::from_secs(3)
        })
    );
    assert_eq!(
        "gateway-timeout".parse(),
        Ok(Fault::GatewayTimeout {
            after: Duration::from_secs(60)
        })
    );
    assert_eq!(
        "reset-reading".parse(),
        Ok(Fault::ResetReading { bytes: 0 })
    );
}

#[test]
fn a_script_repeats_and_times_its_items() {
    let script: Script = "overloaded*2, none+takes@120".parse().unwrap();
    let timed = Action::new(Fault::None).taking(Duration::from_secs(120));
    assert_eq!(
        script.actions(),
        [
            Action::new(Fault::Overloaded),
            Action::new(Fault::Overloaded),
            timed
        ]
    );
    assert_eq!("".parse::<Script>().unwrap().actions(), []);
}

#[test]
fn an_error_names_the_item_and_lists_what_is_known() {
    let unknown = error("overloaded,explode,none");
    assert!(unknown.contains("`explode`"), "{unknown}");
    for form in FORMS {
        assert!(unknown.contains(form.name), "{unknown}");
    }
    assert!(error("cut").contains("needs a value"));
    assert!(error("overloaded@3").contains("takes no value"));
    assert!(error("none+later@3").contains("takes@SECONDS"));
    assert!(error("none*0").contains("count"));
    assert!(error("none,,none").contains("``"));
}

#[test]
fn a_value_that_cannot_be_used_is_refused() {
    for bad in [
        "cut@-1",
        "cut@nan",
        "cut@inf",
        "cut@1e9",
        "cut@x",
        "trickle@0",
        "trickle@1e99",
        "cut@",
    ] {
        assert!(error(bad).contains("must be a number"), "{bad}");
    }
}

#[test]
fn a_fault_that_breaks_into_the_work_says_when() {
    let after = |text: &str| text.parse::<Fault>().unwrap().strikes_after();
    assert_eq!(after("cut@60"), Some(Duration::from_secs(60)));
    assert_eq!(after("cloudflare-524"), Some(Duration::from_secs(100)));
    assert_eq!(after("reset"), Some(Duration::ZERO));
    assert_eq!(after("silence"), None);
    assert_eq!(after("truncated"), None);
}

#[test]
fn the_faults_of_exchanges_are_known_by_their_names() {
    let known = |name: &&str| FORMS.iter().any(|form| form.name == *name);
    assert!(Fault::OF_EXCHANGES.iter().all(known));
    // They stand last, so that a new one is not forgotten here.
    let last = FORMS[FORMS.len() - Fault::OF_EXCHANGES.len()..].iter();
    assert!(last.map(|form| form.name).eq(Fault::OF_EXCHANGES));
}
