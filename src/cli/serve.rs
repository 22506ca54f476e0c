//! `quotasim serve`: load → listen → serve until told to stop.

use super::files::Directory;
use super::output::{print, reason, say, warn};
use super::{Answer, catalog, load};
use crate::emulator::{self, Fault, FaultMix, Served, Settings, Speed};
use crate::model::scenario::Start;
use crate::model::{Endpoint, Pool, Scenario};
use crate::report::text::wrap;
use crate::spec::catalog::Catalog;
use crate::spec::{self, Loaded, Problems};
use crate::units::{Probability, format, parse};
use anyhow::{Context, bail};
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long answers are without a scenario (*assumption*): those of a chat.
const OUTPUT_TOKENS: &str = "{ lognormal: { median: 250, p95: 900 } }";
/// How long what is under way may go on after a stop.
const GRACE: Duration = Duration::from_secs(10);
/// The same where time stands still: nobody can step it any more, so only what is being sent can end.
const GRACE_OF_STEPPED: Duration = Duration::from_millis(500);

/// Options of `serve`.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "quotasim serve [OPTIONS] <SCENARIO>\n       quotasim serve [OPTIONS] --model <ID>",
    after_help = "\
Examples:
  quotasim serve scenarios/chat.yaml
  quotasim serve scenarios/chat.yaml --port 0 --speed 20x --record calls.jsonl
  quotasim serve --model us.anthropic.claude-haiku-4-5-20251001-v1:0 \\
    --tokens-per-minute 200k

The first line of stdout is one JSON object with the address; the lines after
it are environment variables that lead any AWS SDK there:
  AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://127.0.0.1:9429

Calls may carry headers: x-quotasim-input-tokens, x-quotasim-output-tokens,
x-quotasim-cache-read-tokens, x-quotasim-cache-write-tokens, x-quotasim-fault.

Beside Bedrock's operations the endpoint answers:
  GET  /_quotasim/         a live page
  GET  /_quotasim/state    levels, reservations, throttles by limit, as JSON
  GET  /metrics            the same for Prometheus
  POST /_quotasim/reset    full quotas as at the start, counters at zero
  PUT  /_quotasim/quotas   {\"pool\": \"haiku\", \"tokens_per_minute\": \"300k\"}
  PUT  /_quotasim/faults   {\"model_not_ready\": \"1%\"}
  POST /_quotasim/clock    {\"advance\": \"30s\"}, with --step

A signal (Ctrl-C, kill) stops it: answers under way have 10 s to end. A second
one ends it at once.

Exit codes: 0 stopped by a signal, 2 the input or the world is wrong."
)]
pub(super) struct Args {
    /// The scenario file (YAML) whose pools are served
    #[arg(required_unless_present = "model")]
    scenario: Option<PathBuf>,

    /// Serve this model or inference profile without a scenario; may be repeated, a pool each
    #[arg(long, value_name = "ID", conflicts_with = "scenario")]
    model: Vec<String>,

    /// With `--model`: tokens per minute, or `none` (default: AWS's default quota)
    #[arg(long, value_name = "TOKENS", requires = "model", conflicts_with = "scenario")]
    tokens_per_minute: Option<String>,

    /// With `--model`: requests per minute, or `none` (default: AWS's default quota)
    #[arg(long, value_name = "REQUESTS", requires = "model", conflicts_with = "scenario")]
    requests_per_minute: Option<String>,

    /// With `--model`: how long answers are where no header says, a number or a distribution
    #[arg(long, value_name = "TOKENS", requires = "model", conflicts_with = "scenario", default_value = OUTPUT_TOKENS)]
    output_tokens: String,

    /// Change a field of the scenario, like `pools.haiku.tokens_per_minute=300k`; may be repeated
    #[arg(long, value_name = "PATH=VALUE", value_parser = super::args::assignment)]
    set: Vec<(String, String)>,

    /// Seed of what is drawn: lengths of answers, latency, faults (default: the scenario's)
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    seed: Option<u64>,

    /// Models, quotas and prices that replace or extend the built-in catalogue
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,

    /// The address to listen on; other machines reach this one if it is not a loopback address
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,

    /// The port to listen on; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 9429)]
    port: u16,

    /// Let time pass this many times as fast, so that at 20x an hour takes three minutes
    #[arg(long, value_name = "TIMES", value_parser = speed, default_value = "1x", allow_negative_numbers = true)]
    speed: f64,

    /// Let time stand still but for steps by hand, for tests
    #[arg(long, conflicts_with = "speed")]
    step: bool,

    /// Write one JSON object per attempt to this file, for `calibrate`
    #[arg(long, value_name = "FILE.jsonl")]
    record: Option<PathBuf>,

    /// Count calls with this access key id or bearer token under a workload, as its own name does; may be repeated
    #[arg(long, value_name = "KEY=WORKLOAD", value_parser = super::args::assignment)]
    credential: Vec<(String, String)>,

    /// Inject a fault with a probability, like `model_not_ready=1%`; may be repeated
    #[arg(long, value_name = "FAULT=SHARE", value_parser = fault)]
    fault: Vec<(Fault, Probability)>,

    /// Say nothing on stderr but errors
    #[arg(long)]
    quiet: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Answer> {
    let catalog = catalog::load(args.catalog.as_deref())?.into_owned();
    let loaded = match read(args, &catalog) {
        Ok(loaded) => loaded,
        Err(problems) => {
            say(&problems.to_string());
            return Ok(Answer::Wrong);
        }
    };
    let scenario = loaded.scenario;
    let skipped: Vec<&Pool> = scenario.pools.iter().filter(|pool| !is_served(pool)).collect();
    if skipped.len() == scenario.pools.len() {
        bail!("no pool of the scenario can be served: `bedrock-mantle` speaks another protocol than `bedrock-runtime`");
    }
    if !args.quiet {
        loaded.warnings.iter().for_each(warn);
        for pool in skipped {
            say(&format!("warning: pool `{}` is not served: `bedrock-mantle` speaks another protocol", pool.name));
        }
    }
    let settings = Settings {
        speed: if args.step { Speed::Stepped } else { Speed::Times(args.speed) },
        epoch: if args.step { start_of(scenario.start)? } else { jiff::Timestamp::now() },
        catalog,
        credentials: credentials(&scenario, &args.credential)?,
        faults: FaultMix::new(args.fault.clone()).map_err(anyhow::Error::msg)?,
        recording: args.record.as_deref().map(create).transpose()?,
        grace: if args.step { GRACE_OF_STEPPED } else { GRACE },
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let served = runtime.block_on(listen(args, scenario, settings))?;
    if !args.quiet {
        say(&summary(served));
    }
    Ok(Answer::Yes)
}

/// Listens, tells where, and serves until a signal comes.
async fn listen(args: &Args, scenario: Scenario, settings: Settings) -> anyhow::Result<Served> {
    let asked = SocketAddr::new(args.host, args.port);
    let listener = TcpListener::bind(asked).await.map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::AddrInUse => "`--port 0` takes a free port",
            ErrorKind::PermissionDenied => "ports from 1024 on need no privileges",
            _ => "`--host` must be an address of this machine, like 127.0.0.1 or 0.0.0.0",
        };
        anyhow::anyhow!("cannot listen on {asked}: {}\n\nhint: {hint}", reason(&error))
    })?;
    let address = listener.local_addr().context("cannot tell the address")?;
    let (stop, _) = watch::channel(false);
    // Before anybody knows of the endpoint: a signal must find somebody who listens.
    let signals = Signals::listen().context("cannot listen to signals")?;
    tokio::spawn(stop_at_first(signals, stop.clone()));
    print(&greeting(address, &scenario.name))?;
    if !args.quiet {
        say(&introduction(&scenario, address));
    }
    emulator::serve(scenario, settings, listener, stop).await.context("cannot write the recording")
}

/// The first signal stops the endpoint, the second the process.
async fn stop_at_first(mut signals: Signals, stop: watch::Sender<bool>) {
    signals.next().await;
    stop.send_replace(true);
    signals.next().await;
    std::process::exit(2);
}

/// Ctrl-C, and what `kill` and container engines send.
#[cfg(unix)]
#[derive(Debug)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Ctrl-C.
#[cfg(windows)]
#[derive(Debug)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn listen() -> std::io::Result<Signals> {
        Ok(Signals(tokio::signal::windows::ctrl_c()?))
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}

/// What stdout says: a line for programs, then the variables for a shell. boto3 reads its Region from the second of the
/// two only.
fn greeting(address: SocketAddr, scenario: &str) -> String {
    let url = url(address);
    let object = serde_json::json!({
        "address": address.to_string(),
        "host": address.ip().to_string(),
        "port": address.port(),
        "url": url,
        "live": format!("{url}/_quotasim/"),
        "scenario": scenario,
        "pid": std::process::id(),
    });
    format!(
        "{object}\nAWS_ENDPOINT_URL_BEDROCK_RUNTIME={url}\nAWS_ACCESS_KEY_ID=quotasim\n\
         AWS_SECRET_ACCESS_KEY=quotasim\nAWS_REGION=us-east-1\nAWS_DEFAULT_REGION=us-east-1\n"
    )
}

/// Where a client on this machine finds the endpoint.
fn url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

fn introduction(scenario: &Scenario, address: SocketAddr) -> String {
    let mut lines: Vec<String> = scenario.pools.iter().filter(|pool| is_served(pool)).map(described).collect();
    lines.push(String::new());
    lines.push("assumptions".to_owned());
    let sentences = scenario.assumptions.iter().map(String::as_str).chain(emulator::ASSUMPTIONS);
    lines.extend(sentences.flat_map(|sentence| wrap(sentence, "- ", "  ")));
    lines.push(String::new());
    lines.push(format!("watch it at {}/_quotasim/; Ctrl-C stops it", url(address)));
    lines.join("\n")
}

fn described(pool: &Pool) -> String {
    let limit = |quota: Option<&crate::model::Quota>, what: &str| match quota {
        Some(quota) => format!("{} {what}/min", format::quantity(quota.limits[0].1)),
        None => format!("no {what} quota"),
    };
    let requests = match &pool.quotas {
        crate::model::PoolQuotas::Runtime { requests, .. } => requests.as_ref(),
        crate::model::PoolQuotas::Mantle { .. } => None,
    };
    let model = if pool.name == pool.model { String::new() } else { format!(": {}", pool.model) };
    format!(
        "pool {}{model}\n  {}, {}, burndown rate {}, max output {}",
        pool.name,
        limit(pool.quotas.reserved_from(), "tokens"),
        limit(requests, "requests"),
        pool.burndown.0,
        format::count(pool.max_output.0),
    )
}

fn summary(served: Served) -> String {
    let Served { attempts, throttled, rejected } = served;
    let counted =
        |count: u64, what: &str| format!("{} {what}{}", format::count(count), if count == 1 { "" } else { "s" });
    let more = if rejected == 0 { String::new() } else { format!("; {}", counted(rejected, "invalid call")) };
    format!("served {}, {} throttled{more}", counted(attempts, "attempt"), format::count(throttled))
}

fn is_served(pool: &Pool) -> bool {
    pool.quotas.endpoint() == Endpoint::Runtime
}

/// Reads the scenario of the command line, from its file or from `--model`.
fn read(args: &Args, catalog: &Catalog) -> Result<Loaded, Problems> {
    let mut overrides = args.set.clone();
    overrides.extend(args.seed.map(|seed| ("seed".to_owned(), seed.to_string())));
    match &args.scenario {
        Some(path) => load::scenario_file(path, &overrides, catalog),
        None => read_models(args, overrides, catalog),
    }
}

/// A scenario with a pool for each `--model`, named like it.
fn read_models(args: &Args, overrides: Vec<(String, String)>, catalog: &Catalog) -> Result<Loaded, Problems> {
    let mut options = vec![("--output-tokens", "workloads.default.output_tokens".to_owned(), &args.output_tokens)];
    for model in &args.model {
        let path = |quota: &str| format!("pools.{model}.{quota}");
        options.extend(args.tokens_per_minute.as_ref().map(|q| ("--tokens-per-minute", path("tokens_per_minute"), q)));
        options.extend(
            args.requests_per_minute.as_ref().map(|q| ("--requests-per-minute", path("requests_per_minute"), q)),
        );
    }
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let pools: Vec<String> =
        args.model.iter().map(|model| format!("{}: {{ model: {} }}", quoted(model), quoted(model))).collect();
    let text = format!(
        "version: 1\nname: serve\npools: {{ {} }}\nworkloads:\n  default: {{ pool: {}, arrivals: {{ constant: {{ rate: \
         1/s }} }}, input_tokens: 1, output_tokens: 1, max_tokens: 1 }}\n",
        pools.join(", "),
        quoted(&args.model[0]),
    );
    let all: Vec<(String, String)> =
        options.iter().map(|(_, path, value)| (path.clone(), (*value).clone())).chain(overrides).collect();
    spec::read(&text, "--model", &all, &Directory::of(Path::new("")), catalog).map_err(|mut problems| {
        for problem in &mut problems.problems {
            let path = problem.file.strip_prefix("--set ");
            if let Some((option, ..)) = path.and_then(|path| options.iter().find(|(_, known, _)| known == path)) {
                problem.file = (*option).to_owned();
            }
        }
        problems
    })
}

fn credentials(scenario: &Scenario, given: &[(String, String)]) -> anyhow::Result<Vec<(String, usize)>> {
    given
        .iter()
        .map(|(key, name)| {
            let place = scenario.workloads.iter().position(|workload| workload.name == *name);
            place.map(|place| (key.clone(), place)).with_context(|| {
                let known: Vec<String> = scenario.workloads.iter().map(|w| format!("`{}`", w.name)).collect();
                format!("--credential names the workload `{name}`, and there are {}", known.join(", "))
            })
        })
        .collect()
}

fn create(path: &Path) -> anyhow::Result<Box<dyn Write + Send>> {
    let file = std::fs::File::create(path)
        .map_err(|error| anyhow::anyhow!("cannot write `{}`: {}", path.display(), reason(&error)))?;
    Ok(Box::new(file))
}

/// The instant that a scenario starts at.
fn start_of(start: Start) -> anyhow::Result<jiff::Timestamp> {
    let seconds = start.day * 86_400 + (start.time_of_day.0 / 1_000_000_000) as i64;
    let nanoseconds = (start.time_of_day.0 % 1_000_000_000) as i32;
    jiff::Timestamp::new(seconds, nanoseconds).context("the scenario starts beyond the calendar")
}

/// Reads `20x`, `20` or `0.5x`.
fn speed(text: &str) -> Result<f64, String> {
    let times = text.strip_suffix('x').unwrap_or(text);
    let times = parse::number(times).map_err(|why| why.to_string())?;
    if (0.01..=10_000.0).contains(&times) { Ok(times) } else { Err("it must lie between 0.01x and 10000x".to_owned()) }
}

fn fault(text: &str) -> Result<(Fault, Probability), String> {
    let (name, share) = text.split_once('=').ok_or("expected `fault=share`, like `model_not_ready=1%`")?;
    let fault =
        Fault::of_key(name.trim()).ok_or_else(|| format!("there is no fault `{name}`; there are {}", Fault::keys()))?;
    Ok((fault, parse::share(share).map_err(|why| why.to_string())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_read() {
        assert_eq!(["20x", "20", "0.5x"].map(speed), [Ok(20.0), Ok(20.0), Ok(0.5)]);
        for text in ["", "x", "0x", "-1x", "fast", "1e9x"] {
            assert!(speed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_client_on_this_machine_finds_an_endpoint_on_all_interfaces() {
        let any: SocketAddr = "0.0.0.0:80".parse().expect("an address");
        assert_eq!(url(any), "http://127.0.0.1:80");
        let six: SocketAddr = "[::1]:9429".parse().expect("an address");
        assert_eq!(url(six), "http://[::1]:9429");
    }

    #[test]
    fn the_start_of_a_scenario_is_an_instant() {
        let start = Start { day: 20_458, time_of_day: crate::units::SimSpan(1_500_000_000) };
        assert_eq!(start_of(start).expect("a date").to_string(), "2026-01-05T00:00:01.5Z");
    }
}
