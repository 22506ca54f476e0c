//! Messages of AWS's event-stream encoding.
//!
//! *Source*: "Amazon event stream encoding" in the Smithy specification; the bytes are made by `aws-smithy-eventstream`.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use serde_json::Value;

/// An event with a JSON payload.
pub(super) fn event(kind: &'static str, payload: &Value) -> Vec<u8> {
    let headers = [(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")];
    message(headers, payload)
}

/// An exception, after which the stream ends.
pub(super) fn exception(kind: &'static str, payload: &Value) -> Vec<u8> {
    let headers = [(":exception-type", kind), (":content-type", "application/json"), (":message-type", "exception")];
    message(headers, payload)
}

fn message(headers: [(&'static str, &'static str); 3], payload: &Value) -> Vec<u8> {
    let headers = headers.map(|(name, value)| Header::new(name, HeaderValue::String(value.into()))).to_vec();
    let message = Message::new_from_parts(headers, payload.to_string());
    let mut bytes = Vec::with_capacity(256);
    write_message_to(&message, &mut bytes).expect("short headers and payloads are within the encoding's bounds");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_eventstream::frame::read_message_from;
    use serde_json::json;

    #[test]
    fn a_reader_of_the_encoding_reads_them() {
        let bytes = event("messageStart", &json!({ "role": "assistant" }));
        let read = read_message_from(&bytes[..]).expect("a valid frame with valid checksums");
        assert_eq!(&read.payload()[..], br#"{"role":"assistant"}"#);
        let kind = read.headers().iter().find(|header| header.name().as_str() == ":event-type").expect("a type");
        assert_eq!(kind.value().as_string().expect("text").as_str(), "messageStart");
        let bytes = exception("throttlingException", &json!({ "message": "no" }));
        let read = read_message_from(&bytes[..]).expect("a valid frame");
        assert!(read.headers().iter().any(|header| header.name().as_str() == ":exception-type"));
    }
}
