use super::everything;
use crate::outcomes::show;

#[test]
fn the_same_seed_gives_the_same_bytes_in_every_form() {
    let (one, two) = (everything(7, 20), everything(7, 20));
    assert_eq!(show::json(&one).unwrap(), show::json(&two).unwrap());
    assert_eq!(show::text(&one), show::text(&two));
    assert_eq!(show::markdown(&one), show::markdown(&two));
    assert_eq!(show::picture(&one).unwrap(), show::picture(&two).unwrap());
}

#[test]
fn another_seed_gives_another_day() {
    let (one, two) = (everything(7, 20), everything(8, 20));
    assert_ne!(show::json(&one).unwrap(), show::json(&two).unwrap());
}
