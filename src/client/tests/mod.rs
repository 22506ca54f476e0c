//! The clients against what the real packages did, against theory, and against their own promises.

mod budgets;
mod laws;
mod matrices;
mod sendings;
mod shared_state;
mod tables;

use super::*;
use crate::model::client::{RetryMode, RetryVersion};
use serde_json::Value;

/// 64 bits whose uniform number is `u`, or the nearest above it.
fn bits_of(u: f64) -> u64 {
    ((u * (1u64 << 53) as f64).ceil() as u64) << 11
}

fn sdk(sdk: Sdk, mode: RetryMode, version: RetryVersion, max_attempts: u32) -> Client {
    Client::new(&ClientPolicy::Sdk(SdkPolicy { sdk, mode, version, max_attempts }))
}

fn seconds_of(x: &Value) -> SimSpan {
    SimSpan::from_secs_f64(x.as_f64().expect("a number of seconds"))
}

fn rows<'a>(file: &'a Value, table: &str) -> &'a Vec<Value> {
    file[table].as_array().expect("a table")
}

/// Every policy worth a law.
fn every_client() -> Vec<(String, Client)> {
    let mut clients = vec![("none".to_owned(), Client::new(&ClientPolicy::None))];
    for kind in [Sdk::Boto3, Sdk::JavaScript, Sdk::Rust, Sdk::Java, Sdk::Anthropic] {
        for mode in [RetryMode::Legacy, RetryMode::Standard, RetryMode::Adaptive] {
            for version in [RetryVersion::V2_0, RetryVersion::V2_1] {
                for attempts in [1, 3, 10] {
                    let name = format!("{kind:?} {mode:?} {version:?} {attempts}");
                    clients.push((name, sdk(kind, mode, version, attempts)));
                }
            }
        }
    }
    clients
}
