//! The summary as a document for programs.

use crate::analysis::Summary;
use serde::Serialize;

/// Pretty JSON with a final newline; keys in the order of the types, numbers in full.
///
/// ```
/// use quotasim::analysis::Summary;
/// let text = quotasim::report::json::summary(&Summary::default());
/// assert_eq!(serde_json::from_str::<Summary>(&text).unwrap(), Summary::default());
/// ```
pub fn summary(summary: &Summary) -> String {
    document(summary)
}

/// Any result as such a document.
pub fn document(result: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(result).expect("a result has string keys and no failing serializer");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use crate::report::fixture;

    #[test]
    fn what_is_written_reads_back() {
        for summary in [fixture::busy(), fixture::calm(), fixture::two_pools()] {
            let text = super::summary(&summary);
            let back: crate::analysis::Summary = serde_json::from_str(&text).expect("valid JSON");
            assert_eq!(back, summary);
            assert_eq!(super::summary(&back), text);
        }
    }

    #[test]
    fn the_keys_come_in_the_order_of_the_types() {
        insta::assert_snapshot!(super::summary(&fixture::busy()));
    }
}
