//! Live calibration, error by error: the real AWS SDK against a loopback server that answers what each test wants, also
//! what `quotasim serve` never says. Calls of that endpoint are in `serve/calibrate.rs`.
//!
//! Never against AWS: the endpoint is this machine's, the credentials are made up.

use assert_cmd::Command;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

const HAIKU: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";

/// What the server answers to the n-th call: status, error code, content type, body.
type Answer = (u16, Option<&'static str>, &'static str, Vec<u8>);

/// A server on a port of this machine; each connection is answered call by call.
struct Server {
    url: String,
    calls: Arc<AtomicUsize>,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (calls, bodies) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let answer = Arc::new(answer);
        let shared = (Arc::clone(&calls), Arc::clone(&bodies));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (calls, bodies, answer) = (Arc::clone(&shared.0), Arc::clone(&shared.1), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream, &calls, &bodies, answer.as_ref()));
            }
        });
        Server { url, calls, bodies }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

/// Answers the requests of one connection until it closes.
fn serve(stream: TcpStream, calls: &AtomicUsize, bodies: &Mutex<Vec<String>>, answer: &dyn Fn(usize) -> Answer) {
    let mut writer = stream.try_clone().expect("a second handle");
    let mut reader = BufReader::new(stream);
    loop {
        let (mut length, mut path) = (0, String::new());
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).is_ok_and(|read| read == 0) || line.is_empty() {
                return;
            }
            if path.is_empty() {
                path.clone_from(&line);
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        bodies.lock().expect("no panic").push(path + &String::from_utf8_lossy(&body));
        let (status, error, kind, body) = answer(calls.fetch_add(1, Ordering::SeqCst));
        let error = error.map_or_else(String::new, |code| format!("x-amzn-ErrorType: {code}\r\n"));
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n{error}x-amzn-RequestId: 1\r\n\r\n",
            body.len()
        );
        if writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&body)).is_err() {
            return;
        }
    }
}

fn converse(output: u32, stop: &str) -> Answer {
    let body = format!(
        r#"{{"output":{{"message":{{"role":"assistant","content":[{{"text":"an answer"}}]}}}},"stopReason":"{stop}","usage":{{"inputTokens":30,"outputTokens":{output},"totalTokens":{},"cacheReadInputTokens":10,"cacheWriteInputTokens":0}},"metrics":{{"latencyMs":120}}}}"#,
        30 + output
    );
    (200, None, "application/json", body.into_bytes())
}

fn refused(status: u16, code: &'static str, message: &str) -> Answer {
    (status, Some(code), "application/json", format!(r#"{{"message":"{message}"}}"#).into_bytes())
}

struct Desk(TempDir);

struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Desk {
    fn new(prompts: usize) -> Desk {
        let desk = Desk(TempDir::new().expect("a temporary directory"));
        let line = |i: usize| format!("{{\"prompt\": \"my secret question {i}\", \"max_tokens\": 200}}\n");
        std::fs::write(desk.0.path().join("prompts.jsonl"), (0..prompts).map(line).collect::<String>())
            .expect("prompts");
        desk
    }

    fn run(&self, line: &str) -> Said {
        let output = Command::new(assert_cmd::cargo::cargo_bin!("quotasim"))
            .args(line.split_whitespace())
            .current_dir(&self.0)
            // Made up, and nothing else of this machine's configuration.
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "made-up")
            .env("AWS_CONFIG_FILE", "none")
            .env("AWS_SHARED_CREDENTIALS_FILE", "none")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env_remove("AWS_PROFILE")
            .env_remove("HTTP_PROXY")
            .env_remove("http_proxy")
            .env_remove("ALL_PROXY")
            .output()
            .expect("the command starts");
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        Said { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    fn converse(&self, server: &Server, more: &str) -> Said {
        self.run(&format!(
            "calibrate converse --prompts prompts.jsonl --model {HAIKU} --region us-east-1 --endpoint-url {} {more}",
            server.url
        ))
    }

    fn recorded(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.0.path().join("converse.jsonl")).expect("a recording");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

#[test]
fn nothing_is_sent_without_consent() {
    let server = Server::start(|_| converse(5, "end_turn"));
    let desk = Desk::new(3);
    let said = desk.converse(&server, "");
    assert_eq!((said.code, server.calls()), (Some(1), 0), "{}", said.stderr);
    assert!(
        said.stdout.contains("3 calls of Converse") && said.stdout.contains("cost     at most $0.00"),
        "{}",
        said.stdout
    );
    assert!(said.stdout.contains("600 tokens") && said.stderr.contains("--yes"), "{}\n{}", said.stdout, said.stderr);
    assert!(!desk.0.path().join("converse.jsonl").exists());
}

#[test]
fn calls_are_recorded_and_calibrate() {
    let server = Server::start(|call| match call {
        3 => refused(429, "ThrottlingException", "Too many tokens, please wait before trying again."),
        call if call % 5 == 0 => converse(200, "max_tokens"),
        call => converse(20 + call as u32, "end_turn"),
    });
    let desk = Desk::new(4);
    let said = desk.converse(&server, "--repeat 10 --yes");
    assert_eq!(said.code, Some(0), "{}\n{}", said.stdout, said.stderr);
    // Retries are off: the throttle is one call, seen as such.
    assert_eq!(server.calls(), 40);
    assert!(said.stdout.contains("39 answered, 1 throttled, 0 failed"), "{}", said.stdout);
    assert!(said.stdout.contains("tokens_per_minute"), "{}", said.stdout);
    let rows = desk.recorded();
    let throttled: Vec<_> = rows.iter().filter(|row| row["outcome"] == "throttled").collect();
    assert_eq!(throttled.len(), 1);
    assert_eq!((&throttled[0]["limit"], &throttled[0]["status"]), (&"tokens_per_minute".into(), &429.into()));
    let answered = rows.iter().find(|row| row["outcome"] == "succeeded").expect("an answer");
    assert_eq!(
        (&answered["input_tokens"], &answered["cache_read_tokens"], &answered["max_tokens"]),
        (&30.into(), &10.into(), &200.into())
    );
    assert!(answered["latency_ms"].as_f64() > Some(0.0) && answered["ttft_ms"].is_null());
    assert!(!std::fs::read_to_string(desk.0.path().join("converse.jsonl")).expect("a recording").contains("secret"));
    let sent = server.bodies.lock().expect("no panic")[0].clone();
    assert!(
        sent.contains("/converse") && sent.contains(r#""maxTokens":200"#) && sent.contains("my secret question"),
        "{sent}"
    );

    let calibrated = desk.run("calibrate usage converse.jsonl --format json");
    assert_eq!(calibrated.code, Some(0), "{}", calibrated.stderr);
    let result: serde_json::Value = serde_json::from_str(&calibrated.stdout).expect("JSON");
    let totals = &result["workloads"][0]["totals"];
    assert_eq!((&totals["answered"], &totals["cut"], &totals["throttled"]), (&39.into(), &8.into(), &1.into()));
    assert_eq!(result["pools"][0]["model"], HAIKU);
}

#[test]
fn what_cannot_work_stops_at_once_and_says_why() {
    let table = [
        (refused(403, "AccessDeniedException", "You don't have access to the model"), "iam-policy"),
        (
            refused(400, "ValidationException", "Invocation of model ID x with on-demand throughput isn't supported."),
            "inference profiles only",
        ),
        (refused(404, "ResourceNotFoundException", "This model is marked by provider as Legacy"), "legacy"),
    ];
    for (answer, words) in table {
        let server = Server::start(move |_| answer.clone());
        let said = Desk::new(5).converse(&server, "--yes");
        assert_eq!((said.code, server.calls()), (Some(1), 1), "{}\n{}", said.stdout, said.stderr);
        assert!(said.stdout.contains(words), "{}", said.stdout);
    }
    let desk = Desk::new(2);
    let said = desk.run(&format!(
        "calibrate converse --prompts prompts.jsonl --model {HAIKU} --region us-east-1 --endpoint-url http://127.0.0.1:9 --yes"
    ));
    assert_eq!(said.code, Some(1));
    assert!(said.stdout.contains("could not be reached"), "{}\n{}", said.stdout, said.stderr);
}

#[test]
fn the_spend_is_never_exceeded() {
    let server = Server::start(|_| converse(200, "max_tokens"));
    // A call costs at most some $0.0012; its answer costs $0.0011.
    let said = Desk::new(50).converse(&server, "--yes --max-spend 0.005");
    assert_eq!(said.code, Some(1), "{}\n{}", said.stdout, said.stderr);
    assert!((3..=4).contains(&server.calls()), "{} calls", server.calls());
    assert!(said.stdout.contains("could have exceeded"), "{}", said.stdout);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the endpoint and the command live on the wall clock")]
fn several_calls_may_be_in_progress() {
    let server = Server::start(|_| {
        std::thread::sleep(std::time::Duration::from_millis(300));
        converse(5, "end_turn")
    });
    let desk = Desk::new(12);
    let start = std::time::Instant::now();
    let said = desk.converse(&server, "--yes --concurrency 6");
    assert_eq!((said.code, server.calls()), (Some(0), 12), "{}", said.stderr);
    assert!(start.elapsed() < std::time::Duration::from_secs(30));
    assert_eq!(desk.recorded().len(), 12);
}

#[cfg(feature = "serve")]
mod streams {
    use super::*;
    use aws_smithy_eventstream::frame::write_message_to;
    use aws_smithy_types::event_stream::{Header, HeaderValue, Message};

    fn frame(kind: &'static str, payload: &'static str, exception: bool) -> Vec<u8> {
        let text = |text: &'static str| HeaderValue::String(text.into());
        let (of, word) = if exception { (":exception-type", "exception") } else { (":event-type", "event") };
        let message = Message::new(payload.as_bytes().to_vec())
            .add_header(Header::new(of, text(kind)))
            .add_header(Header::new(":message-type", text(word)))
            .add_header(Header::new(":content-type", text("application/json")));
        let mut bytes = Vec::new();
        write_message_to(&message, &mut bytes).expect("memory");
        bytes
    }

    #[test]
    fn a_stream_shows_its_first_token_and_its_usage() {
        let whole = [
            frame("messageStart", r#"{"role":"assistant"}"#, false),
            frame("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"an"}}"#, false),
            frame("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":" answer"}}"#, false),
            frame("messageStop", r#"{"stopReason":"end_turn"}"#, false),
            frame(
                "metadata",
                r#"{"usage":{"inputTokens":12,"outputTokens":34,"totalTokens":46},"metrics":{"latencyMs":9}}"#,
                false,
            ),
        ]
        .concat();
        let broken = [
            frame("messageStart", r#"{"role":"assistant"}"#, false),
            frame("throttlingException", r#"{"message":"Too many requests, please wait before trying again."}"#, true),
        ]
        .concat();
        let kind = "application/vnd.amazon.eventstream";
        let server =
            Server::start(move |call| (200, None, kind, if call == 1 { broken.clone() } else { whole.clone() }));
        let desk = Desk::new(3);
        let said = desk.converse(&server, "--yes --stream");
        assert_eq!(said.code, Some(0), "{}\n{}", said.stdout, said.stderr);
        let rows = desk.recorded();
        assert_eq!((&rows[0]["operation"], &rows[0]["output_tokens"]), (&"ConverseStream".into(), &34.into()));
        assert!(
            rows[0]["ttft_ms"].as_f64() <= rows[0]["latency_ms"].as_f64() && rows[0]["ttft_ms"].as_f64() > Some(0.0)
        );
        assert_eq!((&rows[1]["outcome"], &rows[1]["limit"]), (&"throttled".into(), &"requests_per_minute".into()));
    }
}
