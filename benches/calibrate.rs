//! How fast records become laws: log records parsed and sketched per second, and the fits of one workload.
//!
//! `cargo bench --bench calibrate`. A million records are 25 times the first number, shared by the threads that read
//! files, and the second number once for each workload.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quotasim::calibrate::calibration::{Choices, Plan};
use quotasim::calibrate::observation::Observation;
use quotasim::calibrate::read::{By, Feed, Options, invocation_log};
use quotasim::calibrate::reading::Reading;
use quotasim::calibrate::sketch::{Place, Sketch};
use quotasim::model::Distribution;
use quotasim::random::{Key, Purpose, Sampler};
use quotasim::spec::catalog::Catalog;
use std::fmt::Write as _;
use std::hint::black_box;

const RECORDS: u64 = 40_000;

/// An invocation log as Bedrock writes it, with a prompt of a few hundred characters in each record.
fn log() -> String {
    let key = |purpose| Key::new(8, 0, 0, purpose);
    let law = |mu: f64| Sampler::new(&Distribution::LogNormal { mu, sigma: 0.9 });
    let (inputs, outputs, prompt) = (law(7.0), law(5.3), "word ".repeat(80));
    let mut text = String::new();
    for i in 0..RECORDS {
        let input = inputs.sample(key(Purpose::Input).bits(i)) as u64 + 1;
        let output = outputs.sample(key(Purpose::Output).bits(i)) as u64 + 1;
        let second = 1_790_858_096 + i / 10;
        let at = jiff::Timestamp::from_second(second as i64).expect("a time");
        writeln!(
            text,
            r#"{{"schemaType":"ModelInvocationLog","schemaVersion":"1.0","timestamp":"{at}","accountId":"111122223333","identity":{{"arn":"arn:aws:sts::111122223333:assumed-role/App/i"}},"region":"us-east-1","requestId":"r","operation":"Converse","modelId":"us.anthropic.claude-sonnet-4-6","input":{{"inputContentType":"application/json","inputBodyJson":{{"messages":[{{"role":"user","content":[{{"text":"{prompt}"}}]}}],"inferenceConfig":{{"maxTokens":4096}}}},"inputTokenCount":{input}}},"output":{{"outputContentType":"application/json","outputBodyJson":{{"output":{{"message":{{"content":[{{"text":"{prompt}"}}]}}}},"stopReason":"end_turn","metrics":{{"latencyMs":{}}},"usage":{{"inputTokens":{input},"outputTokens":{output},"totalTokens":{}}}}},"outputTokenCount":{output}}}}}"#,
            900 + output * 15,
            input + output
        )
        .expect("memory");
    }
    text
}

fn read(text: &str) -> Sketch {
    let mut sketch = Sketch::default();
    let mut sink = |place: Place, observation: &Observation<'_>| sketch.add(place, observation);
    let mut feed = Feed::new(0, "log", &mut sink);
    invocation_log(text.as_bytes(), &Options { by: By::identity(), ..Options::default() }, &mut feed);
    assert_eq!(feed.finish().used, RECORDS);
    sketch
}

fn calibrate(criterion: &mut Criterion) {
    let text = log();
    let mut group = criterion.benchmark_group("calibrate");
    group.sample_size(10);
    group.throughput(Throughput::Elements(RECORDS));
    group.bench_function("records", |bench| bench.iter(|| black_box(read(&text))));
    let sketch = read(&text);
    group.throughput(Throughput::Elements(1));
    group.bench_function("workload", |bench| {
        bench.iter(|| {
            let mut sketch = sketch.clone();
            let choices = Choices { workloads: 12, client: "boto3".to_owned(), ..Choices::default() };
            let plan = Plan::new(&mut sketch, choices, Catalog::embedded());
            let done = plan.jobs(&sketch).iter().map(quotasim::calibrate::calibration::Job::run).collect();
            black_box(plan.finish(&sketch, ("log", Reading::default()), done))
        });
    });
    group.finish();
}

criterion_group!(benches, calibrate);
criterion_main!(benches);
