//! The clients that are compared.

/// An SDK in a retry mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subject {
    /// Its name in scenarios.
    pub(crate) sdk: &'static str,
    /// Its name for people, with the version that the manifests pin.
    pub(crate) title: &'static str,
    /// Its retry mode.
    pub(crate) mode: &'static str,
    /// Its version of the retry behaviour.
    pub(crate) retries: &'static str,
}

/// Three SDKs in two modes each; those of a mode run together, as they take about as long.
pub(crate) const WAVES: [[Subject; 3]; 2] = [wave("standard"), wave("adaptive")];

const fn wave(mode: &'static str) -> [Subject; 3] {
    [
        Subject { sdk: "boto3", title: "boto3 1.44.5", mode, retries: "2.1" },
        Subject { sdk: "javascript", title: "JavaScript 3.1162.0", mode, retries: "2.1" },
        Subject { sdk: "rust", title: "Rust 1.153.0", mode, retries: "2.0" },
    ]
}

impl Subject {
    /// The client of a scenario.
    pub(crate) fn client(&self) -> String {
        format!("{{ {}: {{ mode: {}, retries: \"{}\", max_attempts: 3 }} }}", self.sdk, self.mode, self.retries)
    }
}
