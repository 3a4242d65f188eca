use super::{everything, figures, section_of};
use crate::outcomes::{policies, show};

#[test]
fn the_same_seed_gives_the_same_bytes_in_every_form() {
    let (one, two) = (everything(7, 4), everything(7, 4));
    assert_eq!(show::json(&one).unwrap(), show::json(&two).unwrap());
    assert_eq!(show::text(&one), show::text(&two));
    assert_eq!(show::markdown(&one), show::markdown(&two));
    assert_eq!(show::picture(&one).unwrap(), show::picture(&two).unwrap());
}

/// A thousand calls, many of them at once and sent again after waits that are drawn.
#[test]
fn the_same_seed_gives_the_same_figures_of_a_crowded_day() {
    let shaky = r#"
        fault = [{ does = "overloaded", share = 0.3 }, { does = "reset@5", share = 0.3 }]
        mix = { k1 = 1 }
    "#;
    let crowded = || figures(shaky, "longhaul", 1_000);
    assert_eq!(crowded(), crowded());
}

#[test]
fn another_seed_gives_another_day() {
    let (one, two) = (everything(7, 2), everything(8, 2));
    assert_ne!(show::json(&one).unwrap(), show::json(&two).unwrap());
}

#[test]
fn the_report_gets_the_table_and_the_picture_that_it_refers_to() {
    let section = section_of(&everything(7, 2)).unwrap();
    let [(name, svg)] = &section.plots[..] else {
        panic!("one picture")
    };
    assert!(section.markdown.contains(&format!("](plots/{name})")));
    assert!(svg.starts_with("<svg") && svg.contains("longhaul-fallback"));
    for heading in ["normal-day", "leaving-callers"] {
        assert!(section.markdown.contains(&format!("(`{heading}`)")));
    }
    // Variants have a table of their own.
    let (main, ablation) = section
        .markdown
        .split_once("### The default’s rules")
        .unwrap();
    let variant = policies::VARIANTS[0].name;
    assert!(!main.contains(&format!("`{variant}`")) && !svg.contains(&format!(">{variant}<")));
    assert!(ablation.contains(&format!("| `{variant}` | ")));
    assert!(main.contains("Only longhaul-fallback has a second provider"));
}
