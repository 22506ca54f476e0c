//! Real clients against the endpoint: one process each, all runs of a wave at once.

use crate::statistics::Run;
use crate::subjects::Subject;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Where the clients and what they need are.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) quotasim: PathBuf,
    pub(crate) python: PathBuf,
    pub(crate) node: PathBuf,
    pub(crate) clients: PathBuf,
    pub(crate) scenario: PathBuf,
}

/// A client with the endpoint that it calls.
#[derive(Debug)]
struct Pair {
    subject: Subject,
    requests: usize,
    server: Child,
    address: String,
    client: Child,
    client_says: BufReader<ChildStdout>,
}

/// What a run gave, and how late the clients were \[s\].
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) subject: Subject,
    pub(crate) run: Run,
    pub(crate) late_p99: f64,
}

/// Runs every subject of a wave with every plan, all at once, from one start.
pub(crate) fn wave(
    tools: &Tools,
    subjects: &[Subject],
    plans: &[PathBuf],
    max_tokens: u64,
    horizon_minutes: f64,
) -> Vec<Measured> {
    let mut pairs = Vec::new();
    for &subject in subjects {
        for plan in plans {
            pairs.push(Pair::start(tools, subject, plan, max_tokens));
        }
    }
    for pair in &mut pairs {
        assert_eq!(pair.hear(), "ready", "{:?}", pair.subject);
    }
    for pair in &mut pairs {
        writeln!(pair.client.stdin.as_mut().expect("a pipe"), "go").expect("it listens");
    }
    pairs.into_iter().map(|pair| pair.finish(horizon_minutes)).collect()
}

impl Pair {
    fn start(tools: &Tools, subject: Subject, plan: &Path, max_tokens: u64) -> Pair {
        let mut server = Command::new(&tools.quotasim)
            .args(["serve", "--port", "0", "--quiet"])
            .arg(&tools.scenario)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the endpoint starts");
        let mut first = String::new();
        BufReader::new(server.stdout.take().expect("a pipe")).read_line(&mut first).expect("text");
        let greeting: Value = serde_json::from_str(&first).expect("the first line is an object");
        let address = greeting["address"].as_str().expect("an address").to_owned();
        let mut command = match subject.sdk {
            "boto3" => program(&tools.python, &tools.clients.join("boto3_client.py")),
            "javascript" => program(&tools.node, &tools.clients.join("javascript_client.mjs")),
            _ => program(&std::env::current_exe().expect("this program"), Path::new("rust_client")),
        };
        let mut client = command
            .args([&format!("http://{address}"), subject.mode])
            .arg(plan)
            .arg(max_tokens.to_string())
            .env("NODE_NO_WARNINGS", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("the client of {subject:?} does not start: {error}"));
        let client_says = BufReader::new(client.stdout.take().expect("a pipe"));
        let requests = std::fs::read_to_string(plan).expect("a plan").lines().count() - 1;
        Pair { subject, requests, server, address, client, client_says }
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.client_says.read_line(&mut line).expect("text");
        line.trim_end().to_owned()
    }

    /// Waits for the client, asks the endpoint what it saw, and lets both go.
    fn finish(mut self, horizon_minutes: f64) -> Measured {
        let last = self.hear();
        let said: Value = serde_json::from_str(&last).unwrap_or_else(|_| panic!("{:?} says `{last}`", self.subject));
        assert!(self.client.wait().expect("it ends").success(), "{:?}", self.subject);
        let state = state(&self.address);
        let app = &state["workloads"]["app"];
        let count = |value: &Value| value.as_u64().unwrap_or_default();
        let (attempts, throttled) = (count(&app["attempts"]), count(&app["throttled"]));
        let outcome = |name: &str| count(&app["outcomes"][name]);
        let complete = outcome("succeeded");
        assert_eq!(count(&app["requests"]), self.requests as u64, "{:?}: {app}", self.subject);
        assert_eq!(count(&said["succeeded"]), complete + outcome("truncated"), "{:?}: {app}", self.subject);
        assert_eq!(attempts, throttled + complete + outcome("truncated"), "{:?}: {app}", self.subject);
        let late: Vec<f64> = said["late_s"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
        Measured {
            subject: self.subject,
            run: Run {
                throttle_rate: throttled as f64 / attempts as f64,
                attempts_per_request: attempts as f64 / self.requests as f64,
                goodput: complete as f64 / horizon_minutes,
            },
            late_p99: late[late.len() * 99 / 100],
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for child in [&mut self.client, &mut self.server] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn program(program: &Path, script: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(script);
    command
}

fn state(address: &str) -> Value {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(stream, "GET /_quotasim/state HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    let (_, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    serde_json::from_str(body).expect("JSON")
}
