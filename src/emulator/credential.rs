//! Who calls: the access key of a signed request, or a bearer token. Nothing is verified.

/// The access key id or bearer token in an `Authorization` header.
///
/// ```text
/// AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261125/us-east-1/bedrock/aws4_request, SignedHeaders=…, Signature=…
/// Bearer bedrock-api-key-…
/// ```
///
/// *Source*: AWS General Reference, "Signature Version 4", and the Bedrock user guide on API keys.
pub(super) fn of_header(authorization: &str) -> Option<&str> {
    let (scheme, rest) = authorization.trim().split_once(' ')?;
    if scheme.eq_ignore_ascii_case("Bearer") {
        return Some(rest.trim());
    }
    if !scheme.starts_with("AWS4-") {
        return None;
    }
    let scope = rest.split(',').find_map(|part| part.trim().strip_prefix("Credential="))?;
    // The key id ends where the date follows.
    let end = scope.match_indices('/').map(|(at, _)| at).rfind(|&at| is_date(&scope[at + 1..]));
    Some(&scope[..end.unwrap_or(scope.len())])
}

/// Whether a text begins with the date of a credential scope, `YYYYMMDD/`.
fn is_date(text: &str) -> bool {
    text.split_once('/').is_some_and(|(date, _)| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_tokens_are_found() {
        for (header, key) in [
            (
                "AWS4-HMAC-SHA256 Credential=triage/20261125/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0",
                Some("triage"),
            ),
            ("AWS4-HMAC-SHA256 SignedHeaders=host,Credential=a/b/20261125/us-east-1/bedrock/aws4_request", Some("a/b")),
            ("AWS4-ECDSA-P256-SHA256 Credential=AKID/20261125/bedrock/aws4_request, SignedHeaders=host", Some("AKID")),
            ("Bearer  chat ", Some("chat")),
            ("bearer chat", Some("chat")),
            ("Basic dXNlcg==", None),
            ("AWS4-HMAC-SHA256 Signature=0", None),
            ("", None),
        ] {
            assert_eq!(of_header(header), key, "{header}");
        }
    }
}
