use quotasim::engine::{Engine, Unwatched};
use quotasim::model::arrivals::*;
use quotasim::model::client::*;
use quotasim::model::scenario::*;
use quotasim::model::*;
use quotasim::units::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let inflight: f64 = a[2].parse().unwrap();
    let n: f64 = a[3].parse().unwrap();
    let mean_dur = 7.475831048277331f64;
    let mean_charge = 4535.831220533391f64;
    let adm = inflight / mean_dur;
    let (lam, l) = match a[1].as_str() {
        "low" => (adm, 0.2),
        "sat" => (adm, if inflight < 1000.0 { 0.95 } else { 0.98 }),
        _ => (1.5 * adm, 1.0),
    };
    let q = (60.0 * adm * mean_charge / l).round() as u64;
    let limiter = match a[4].as_str() {
        "bucket" => Limiter::DEFAULT,
        "fixed" => Limiter::FixedWindow { phase: SimSpan::ZERO },
        "sliding" => Limiter::SlidingWindow,
        _ => Limiter::InFlight,
    };
    let sc = Scenario {
        name: "x".into(),
        start: Start::default(),
        horizon: SimTime((n / lam * 1e9) as u64),
        warmup: SimTime(0),
        replications: 1,
        seed: 1,
        load: Load::ONE,
        episode: false,
        accounts: vec![],
        pools: vec![Pool {
            name: "p".into(),
            model: "m".into(),
            account: None,
            quotas: PoolQuotas::Runtime {
                requests: None,
                tokens: Some(Quota { limits: vec![(SimTime::ZERO, q)], limiter }),
                tokens_per_day: None,
            },
            rules: ReservationRules::default(),
            burndown: BurndownRate(5),
            max_output: Tokens(4096),
            context_window: None,
            prices: Prices::default(),
            latency: Latency::Duration(Distribution::Constant(1.0)),
        }],
        workloads: vec![Workload {
            name: "w".into(),
            pool: 0,
            fallback: None,
            arrivals: Arrivals::Poisson {
                rate: Rate { events: (lam * 1e6) as u64, per: SimSpan(1_000_000_000_000_000) },
            },
            tokens: TokenDemand {
                input: Distribution::LogNormal { mu: 7.313220387090301, sigma: 1.0 },
                cache_read: Distribution::Constant(0.0),
                cache_write: Distribution::Constant(0.0),
                output: Distribution::LogNormal { mu: 5.703782474656201, sigma: 0.8 },
                correlation: 0.0,
            },
            max_tokens: Some(Tokens(4096)),
            latency: Some(Latency::Streaming {
                ttft: Distribution::LogNormal { mu: -0.53, sigma: 0.2 },
                ttft_per_1k_input: Distribution::Constant(0.0),
                output_tokens_per_second: Distribution::LogNormal { mu: 60f64.ln(), sigma: 0.2 },
            }),
            faults: Faults::default(),
            throttle_latency: SimSpan::ZERO,
            client: ClientPolicy::Sdk(SdkPolicy::default_for(Sdk::Boto3)),
            clients: 1,
            concurrency: None,
            pace: None,
            deadline: None,
            read_timeout: None,
            priority: 0,
        }],
        slo: vec![],
        assumptions: vec![],
    };
    let e = Engine::new(&sc);
    for _ in 0..3 {
        let t = std::time::Instant::now();
        let r = e.run(1, 0, &mut Unwatched).unwrap();
        let dt = t.elapsed().as_secs_f64();
        let f = &r.flows[0];
        println!(
            "{} {} {}: req {} att {} thr {:.4} fail {} {:.2} M req/s  {:.1} ns/req  {:.2} Mev/s p50 {:?} p99 {:?} {:?}",
            a[1],
            a[2],
            a[4],
            f.requests,
            f.attempts,
            f.throttled() as f64 / f.attempts as f64,
            f.failed,
            f.requests as f64 / dt / 1e6,
            dt * 1e9 / f.requests as f64,
            r.events as f64 / dt / 1e6,
            f.latency.quantile(0.5),
            f.latency.quantile(0.99),
            f.ledger
        );
    }
}
