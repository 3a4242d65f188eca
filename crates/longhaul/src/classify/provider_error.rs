use serde_json::Value;

/// The error object of OpenAI, Google and the relays that imitate them: `{"error": {…}}`, sometimes in
/// an array of one.
pub(super) struct ProviderError<'a> {
    error: &'a Value,
}

impl<'a> ProviderError<'a> {
    pub(super) fn read(json: &'a Value) -> Option<Self> {
        let object = json.get(0).unwrap_or(json);
        let error = object.get("error")?;
        (error.is_object() || error.is_string()).then_some(Self { error })
    }

    /// A quota or a credit that waiting seconds does not bring back. By code and type, which the
    /// providers keep stable; Google says it by the name of the quota.
    pub(super) fn is_quota(&self) -> bool {
        const CODES: [&str; 8] = [
            "insufficient_quota",
            "insufficient_user_quota",
            "pre_consume_token_quota_failed",
            "credit_balance_exhausted",
            "billing_hard_limit_reached",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "organization_usage_limit_exceeded",
        ];
        ["code", "type"]
            .into_iter()
            .filter_map(|field| self.text(field))
            .any(|value| CODES.contains(&value))
            || self.details().any(|detail| {
                detail["violations"].as_array().is_some_and(|violations| {
                    violations.iter().any(|violation| {
                        violation["quotaId"]
                            .as_str()
                            .is_some_and(|id| id.contains("PerDay"))
                    })
                })
            })
    }

    pub(super) fn is_moderation(&self) -> bool {
        const CODES: [&str; 4] = [
            "moderation_blocked",
            "content_policy_violation",
            "sensitive_words_detected",
            "prompt_blocked",
        ];
        self.text("code").is_some_and(|code| CODES.contains(&code))
    }

    pub(super) fn is_overload(&self) -> bool {
        const CODES: [&str; 2] = ["server_is_overloaded", "provider_overloaded"];
        self.text("code").is_some_and(|code| CODES.contains(&code))
            || self
                .text("message")
                .or(self.error.as_str())
                .is_some_and(|message| message.to_ascii_lowercase().contains("overloaded"))
    }

    pub(super) fn is_deadline(&self) -> bool {
        self.text("status") == Some("DEADLINE_EXCEEDED")
    }

    pub(super) fn details(&self) -> impl Iterator<Item = &'a Value> + use<'a> {
        let error = self.error;
        error["details"].as_array().into_iter().flatten()
    }

    pub(super) fn text(&self, field: &str) -> Option<&'a str> {
        let error = self.error;
        error.get(field)?.as_str()
    }
}
