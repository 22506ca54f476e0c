//! What each form of the language means.

use super::*;
use crate::model::*;
use crate::units::*;

/// SPEC §4's example, with the two figures that a catalogue would supply.
const EXAMPLE: &str = r#"
version: 1
name: support-triage
pools:
  haiku:
    model: us.anthropic.claude-haiku-4-5-20251001-v1:0
    tokens_per_minute: 200_000
    requests_per_minute: none
    burndown_rate: 5
    max_output_tokens: 64000
workloads:
  triage:
    pool: haiku
    arrivals: { poisson: { rate: 5/s } }
    input_tokens: { lognormal: { median: 420, p95: 1200 } }
    output_tokens: 5
    max_tokens: 100                   # or `unset`
    client: { boto3: { mode: standard, retries: "2.1", max_attempts: 3 } }
slo:
  - attempt_throttle_rate < 1%
  - { workload: triage, require: latency_ms.p99 < 5s }
"#;

#[test]
fn the_example_reads_as_it_says() {
    let Scenario {
        name,
        start,
        horizon,
        warmup,
        replications,
        seed,
        load,
        episode,
        accounts,
        pools,
        workloads,
        slo,
        ..
    } = read(EXAMPLE).unwrap_or_else(|problems| panic!("{problems}")).scenario;
    assert_eq!(name, "support-triage");
    assert_eq!(start, scenario::Start::default());
    assert_eq!((horizon.0, warmup.0), (1_800_000_000_000, 120_000_000_000));
    assert_eq!((replications, seed, load, episode), (10, 1, scenario::Load::ONE, false));
    assert!(accounts.is_empty());
    let [pool] = pools.as_slice() else { panic!("one pool") };
    assert_eq!(
        pool.quotas,
        PoolQuotas::Runtime { requests: None, tokens: Some(Quota::constant(200_000)), tokens_per_day: None }
    );
    assert_eq!((pool.burndown, pool.max_output), (BurndownRate(5), Tokens(64_000)));
    let [triage] = workloads.as_slice() else { panic!("one workload") };
    assert_eq!(triage.arrivals, Arrivals::Poisson { rate: Rate { events: 5, per: SimSpan::SECOND } });
    let Distribution::LogNormal { mu, sigma } = triage.tokens.input else { panic!("lognormal") };
    assert!((mu - 420f64.ln()).abs() < 1e-12 && (sigma - (1200f64 / 420.0).ln() / 1.644854).abs() < 1e-12);
    assert_eq!(triage.tokens.output, Distribution::Constant(5.0));
    assert_eq!(triage.max_tokens, Some(Tokens(100)));
    assert_eq!(triage.read_timeout, Some(SimSpan(60 * SimSpan::SECOND.0)));
    assert_eq!(slo[0].metric, "attempt_throttle_rate");
    assert_eq!((slo[0].bound, slo[0].comparison), (0.01, Comparison::Less));
    assert_eq!((slo[1].scope.clone(), slo[1].bound), (Scope::Workload(0), 5_000.0));
}
