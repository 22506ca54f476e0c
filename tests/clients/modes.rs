//! The clients that are compared.

/// An SDK in a retry mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mode {
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
pub(crate) const WAVES: [[Mode; 3]; 2] = [wave("standard"), wave("adaptive")];

const fn wave(mode: &'static str) -> [Mode; 3] {
    [
        Mode { sdk: "boto3", title: "boto3 1.44.5", mode, retries: "2.1" },
        Mode { sdk: "javascript", title: "JavaScript 3.1162.0", mode, retries: "2.1" },
        Mode { sdk: "rust", title: "Rust 1.153.0", mode, retries: "2.0" },
    ]
}

impl Mode {
    /// The client of a scenario.
    pub(crate) fn client(&self) -> String {
        format!("{{ {}: {{ mode: {}, retries: \"{}\", max_attempts: 3 }} }}", self.sdk, self.mode, self.retries)
    }
}
