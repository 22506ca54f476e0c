//! What the model says: words without meaning, one to a token.

/// The vocabulary; an answer goes through it again and again.
const WORDS: [&str; 32] = [
    "every",
    " answer",
    " here",
    " is",
    " made",
    " of",
    " words",
    " that",
    " mean",
    " nothing",
    ",",
    " one",
    " to",
    " a",
    " token",
    ".",
    " The",
    " quota",
    " behind",
    " them",
    " is",
    " enforced",
    " as",
    " Bedrock",
    " says",
    " it",
    " does",
    ":",
    " reserved",
    " then",
    " settled",
    ";",
];

/// The tokens `from..to` of an answer as text.
pub(super) fn tokens(from: u64, to: u64) -> String {
    (from..to).map(|token| WORDS[token as usize % WORDS.len()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_to_the_whole() {
        assert_eq!(tokens(0, 3), "every answer here");
        let pieces: String = (0..100).step_by(7).map(|from| tokens(from, (from + 7).min(100))).collect();
        assert_eq!(pieces, tokens(0, 100));
        assert_eq!(tokens(5, 5), "");
    }
}
