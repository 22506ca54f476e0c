//! Clients that are slow, silent, malformed or many: none of them may hold up the others.

use super::control::now;
use super::endpoint::{Endpoint, HAIKU, converse_body, request};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

const ROOMY: &str = "
version: 1
pools:
  p: { model: us.anthropic.claude-haiku-4-5-20251001-v1:0, tokens_per_minute: none, requests_per_minute: none,
       latency: { ttft: 1500ms, output_tokens_per_second: 100 } }
workloads:
  w: { pool: p, arrivals: { poisson: { rate: 5/s } }, input_tokens: 10, output_tokens: 200, max_tokens: 1000 }
";

fn all_of(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an answer, too.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn slow_silent_and_malformed_clients_hold_nobody_up() {
    let endpoint = Endpoint::of(ROOMY, &["--speed", "100x", "--quiet"]);
    // A hundred that say nothing, a hundred that never finish their head, and a hundred their body.
    let beginnings = [
        "",
        "POST /model/x/converse HTT",
        "POST /model/x/converse HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{\"mess",
    ];
    let mut slow = Vec::new();
    for beginning in beginnings {
        for _ in 0..100 {
            let mut stream = endpoint.connect();
            stream.write_all(beginning.as_bytes()).expect("it reads");
            slow.push(stream);
        }
    }
    for (bytes, answer) in [
        (&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], ""),
        (b"GET\r\n\r\n", "HTTP/1.1 400"),
        (b"POST / HTTP/1.1\r\ncontent-length: -5\r\n\r\n", "HTTP/1.1 400"),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", ""),
        (b"\0\0\0\0\0\0\0\0\r\n\r\n", "HTTP/1.1 400"),
    ] {
        let mut stream = endpoint.connect();
        stream.write_all(bytes).expect("it reads");
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let said = all_of(stream);
        assert!(said.starts_with(answer), "{bytes:?}: {said}");
    }
    assert_eq!(endpoint.converse(&[], 100).status, 200);
    assert_eq!(slow.len(), 300, "and they are still there");
}

#[test]
fn heads_and_bodies_are_bounded() {
    let endpoint = Endpoint::of(ROOMY, &["--speed", "100x", "--quiet"]);
    let mut stream = endpoint.connect();
    let long = "x".repeat(1_000_000);
    // It may hang up before it has read all of it.
    let _ = stream.write_all(request("GET", "/_quotasim/state", &[("x-long", &long)], "").as_bytes());
    let said = all_of(stream);
    assert!(said.starts_with("HTTP/1.1 431") || said.is_empty(), "{said}");

    let path = format!("/model/{HAIKU}/converse");
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 25000001\r\n\r\n");
    let mut stream = endpoint.connect();
    stream.write_all(head.as_bytes()).expect("it reads");
    let _ = stream.write_all(&vec![b'x'; 25_000_001]);
    let said = all_of(stream);
    assert!(said.contains("less than or equal to 25000000") || said.is_empty(), "{said}");
    assert_eq!(endpoint.state()["rejected"]["ValidationException"], 1);

    let text = "x".repeat(4_000_000);
    let body = converse_body(100).replace(&"x".repeat(40), &text);
    let reply = endpoint.send("POST", &path, &[], &body);
    assert_eq!(
        reply.error().2,
        "prompt is too long: 1000000 tokens > 200000 maximum",
        "a long body is read all the same"
    );
}

#[test]
fn a_body_that_is_cut_off_is_not_called_too_long() {
    let endpoint = Endpoint::of(ROOMY, &["--quiet"]);
    let path = format!("/model/{HAIKU}/converse");
    for framing in ["content-length: 99\r\n\r\n{", "transfer-encoding: chunked\r\n\r\nzz\r\n"] {
        let mut stream = endpoint.connect();
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\n{framing}");
        stream.write_all(head.as_bytes()).expect("it reads");
        stream.shutdown(std::net::Shutdown::Write).expect("it is open");
        let said = all_of(stream);
        assert!(said.contains("ended early or is badly framed") || said.is_empty(), "{said}");
    }
    assert_eq!(endpoint.state()["pools"]["p"]["attempts"], 0);
}

#[test]
fn stepped_time_holds_up_no_stop() {
    let mut endpoint = Endpoint::of(ROOMY, &["--step", "--quiet"]);
    let mut stream = endpoint.connect();
    let path = format!("/model/{HAIKU}/converse");
    stream.write_all(request("POST", &path, &[], &converse_body(1_000)).as_bytes()).expect("it reads");
    endpoint.wait_for(|state| state["pools"]["p"]["in_flight"] == 1);
    let began = now();
    assert_eq!(endpoint.terminate().0, Some(0));
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "nobody can step it: the grace time of ten seconds is not waited for"
    );
}

#[test]
fn thousands_of_streams_run_at_once() {
    const STREAMS: usize = 2_000;
    raise_file_limit(STREAMS as u64 + 500);
    let endpoint = Endpoint::of(ROOMY, &["--quiet"]);
    let path = format!("/model/{HAIKU}/converse-stream");
    let request = request("POST", &path, &[], &converse_body(1_000));
    let streams: Vec<TcpStream> = (0..STREAMS)
        .map(|_| {
            let mut stream = endpoint.connect();
            stream.write_all(request.as_bytes()).expect("it reads");
            stream
        })
        .collect();
    for stream in streams {
        let said = all_of(stream);
        assert!(said.starts_with("HTTP/1.1 200 OK"), "{said}");
        assert!(said.contains("end_turn") && said.ends_with("0\r\n\r\n"), "a whole stream");
    }
    let pool = &endpoint.state()["pools"]["p"];
    assert_eq!((&pool["outcomes"]["succeeded"], &pool["in_flight"]), (&STREAMS.into(), &0.into()));
}

/// A soft limit on open files is often 1,024: this process needs one for each stream.
fn raise_file_limit(wanted: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit }).expect("the hard limit allows it");
    }
}

#[test]
fn those_who_hang_up_are_noticed() {
    let endpoint = Endpoint::of(ROOMY, &["--step"]);
    for operation in ["converse", "converse-stream"] {
        let path = format!("/model/{HAIKU}/{operation}");
        let mut stream = endpoint.connect();
        stream.write_all(request("POST", &path, &[], &converse_body(1_000)).as_bytes()).expect("it reads");
        endpoint.wait_for(|state| state["pools"]["p"]["in_flight"] == 1);
        endpoint.advance("1600ms");
        drop(stream);
        endpoint.wait_for(|state| state["pools"]["p"]["hung_up"] == 1);
        assert_eq!(endpoint.state()["pools"]["p"]["in_flight"], 1, "the answer goes on to its end");
        endpoint.advance("10s");
    }
    let outcomes = endpoint.state()["pools"]["p"]["outcomes"].clone();
    assert_eq!(outcomes, serde_json::json!({ "abandoned": 2 }));
}

#[test]
fn http2_is_spoken_without_being_asked() {
    // The preface, and empty settings (RFC 9113 §3.4): the SDK for JavaScript begins like this.
    let endpoint = Endpoint::of(ROOMY, &["--quiet"]);
    let mut stream = endpoint.connect();
    for piece in [&b"PR"[..], b"I * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[0, 0, 0, 4, 0, 0, 0, 0, 0]] {
        stream.write_all(piece).expect("it reads");
    }
    let mut head = [0; 9];
    stream.read_exact(&mut head).expect("a frame");
    assert_eq!(head[3], 4, "the settings of the endpoint: {head:?}");
}
