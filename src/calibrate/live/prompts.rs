//! The user's own prompts: a line of JSON each.

use serde_json::Value;

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The user.
    User,
    /// The model, in an earlier turn.
    Assistant,
}

/// One prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Instructions before the conversation.
    pub system: Vec<String>,
    /// The conversation; ends with the user.
    pub turns: Vec<(Role, String)>,
    /// Its own output limit.
    pub max_tokens: Option<u32>,
}

/// Reads prompts: `{"prompt": "…"}`, or as Converse takes them, `{"system": […], "messages": […],
/// "inferenceConfig": {"maxTokens": …}}`, of text alone.
///
/// `Err` names the line and what is wrong with it, and repeats nothing of the prompt.
pub fn prompts(text: &str) -> Result<Vec<Prompt>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let prompts: Result<Vec<Prompt>, String> = lines
        .map(|(index, line)| {
            let value: Value = serde_json::from_str(line).map_err(|_| format!("line {}: it is not JSON", index + 1))?;
            prompt(&value).map_err(|why| format!("line {}: {why}", index + 1))
        })
        .collect();
    let prompts = prompts?;
    if prompts.is_empty() { Err("it has no prompts".to_owned()) } else { Ok(prompts) }
}

fn prompt(value: &Value) -> Result<Prompt, String> {
    if let Value::String(text) = value {
        return Ok(Prompt { system: Vec::new(), turns: vec![(Role::User, text.clone())], max_tokens: None });
    }
    let limit = value.pointer("/inferenceConfig/maxTokens").or_else(|| value.get("max_tokens"));
    let max_tokens = match limit {
        None | Some(Value::Null) => None,
        Some(limit) => {
            let limit = limit.as_u64().filter(|&limit| limit > 0).and_then(|limit| u32::try_from(limit).ok());
            Some(limit.ok_or("`maxTokens` is no positive whole number")?)
        }
    };
    let system = value.get("system").map_or(Ok(Vec::new()), texts)?;
    let turns = match (value.get("prompt").and_then(Value::as_str), value.get("messages").and_then(Value::as_array)) {
        (Some(text), None) => vec![(Role::User, text.to_owned())],
        (None, Some(messages)) => messages.iter().map(turn).collect::<Result<Vec<_>, String>>()?,
        _ => return Err("it has neither `prompt`, a text, nor `messages`, a list".to_owned()),
    };
    match turns.last() {
        Some((Role::User, _)) => Ok(Prompt { system, turns, max_tokens }),
        _ => Err("its last message is not the user's".to_owned()),
    }
}

fn turn(message: &Value) -> Result<(Role, String), String> {
    let role = match message.get("role").and_then(Value::as_str) {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        _ => return Err("a message's `role` is neither `user` nor `assistant`".to_owned()),
    };
    let content = message.get("content").ok_or("a message has no `content`")?;
    Ok((role, texts(content)?.join("\n")))
}

/// A text, or a list of blocks of text.
fn texts(value: &Value) -> Result<Vec<String>, String> {
    let block = |block: &Value| block.get("text").and_then(Value::as_str).map(str::to_owned);
    match value {
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Array(blocks) => blocks
            .iter()
            .map(|one| block(one).ok_or_else(|| "it has content that is no text, which is not sent".to_owned()))
            .collect(),
        _ => Err("its content is neither a text nor a list of blocks".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_come_in_three_forms() {
        let text = r#"
            {"prompt": "one"}
            "two"
            {"system": [{"text": "be short"}], "messages": [{"role": "user", "content": [{"text": "a"}, {"text": "b"}]}, {"role": "assistant", "content": "c"}, {"role": "user", "content": "d"}], "inferenceConfig": {"maxTokens": 50}}
        "#;
        let read = prompts(text).unwrap();
        assert_eq!(read.len(), 3);
        assert_eq!(read[1].turns, [(Role::User, "two".to_owned())]);
        assert_eq!((read[2].turns.len(), read[2].turns[0].1.as_str(), read[2].max_tokens), (3, "a\nb", Some(50)));
        assert_eq!(read[2].system, ["be short"]);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_prompt() {
        for (text, why) in [
            ("{\"prompt\": \"secret\"\n", "line 1: it is not JSON"),
            ("{\"text\": \"secret\"}", "neither `prompt`"),
            ("{\"messages\": [{\"role\": \"user\", \"content\": [{\"image\": \"secret\"}]}]}", "no text"),
            ("{\"messages\": [{\"role\": \"assistant\", \"content\": \"secret\"}]}", "last message"),
            ("{\"prompt\": \"secret\", \"max_tokens\": 0}", "positive"),
            ("\n\n", "no prompts"),
        ] {
            let error = prompts(text).unwrap_err();
            assert!(error.contains(why) && !error.contains("secret"), "{error}");
        }
    }
}
