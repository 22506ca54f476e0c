//! `quotasim serve` in a process of its own, and a client that sends exactly what a test wants.

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How long a test waits for what must come; only a broken endpoint takes so long.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

/// The id that most tests call.
pub(super) const HAIKU: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";

/// A running endpoint; it is killed when a test lets it go.
#[derive(Debug)]
pub(super) struct Endpoint {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// The first line of its output.
    pub(super) greeting: Value,
    /// `127.0.0.1:PORT`.
    pub(super) address: String,
    directory: TempDir,
}

impl Endpoint {
    /// Serves a scenario on a free port.
    pub(super) fn of(scenario: &str, options: &[&str]) -> Endpoint {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("scenario.yaml"), scenario).expect("writable");
        let place = directory.path().to_owned();
        Endpoint::start(directory, &place, &[&["scenario.yaml"], options].concat())
    }

    /// Serves what the options say, on a free port, from the top of the repository.
    pub(super) fn in_repository(options: &[&str]) -> Endpoint {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        Endpoint::start(tempfile::tempdir().expect("a directory"), root, options)
    }

    /// Serves one model on a free port.
    pub(super) fn of_model(options: &[&str]) -> Endpoint {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path().to_owned();
        Endpoint::start(directory, &place, &[&["--model", HAIKU], options].concat())
    }

    fn start(directory: TempDir, place: &Path, options: &[&str]) -> Endpoint {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("quotasim"))
            .args(["serve", "--port", "0"])
            .args(options)
            .current_dir(place)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("readable");
        if line.is_empty() {
            let mut said = String::new();
            let _ = child.stderr.take().expect("a pipe").read_to_string(&mut said);
            panic!("the endpoint did not start: {said}");
        }
        let greeting: Value = serde_json::from_str(&line).expect("the first line is one JSON object");
        let address = greeting["address"].as_str().expect("an address").to_owned();
        Endpoint { child, stdout, greeting, address, directory }
    }

    /// `http://127.0.0.1:PORT`.
    #[cfg(feature = "aws")]
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next line of its output.
    pub(super) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("readable");
        line.trim_end().to_owned()
    }

    /// A file beside its scenario.
    pub(super) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(name)).unwrap_or_default()
    }

    /// The same once it has so many lines: they are written when there is time.
    pub(super) fn file_of(&self, lines: usize, name: &str) -> String {
        self.wait_for(|_| self.file(name).lines().count() >= lines);
        self.file(name)
    }

    /// Where its scenario and its recording are.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Sends a signal and waits for the end: exit code and stderr.
    pub(super) fn terminate(&mut self) -> (Option<i32>, String) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it still runs");
        let mut said = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        (self.child.wait().expect("it ends").code(), said)
    }

    /// Opens a connection.
    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    /// Sends one request on a connection of its own and reads the whole answer.
    pub(super) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut stream = self.connect();
        stream.write_all(request(method, path, headers, body).as_bytes()).expect("it reads");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("it answers");
        Reply::of(&bytes)
    }

    /// What the state says now.
    pub(super) fn state(&self) -> Value {
        self.send("GET", "/_quotasim/state", &[], "").json()
    }

    /// Calls Converse with a prompt of 10 tokens.
    pub(super) fn converse(&self, headers: &[(&str, &str)], max_tokens: u64) -> Reply {
        self.send("POST", &format!("/model/{HAIKU}/converse"), headers, &converse_body(max_tokens))
    }

    /// Waits until the state is as it must become.
    pub(super) fn wait_for(&self, holds: impl Fn(&Value) -> bool) {
        const EVERY: Duration = Duration::from_millis(20);
        for _ in 0..PATIENCE.as_millis() / EVERY.as_millis() {
            if holds(&self.state()) {
                return;
            }
            pause(EVERY);
        }
        panic!("it never came to pass: {:#}", self.state());
    }

    /// Moves stepped time on.
    pub(super) fn advance(&self, by: &str) {
        let reply = self.send("POST", "/_quotasim/clock", &[], &format!("{{\"advance\": \"{by}\"}}"));
        assert_eq!(reply.status, 200, "{reply:?}");
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "another process has its own time")]
fn pause(span: Duration) {
    std::thread::sleep(span);
}

/// A Converse body with a prompt of 10 tokens.
pub(super) fn converse_body(max_tokens: u64) -> String {
    let text = "x".repeat(40);
    format!(
        "{{\"messages\":[{{\"role\":\"user\",\"content\":[{{\"text\":\"{text}\"}}]}}],\"inferenceConfig\":\
         {{\"maxTokens\":{max_tokens}}}}}"
    )
}

/// A request as text, on a connection that closes after it.
pub(super) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut lines = vec![
        format!("{method} {path} HTTP/1.1"),
        "host: localhost".to_owned(),
        "connection: close".to_owned(),
        format!("content-length: {}", body.len()),
    ];
    lines.extend(headers.iter().map(|(name, value)| format!("{name}: {value}")));
    format!("{}\r\n\r\n{body}", lines.join("\r\n"))
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    head: String,
    pub(super) body: Vec<u8>,
}

impl Reply {
    fn of(bytes: &[u8]) -> Reply {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Reply { status, head, body: bytes[end + 4..].to_vec() }
    }

    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.head, String::from_utf8_lossy(&self.body)))
    }

    /// The error that it is.
    pub(super) fn error(&self) -> (u16, String, String) {
        let name = self.header("x-amzn-ErrorType").unwrap_or_default().to_owned();
        (self.status, name, self.json()["message"].as_str().unwrap_or_default().to_owned())
    }
}
