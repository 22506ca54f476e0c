//! AWS's worked examples, to the token, and the cases that the command is for.

use super::*;
use crate::model::catalog::{DatedBurndown, Figure, LatencyDefault, Status};
use crate::units::BurndownRate;
use serde_json::Value;

/// A model like Haiku 4.5 with the rate and maximum output of a vector.
fn card(burndown: u32, max_output: u64) -> Card {
    Card {
        name: "Example".to_owned(),
        max_output: Some(Tokens(max_output)),
        context_window: Some(Tokens(200_000)),
        burndown: vec![DatedBurndown { since: String::new(), rate: BurndownRate(burndown), verified: true }],
        prices: vec![(
            ProfileKind::Geo,
            Prices { input: Some(1.1), output: Some(5.5), cache_read: Some(0.11), cache_write: None },
        )],
        latency: Some(LatencyDefault { ttft_s: 0.7, output_tokens_per_second: 130.0 }),
        profiles: vec!["us".to_owned(), "global".to_owned()],
        in_region: false,
        ..Card::unknown("example.model-v1:0")
    }
}

fn request(card: &Card) -> Request<'_> {
    Request {
        id: "us.example.model-v1:0",
        card,
        kind: ProfileKind::Geo,
        prefix: "us",
        input: Tokens(42),
        cache_read: Tokens(0),
        cache_write: Tokens(0),
        output: Tokens(5),
        max_tokens: Some(Tokens(8_192)),
        tokens_per_minute: Some(200_000),
    }
}

#[test]
fn every_example_of_aws_comes_out_to_the_token() {
    let file: Value =
        serde_json::from_str(include_str!("../../../tests/vectors/aws_examples.json")).expect("the vectors are JSON");
    let vectors = file["vectors"].as_array().expect("a list");
    assert!(vectors.len() >= 16);
    for vector in vectors {
        let count = |key: &str| vector[key].as_u64();
        let card = card(count("burndown").expect("a rate") as u32, count("maxTokens").unwrap_or(0).max(64_000));
        let request = Request {
            input: Tokens(count("input").expect("input")),
            cache_read: Tokens(count("cacheRead").expect("cacheRead")),
            cache_write: Tokens(count("cacheWrite").expect("cacheWrite")),
            output: Tokens(count("output").unwrap_or(1)),
            max_tokens: count("maxTokens").map(Tokens),
            tokens_per_minute: count("quota_tpm"),
            ..request(&card)
        };
        let e = explain(&request).expect("a valid request");
        for (key, expected) in vector["expected"].as_object().expect("expectations") {
            let expected = expected.as_u64().expect("a count");
            let found = match key.as_str() {
                "initial_deduction" => Some(e.reservation),
                "final_usage" => e.charge,
                "billed_tokens" => Some(e.billed_tokens),
                "max_concurrent" => e.fits_at_once,
                "remaining_this_minute" => e.charge.zip(e.tokens_per_minute).map(|(charge, quota)| quota - charge),
                // tk2 against tk1: unset against 1,000.
                "ratio_to_tk1" => Some(e.reservation / 1_500),
                other => panic!("{}: unknown expectation {other}", vector["id"]),
            };
            assert_eq!(found, Some(expected), "{} {key}", vector["id"]);
        }
    }
}

#[test]
fn the_contradicting_source_is_a_switch_and_not_the_default() {
    let card = card(5, 64_000);
    let workshop = Request { input: Tokens(18), output: Tokens(80), max_tokens: Some(Tokens(500)), ..request(&card) };
    let e = explain(&workshop).expect("a valid request");
    assert_eq!((e.reservation, e.charge), (518, Some(418)));
    let burned = e.switches.iter().find(|switch| switch.switch == "reserve_burndown: true").expect("a switch");
    assert_eq!(burned.reservation, Some(2_518));
    assert_eq!(burned.reservation.map(|r| r - 418), Some(2_100));
}

#[test]
fn the_classifier_tells_what_its_max_tokens_cost() {
    let card = card(5, 64_000);
    let e = explain(&request(&card)).expect("a valid request");
    assert_eq!((e.reservation, e.charge, e.refund, e.overdraft), (8_234, Some(67), Some(8_167), Some(0)));
    assert_eq!((e.burndown_rate, e.billed_tokens, e.fits_at_once), (Some(5), 47, Some(24)));
    assert_eq!(e.cost_usd, Some(0.000_073_7));
    assert_eq!(e.sustained_requests_per_minute, Some(200_000.0 / 67.0));
    let lower = e.lower_max_tokens.as_ref().expect("a smaller max_tokens");
    assert_eq!((lower.max_tokens, lower.reservation, lower.charge), (100, 142, Some(67)));
    let unset = e.if_unset.as_ref().expect("an unset max_tokens");
    assert_eq!((unset.reservation, unset.fits_at_once), (64_042, Some(3)));
    assert_eq!(
        e.steps,
        [
            "reservation = 42 input + 0 cache write + 8,192 max_tokens = 8,234",
            "charge = 42 input + 0 cache write + 5 output × 5 = 67",
            "refund = 8,234 reserved − 67 charged = 8,167",
            "fits at once = ⌊200,000 / 8,234⌋ = 24",
            "sustained = 200,000 / 67 = 2,985.1 per minute",
            "billed = 42 input + 0 cache read + 0 cache write + 5 output = 47 tokens",
            "cost = (42 × $1.1 + 5 × $5.5) / 1M = $0.0000737",
        ]
    );
    assert_eq!(
        e.hints,
        [
            "max_tokens 8,192 reserves 58 times what 100 does, for the same charge of 67 tokens",
            "left unset, max_tokens is the model's maximum, 64,000, and reserves 64,042: 7.8 times this request",
            "responses take 0.74 s (assumption) and hold their reservations meanwhile: above 0.49 s a full bucket alone \
             bears 1,989.7 per minute, and the sustained rate only as it refills; `quotasim run` tells",
        ]
    );

    let unset = explain(&Request { max_tokens: None, ..request(&card) }).expect("a valid request");
    assert!(unset.unset && unset.if_unset.is_none());
    assert_eq!(unset.reservation, 64_042);
    assert!(unset.hints[0].contains("unset max_tokens reserves 451 times what 100 does"), "{:?}", unset.hints);

    let tuned = explain(&Request { max_tokens: Some(Tokens(100)), ..request(&card) }).expect("a valid request");
    assert_eq!((tuned.reservation, tuned.charge, tuned.lower_max_tokens), (142, Some(67), None));
    assert!(tuned.hints[0].contains("451 times this request"), "{:?}", tuned.hints);
}

#[test]
fn the_keys_of_the_contract_come_first() {
    let card = card(5, 64_000);
    let json = serde_json::to_value(explain(&request(&card)).expect("a valid request")).expect("serializable");
    let keys: Vec<&String> = json.as_object().expect("an object").keys().take(9).collect();
    assert_eq!(
        keys,
        [
            "reservation",
            "charge",
            "refund",
            "overdraft",
            "burndown_rate",
            "fits_at_once",
            "sustained_requests_per_minute",
            "billed_tokens",
            "cost_usd"
        ]
    );
}

#[test]
fn the_unknown_is_null_and_never_zero() {
    let card = Card { burndown: Vec::new(), prices: Vec::new(), latency: None, ..card(5, 64_000) };
    let e = explain(&Request { tokens_per_minute: None, ..request(&card) }).expect("a valid request");
    assert_eq!((e.reservation, e.charge, e.refund, e.overdraft), (8_234, None, None, None));
    assert_eq!((e.burndown_rate, e.fits_at_once, e.sustained_requests_per_minute), (None, None, None));
    assert_eq!((e.cost_usd, e.limited_by), (None, None));
    assert_eq!(e.switches[1].reservation, None);
    assert!(e.hints.iter().any(|hint| hint.contains("burndown rate of Example is unknown")));
    assert!(e.hints.iter().any(|hint| hint.contains("--tokens-per-minute")));
    // A price is needed only for tokens that are there.
    let priced = super::tests::card(5, 64_000);
    assert!(explain(&request(&priced)).expect("valid").cost_usd.is_some());
    assert_eq!(explain(&Request { cache_write: Tokens(1), ..request(&priced) }).expect("valid").cost_usd, None);
}

#[test]
fn what_bedrock_refuses_is_refused_with_the_bound() {
    let card = card(5, 64_000);
    let refuse = |max_tokens| {
        explain(&Request { max_tokens: Some(Tokens(max_tokens)), ..request(&card) }).expect_err("a refusal")
    };
    assert_eq!(refuse(0), Refusal::Zero);
    let above = refuse(64_001);
    assert!(above.to_string().contains("64001") && above.to_string().contains("\n\nhint: "), "{above}");
    let unknown = Card { max_output: None, ..card.clone() };
    assert!(explain(&Request { max_tokens: None, ..request(&unknown) }).is_err());
    assert!(explain(&Request { input: Tokens(u64::MAX), ..request(&card) }).is_err());
}

#[test]
fn hints_say_what_bedrocks_errors_leave_out() {
    let old = Card { status: Status::Legacy { end_of_life: Some("2027-01-08".to_owned()) }, ..card(5, 64_000) };
    let bare = Request { id: "example.model-v1:0", kind: ProfileKind::OnDemand, prefix: "", ..request(&old) };
    let e = explain(&Request { input: Tokens(199_000), ..bare }).expect("a valid request");
    assert_eq!((e.pool.as_str(), e.profile), ("us.example.model-v1:0", "geo"));
    assert!(e.hints[0].contains("`us.example.model-v1:0`, `global.example.model-v1:0`"), "{:?}", e.hints);
    assert!(e.hints[1].contains("legacy") && e.hints[1].contains("2027-01-08"), "{:?}", e.hints);
    assert!(e.hints[2].contains("max_tokens of 1,000 would fit"), "{:?}", e.hints);

    let unlisted = explain(&Request { id: "jp.example.model-v1:0", prefix: "jp", ..request(&old) }).expect("valid");
    assert!(unlisted.hints[0].contains("does not list"), "{:?}", unlisted.hints);

    let huge = explain(&Request { tokens_per_minute: Some(8_000), ..request(&old) }).expect("valid");
    assert_eq!((huge.fits_at_once, huge.sustained_requests_per_minute), (Some(0), Some(0.0)));
    assert!(huge.hints.iter().any(|hint| hint.contains("every attempt is throttled")));
}

#[test]
fn overdrafts_and_truncation_are_told() {
    let card = Card {
        quotas: vec![DefaultQuotas {
            kind: ProfileKind::Geo,
            only: Vec::new(),
            tokens_per_minute: Figure::Limit { value: 5_000_000, code: None },
            requests_per_minute: Figure::Limit { value: 100, code: None },
            mantle_input_tokens_per_minute: Figure::Unknown,
            mantle_output_tokens_per_minute: Figure::Unknown,
        }],
        ..card(10, 64_000)
    };
    let e = explain(&Request {
        input: Tokens(3_000),
        output: Tokens(2_000),
        max_tokens: Some(Tokens(1_250)),
        tokens_per_minute: None,
        ..request(&card)
    })
    .expect("a valid request");
    assert_eq!((e.reservation, e.charge, e.refund, e.overdraft), (4_250, Some(15_500), Some(0), Some(11_250)));
    assert!(e.truncated && e.output == 1_250 && e.default_quota);
    assert_eq!((e.limited_by, e.sustained_up_to_response_s), (Some("requests_per_minute"), None));
    assert!(e.steps[2].starts_with("overdraft = 15,500 charged − 4,250 reserved"));
}

#[test]
fn the_smaller_max_tokens_is_a_round_number_with_room() {
    for (output, lower) in [(0, 100), (5, 100), (50, 100), (51, 200), (100, 200), (628, 2_000), (3_000, 10_000)] {
        assert_eq!(lower_max_tokens(Tokens(output)), Tokens(lower), "{output}");
    }
    assert_eq!(lower_max_tokens(Tokens(u64::MAX)), Tokens(u64::MAX));
}
