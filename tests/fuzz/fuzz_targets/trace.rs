#![no_main]

#[allow(dead_code, reason = "each target uses one of the functions")]
#[path = "../harness.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| harness::trace(bytes));
