//! Claude Code's session files: one line for each message, several for one answer.
//!
//! A session is `~/.claude/projects/PROJECT/SESSION.jsonl`, its subagents files of their own below it. An answer is
//! written down block by block, each line repeating `message.id` and a usage that counts up: the lines of one id are
//! one request, with the largest output. It began when the line before it was written, which is the user's text or a
//! tool's result, and ended with its last line. A resumed session repeats its past under the same ids: what was seen is
//! not counted again.

use super::usage::hash;
use super::{Feed, Unusable, is_cut, lasting, tokens};
use crate::calibrate::observation::{Instant, MaxTokens, Observation, Outcome, Source, Usage};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The conversations of one file.
#[derive(Debug, Default)]
pub(super) struct ClaudeCode {
    conversations: BTreeMap<u64, Conversation>,
}

#[derive(Debug, Default)]
struct Conversation {
    /// When the last line that is no answer was written.
    asked: Option<i64>,
    /// The answer that is being written.
    open: Option<Answer>,
}

#[derive(Debug, Clone)]
struct Answer {
    id: u64,
    model: String,
    began: i64,
    ended: i64,
    usage: Usage,
    cut: bool,
}

const NOT_AN_ANSWER: Unusable = Unusable::other("it is no answer: a user's text, a tool's result, a summary");
const REPEATED: Unusable = Unusable::other("it repeats an answer that was seen");

impl ClaudeCode {
    /// Whether a line is one of a session file.
    pub(super) fn knows(value: &Value) -> bool {
        let words = ["user", "assistant", "system", "summary", "progress", "file-history-snapshot", "queue-operation"];
        let kind = value.get("type").and_then(Value::as_str);
        kind.is_some_and(|kind| words.contains(&kind))
            && ["sessionId", "leafUuid", "messageId", "isSidechain"].iter().any(|name| value.get(name).is_some())
    }

    /// Takes in a line.
    pub(super) fn take(&mut self, value: &Value, line: u64, seen: &mut BTreeSet<u64>, feed: &mut Feed<'_>) {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let time = text("timestamp").and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let Some(now) = time.and_then(|time| super::time(time.as_nanosecond()).ok()) else {
            return feed.unusable(&NOT_AN_ANSWER, line);
        };
        // A subagent's turns are a conversation of their own, in whichever file they stand.
        let key = hash(&format!("{} {}", text("sessionId").unwrap_or(""), text("agentId").unwrap_or("")));
        let conversation = self.conversations.entry(key).or_default();
        let Some((id, usage, message)) = answer_of(value) else {
            conversation.asked = Some(now);
            return feed.unusable(&NOT_AN_ANSWER, line);
        };
        if let Some(open) = conversation.open.as_mut().filter(|open| open.id == id) {
            open.ended = open.ended.max(now);
            open.usage.output = open.usage.output.max(usage.output);
            open.cut |= message.get("stop_reason").and_then(Value::as_str).is_some_and(is_cut);
            return feed.unusable(&REPEATED, line);
        }
        if let Some(done) = conversation.open.take() {
            emit(&done, key, feed);
        }
        if !seen.insert(id) {
            return feed.unusable(&REPEATED, line);
        }
        conversation.open = Some(Answer {
            id,
            model: message.get("model").and_then(Value::as_str).unwrap_or("").to_owned(),
            began: conversation.asked.take().unwrap_or(now).min(now),
            ended: now,
            usage,
            cut: message.get("stop_reason").and_then(Value::as_str).is_some_and(is_cut),
        });
    }

    /// The file has ended: answers that were still open are whole.
    pub(super) fn finish(&mut self, feed: &mut Feed<'_>) {
        for (key, conversation) in std::mem::take(&mut self.conversations) {
            if let Some(answer) = conversation.open {
                emit(&answer, key, feed);
            }
        }
    }
}

/// The id, the usage and the message of an answer; `None` for other lines and for answers that no model gave.
fn answer_of(value: &Value) -> Option<(u64, Usage, &Value)> {
    let message = value.get("message")?;
    let usage = message.get("usage")?;
    if message.get("model").and_then(Value::as_str) == Some("<synthetic>") {
        return None;
    }
    let count = |name: &str| usage.get(name).and_then(Value::as_u64).and_then(tokens);
    let id = [message.get("id"), value.get("requestId"), value.get("uuid")];
    let id = id.into_iter().flatten().find_map(Value::as_str)?;
    let usage = Usage {
        input: count("input_tokens"),
        cache_read: count("cache_read_input_tokens").unwrap_or(0),
        cache_write: count("cache_creation_input_tokens").unwrap_or(0),
        output: Some(count("output_tokens")?),
    };
    Some((hash(id), usage, message))
}

fn emit(answer: &Answer, session: u64, feed: &mut Feed<'_>) {
    feed.used(&Observation {
        at: Instant(answer.began),
        source: Source { model: answer.model.as_str().into(), caller: "claude-code".into(), ..Source::default() },
        outcome: Outcome::Answered { cut: answer.cut },
        tokens: answer.usage,
        max_tokens: MaxTokens::Unknown,
        ttft: None,
        latency: lasting(i128::from(answer.ended - answer.began)),
        session: Some(session),
        retry: false,
    });
}
