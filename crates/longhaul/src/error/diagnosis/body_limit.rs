//! Whoever takes no longer bodies breaks the connection after a like number of bytes, whatever the line is like.

use super::{Cause, Confidence, Diagnosis};
use crate::{attempt::Attempt, model::Class};

/// A shorter body breaks for other reasons.
const LEAST: u64 = 512 << 10;

/// About how many bytes of a request body are taken, where two uploads broke after a like number of them.
///
/// “Like” is within a quarter: what lay in the buffers of sockets when the peer broke off is part of the count.
pub(crate) fn body_limit(attempts: &[Attempt]) -> Option<u64> {
    let mut broken = attempts
        .iter()
        .filter(|attempt| attempt.class() == Some(Class::SentPartial))
        .map(Attempt::body_bytes_sent)
        .filter(|sent| *sent >= LEAST);
    let mut last = broken.next()?;
    broken.find_map(|sent| {
        let (less, more) = (last.min(sent), last.max(sent));
        last = sent;
        (more - less <= more / 4).then_some(less)
    })
}

pub(super) fn diagnosis(limit: u64) -> Diagnosis {
    let cause = Cause::BodyLimit(limit);
    let limit = format!(
        "a body limit of about {:.1} MB on the way",
        limit as f64 / 1e6
    );
    Diagnosis {
        cause,
        confidence: Confidence::Likely,
        evidence: vec!["two uploads broke after a like number of bytes".to_owned()],
        advice: format!(
            "{limit}; send smaller reference pictures, or links to them: the same upload will break again"
        )
        .into(),
        text: format!("the upload broke twice: {limit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::OperationId;

    fn broken(sent: &[u64]) -> Vec<Attempt> {
        let attempt = |(number, sent): (u32, &u64)| {
            let attempt = Attempt::new(OperationId::new(), number, None);
            attempt.facts().body.handed = *sent;
            attempt.classify(Class::SentPartial);
            attempt
        };
        (1..).zip(sent).map(attempt).collect()
    }

    #[test]
    fn two_breaks_at_a_like_place_are_a_limit() {
        for (sent, limit) in [
            (&[2_000_000, 2_100_000][..], Some(2_000_000)),
            (&[2_000_000, 9_000_000, 8_500_000], Some(8_500_000)),
            (&[2_000_000], None),
            (&[2_000_000, 9_000_000], None),
            (&[20_000, 20_000], None),
            (&[], None),
        ] {
            assert_eq!(body_limit(&broken(sent)), limit, "{sent:?}");
        }
    }

    #[test]
    fn the_diagnosis_names_the_limit_and_what_to_do() {
        let attempts = broken(&[2_000_000, 2_000_000]);
        let diagnosis = super::super::of_attempts(&attempts).unwrap();
        assert_eq!(diagnosis.cause, Cause::BodyLimit(2_000_000));
        assert!(
            diagnosis.to_string().contains("about 2.0 MB"),
            "{diagnosis}"
        );
        assert!(diagnosis.advice.contains("smaller"), "{diagnosis:?}");
    }
}
