use http::Response;

use crate::{
    attempt::Attempt,
    model::{Class, Classification, class_of},
};

/// What an answer means, as far as its head tells: by its attempt, else by the classifier's word in its extensions, else
/// by its status. `None` for a success whose meaning comes with its body.
///
/// Every layer above a classifier reads the class so, and no other way.
pub(crate) fn class_of_answer<B>(attempt: Option<&Attempt>, answer: &Response<B>) -> Option<Class> {
    let extensions = answer.extensions();
    attempt
        .or_else(|| extensions.get())
        .and_then(Attempt::class)
        .or_else(|| Some(extensions.get::<Classification>()?.class))
        .or_else(|| class_of(answer.status()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::OperationId;

    #[test]
    fn the_attempts_class_wins_then_the_classifiers_then_the_status() {
        let attempt = Attempt::new(OperationId::new(), 1, None);
        let mut answer = Response::new(());
        assert_eq!(class_of_answer(None, &answer), None);
        *answer.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(class_of_answer(None, &answer), Some(Class::Unavailable));
        let overloaded = Classification::of(Class::Overloaded);
        answer.extensions_mut().insert(overloaded);
        assert_eq!(
            class_of_answer(Some(&attempt), &answer),
            Some(Class::Overloaded)
        );
        attempt.classify(Class::QuotaExhausted);
        assert_eq!(
            class_of_answer(Some(&attempt), &answer),
            Some(Class::QuotaExhausted)
        );
        answer.extensions_mut().insert(attempt);
        assert_eq!(class_of_answer(None, &answer), Some(Class::QuotaExhausted));
    }
}
