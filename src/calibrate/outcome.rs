//! What an error says of an attempt: refused by which quota, or failed otherwise.
//!
//! *Source*: AWS, `troubleshooting-api-error-codes`, and the messages that users report. A message is a hint, not a
//! proof: one published measurement saw "too many requests" where tokens looked like the limit.

use super::observation::Outcome;
use crate::model::QuotaName;

/// The outcome behind an error code and its message.
///
/// ```
/// use quotasim::calibrate::{observation::Outcome, outcome::of_error};
/// use quotasim::model::QuotaName;
/// let said = of_error("ThrottlingException", "Too many tokens per day, please wait before trying again.");
/// assert_eq!(said, Outcome::Throttled(Some(QuotaName::TokensPerDay)));
/// assert_eq!(of_error("ValidationException", ""), Outcome::Failed);
/// ```
pub fn of_error(code: &str, message: &str) -> Outcome {
    let code = code.to_ascii_lowercase();
    let throttled = ["throttl", "toomanyrequests", "rate_limit", "ratelimit"].iter().any(|word| code.contains(word));
    if !throttled && code != "429" {
        return Outcome::Failed;
    }
    let message = message.to_ascii_lowercase();
    // A model without capacity answers with a 429 too, and no quota is to blame.
    if message.contains("overloaded") {
        return Outcome::Failed;
    }
    Outcome::Throttled(limit(&message))
}

/// The quota that a message in small letters names.
fn limit(message: &str) -> Option<QuotaName> {
    // The day before the minute: its words contain the minute's.
    let words = [
        ("tokens per day", QuotaName::TokensPerDay),
        ("tpm (inputtokens)", QuotaName::InputTokensPerMinute),
        ("too many tokens", QuotaName::TokensPerMinute),
        ("too many requests", QuotaName::RequestsPerMinute),
        ("request rate is too high", QuotaName::RequestsPerMinute),
    ];
    words.into_iter().find(|(words, _)| message.contains(words)).map(|(_, limit)| limit)
}

/// The outcome behind a word of a recording: an outcome's key, a status code, or an error code.
pub fn of_word(word: &str, limit: Option<QuotaName>) -> Outcome {
    match word.trim().to_ascii_lowercase().as_str() {
        "" | "succeeded" | "success" | "ok" | "200" | "answered" | "unset" => Outcome::Answered { cut: false },
        "truncated" | "quota_truncated" => Outcome::Answered { cut: true },
        "throttled" | "429" => Outcome::Throttled(limit),
        other => match of_error(other, "") {
            Outcome::Throttled(_) => Outcome::Throttled(limit),
            outcome => outcome,
        },
    }
}

/// The quota of a key in a recording.
pub fn quota_of_key(key: &str) -> Option<QuotaName> {
    QuotaName::ALL.into_iter().find(|name| name.key() == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_their_quota() {
        let table = [
            ("Too many requests, please wait before trying again.", Some(QuotaName::RequestsPerMinute)),
            ("Too many tokens, please wait before trying again.", Some(QuotaName::TokensPerMinute)),
            ("Too many tokens per day, please wait before trying again.", Some(QuotaName::TokensPerDay)),
            ("Your request rate is too high. Reduce the frequency of requests.", Some(QuotaName::RequestsPerMinute)),
            ("something else", None),
        ];
        for (message, limit) in table {
            assert_eq!(of_error("ThrottlingException", message), Outcome::Throttled(limit), "{message}");
        }
        let overloaded = "Model x is currently overloaded. Please try again later.";
        assert_eq!(of_error("ThrottlingException", overloaded), Outcome::Failed);
        assert_eq!(of_error("ServiceUnavailableException", "Too many connections"), Outcome::Failed);
    }

    #[test]
    fn recordings_have_words_of_their_own() {
        let tokens = Some(QuotaName::TokensPerMinute);
        assert_eq!(of_word("succeeded", None), Outcome::Answered { cut: false });
        assert_eq!(of_word("truncated", None), Outcome::Answered { cut: true });
        assert_eq!(of_word("429", tokens), Outcome::Throttled(tokens));
        assert_eq!(of_word("ThrottlingException", tokens), Outcome::Throttled(tokens));
        assert_eq!(of_word("unavailable", None), Outcome::Failed);
        assert_eq!(quota_of_key("tokens_per_minute"), tokens);
    }
}
