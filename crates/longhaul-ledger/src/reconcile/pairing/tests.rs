use super::*;

const SECOND: i64 = 1_000_000;

fn row(row: usize, start: f64) -> RowPoint {
    RowPoint {
        row,
        start: (start * 1e6) as i64,
        duration: None,
        model: None,
        has_request_id: true,
    }
}

fn attempt(attempt: usize, from: f64) -> AttemptPoint {
    let from = (from * 1e6) as i64;
    AttemptPoint {
        attempt,
        from,
        until: from,
        bounds: None,
        model: None,
        has_log_id: false,
    }
}

fn paired(rows: Vec<RowPoint>, attempts: Vec<AttemptPoint>) -> Paired {
    let mut paired = pair(rows, attempts, 5 * SECOND);
    paired.pairs.sort_unstable();
    paired
}

#[test]
fn neighbours_a_few_seconds_apart_are_told_apart() {
    let rows = vec![row(7, 3.0), row(8, 0.0)];
    let attempts = vec![attempt(0, 0.4), attempt(1, 3.2)];
    let paired = paired(rows, attempts);
    assert_eq!(paired.pairs, [(7, 1), (8, 0)]);
    assert!(paired.ties.is_empty());
}

#[test]
fn what_is_taken_leaves_the_others_alone_with_each_other() {
    // Each of the later two is nearer to the first of the other kind than tolerance, and none is nearest for sure.
    let rows = vec![row(0, 0.0), row(1, 4.0), row(2, 5.0)];
    let attempts = vec![attempt(0, 0.0), attempt(1, 4.5)];
    let paired = paired(rows, attempts);
    assert_eq!(paired.pairs, [(0, 0)]);
    assert_eq!(paired.ties.len(), 1);
    assert_eq!(paired.ties[0].rows, [1, 2]);
    assert!(!paired.ties[0].perfect);
}

#[test]
fn a_burst_is_tied_and_not_guessed() {
    let rows = (0..40).map(|number| row(number, 10.0)).collect();
    let attempts = (0..40).map(|number| attempt(number, 9.9)).collect();
    let paired = paired(rows, attempts);
    assert_eq!(paired.pairs, []);
    assert!(paired.ties[0].perfect && paired.ties[0].rows.len() == 40);
}

#[test]
fn a_tie_is_perfect_only_where_all_have_a_partner_at_once() {
    // Two rows fit the first attempt alone, and the third row fits all three.
    let rows = vec![row(0, 0.0), row(1, 0.0), row(2, 5.5)];
    let attempts = vec![attempt(0, 4.0), attempt(1, 7.0), attempt(2, 7.0)];
    let paired = paired(rows, attempts);
    assert_eq!((paired.pairs.len(), paired.ties.len()), (0, 1));
    assert_eq!(paired.ties[0].attempts.len(), 3);
    assert!(!paired.ties[0].perfect);
}

#[test]
fn another_model_duration_or_id_is_another_call() {
    let model = |name: &str| Some(Arc::from(name));
    let of = |row: RowPoint, attempt: AttemptPoint| paired(vec![row], vec![attempt]).pairs.len();
    let (theirs, ours) = (row(0, 1.0), attempt(0, 1.0));
    assert_eq!(of(theirs.clone(), ours.clone()), 1);

    let named = |name| RowPoint {
        model: model(name),
        ..theirs.clone()
    };
    let asked = AttemptPoint {
        model: model("Pro"),
        ..ours.clone()
    };
    assert_eq!(of(named("pro"), asked.clone()), 1);
    assert_eq!(of(named("flash"), asked), 0);

    let answered = AttemptPoint {
        bounds: Some((80 * SECOND, 90 * SECOND)),
        ..ours.clone()
    };
    for (seconds, pairs) in [(77, 0), (78, 1), (85, 1), (92, 1), (93, 0)] {
        let took = RowPoint {
            duration: Some(seconds * SECOND),
            ..theirs.clone()
        };
        assert_eq!(of(took, answered.clone()), pairs, "{seconds} s");
    }

    let identified = AttemptPoint {
        has_log_id: true,
        ..ours
    };
    assert_eq!(of(theirs.clone(), identified.clone()), 0);
    let nameless = RowPoint {
        has_request_id: false,
        ..theirs
    };
    assert_eq!(of(nameless, identified), 1);
}
