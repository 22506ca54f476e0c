//! The clients that are compared.

use std::path::Path;

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
    /// The version in its title must be the one that is installed.
    pub(crate) fn assert_pinned(&self, root: &Path) {
        let version = self.title.rsplit(' ').next().expect("a version");
        let (manifest, pin) = match self.sdk {
            "boto3" => ("tests/clients/requirements.txt", format!("boto3=={version}\n")),
            "javascript" => {
                ("tests/clients/package.json", format!("\"@aws-sdk/client-bedrock-runtime\": \"{version}\""))
            }
            _ => ("Cargo.lock", format!("name = \"aws-sdk-bedrockruntime\"\nversion = \"{version}\"\n")),
        };
        let text = std::fs::read_to_string(root.join(manifest)).expect("a file of the repository");
        assert!(text.contains(&pin), "`{}` is compared, and {manifest} does not pin that version", self.title);
    }

    /// The client of a scenario.
    pub(crate) fn client(&self) -> String {
        format!("{{ {}: {{ mode: {}, retries: \"{}\", max_attempts: 3 }} }}", self.sdk, self.mode, self.retries)
    }
}
