//! Reads what `aws service-quotas list-service-quotas --service-code bedrock --output json` writes.

use super::problem::{Problem, Problems, shown};
use crate::model::service_quota::{AppliedQuota, AppliedQuotas};
use serde_json::{Map, Value};

/// The command that makes such a file.
const COMMAND: &str =
    "make it with `aws service-quotas list-service-quotas --service-code bedrock --output json > quotas.json`";

/// More problems than this say no more than that the file is another one.
const MOST_PROBLEMS: usize = 10;

/// Reads an account's list of applied quotas.
///
/// Entries of other services and entries with a unit are left out: no quota of tokens or requests has one. `origin`
/// is the name of the file in problems.
///
/// ```
/// use quotasim::spec::service_quotas::read;
/// let text = r#"{ "Quotas": [{ "QuotaCode": "L-58BE175A", "QuotaName": "Cross-region model inference tokens per minute
///     for Anthropic Claude Haiku 4.5", "Value": 4000.0, "Adjustable": true, "ServiceCode": "bedrock" }] }"#;
/// assert_eq!(read(&text.replace("\n    ", ""), "quotas.json").unwrap().0[0].value, 4_000);
/// ```
pub fn read(text: &str, origin: &str) -> Result<AppliedQuotas, Problems> {
    let refuse = |message: String, hint: &str| Problem::of_file(origin, message, Some(hint.to_owned()));
    let alone = |problem: Problem| Problems { problems: vec![problem] };
    let document: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
        let mut problem = refuse(format!("the list of quotas is no JSON: {}", syntax(&error)), COMMAND);
        (problem.line, problem.column) = (error.line().max(1), error.column().max(1));
        alone(problem)
    })?;
    let Some(list) = document.get("Quotas").and_then(Value::as_array) else {
        return Err(alone(refuse("there is no list `Quotas` in it".to_owned(), COMMAND)));
    };
    let mut problems = Vec::new();
    let mut quotas: Vec<AppliedQuota> = Vec::new();
    let mut others = 0;
    for (index, entry) in list.iter().enumerate() {
        let Some(fields) = entry.as_object() else {
            problems.push(refuse(format!("entry {} of `Quotas` is no object", index + 1), COMMAND));
            continue;
        };
        if fields.get("ServiceCode").and_then(Value::as_str).is_some_and(|code| code != "bedrock") {
            others += 1;
            continue;
        }
        match entry_of(fields) {
            Ok(Some(quota)) => match quotas.iter().find(|known| known.code == quota.code) {
                None => quotas.push(quota),
                Some(known) if known.value == quota.value => {}
                Some(known) => problems.push(refuse(
                    format!("`{}` is listed twice, with {} and {}", quota.code, known.value, quota.value),
                    "give the list of one Region",
                )),
            },
            Ok(None) => {}
            Err(what) => problems.push(refuse(format!("entry {} of `Quotas`: {what}", index + 1), COMMAND)),
        }
    }
    if problems.is_empty() && quotas.is_empty() {
        let (message, hint) = match (others, list.len()) {
            (_, 0) => ("the list of quotas is empty".to_owned(), "ask in the Region that the calls are made from"),
            (1.., _) => ("no entry is of the service `bedrock`".to_owned(), COMMAND),
            _ => ("no entry is a quota of tokens or requests".to_owned(), COMMAND),
        };
        problems.push(refuse(message, hint));
    }
    problems.truncate(MOST_PROBLEMS);
    if problems.is_empty() { Ok(AppliedQuotas(quotas)) } else { Err(Problems { problems }) }
}

/// Whether the list was cut off: Service Quotas answers in pages.
pub fn is_cut_off(text: &str) -> bool {
    let document: Option<Value> = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok();
    document.and_then(|document| document.get("NextToken").map(|token| !token.is_null())).unwrap_or(false)
}

/// An entry; `None` for what is no quota of tokens or requests.
fn entry_of(fields: &Map<String, Value>) -> Result<Option<AppliedQuota>, String> {
    let text = |key: &str| {
        fields.get(key).and_then(Value::as_str).ok_or_else(|| format!("it has no text `{key}`")).map(str::to_owned)
    };
    let (code, name) = (text("QuotaCode")?, text("QuotaName")?);
    let value = fields
        .get("Value")
        .and_then(Value::as_f64)
        .ok_or_else(|| format!("`{}` has no number `Value`", shown(&code)))?;
    let lower = name.to_lowercase();
    if !(lower.contains("per minute") || lower.contains("per day")) {
        return Ok(None);
    }
    if !(0.0..=1e15).contains(&value) {
        return Err(format!("`{}` has the value {value}, which no quota can have", shown(&code)));
    }
    let region = fields.get("QuotaArn").and_then(Value::as_str).and_then(|arn| arn.split(':').nth(3));
    Ok(Some(AppliedQuota {
        name,
        code,
        value: value as u64,
        adjustable: fields.get("Adjustable").and_then(Value::as_bool).unwrap_or(true),
        region: region.filter(|region| !region.is_empty()).map(str::to_owned),
    }))
}

/// What serde says, without the position that stands elsewhere.
fn syntax(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HAIKU: &str = r#"{ "ServiceCode": "bedrock", "QuotaArn": "arn:aws:servicequotas:us-east-1:111122223333:bedrock/L-58BE175A",
        "QuotaCode": "L-58BE175A", "QuotaName": "Cross-region model inference tokens per minute for Anthropic Claude Haiku 4.5",
        "Value": 4000.0, "Adjustable": true, "GlobalQuota": false }"#;

    fn listed(entries: &[&str]) -> String {
        format!("{{ \"Quotas\": [{}] }}", entries.join(","))
    }

    #[test]
    fn a_list_of_the_command_is_read() {
        let batch = r#"{ "QuotaCode": "L-1", "QuotaName": "Records per batch inference job", "Value": 50000.0 }"#;
        let other = r#"{ "ServiceCode": "ec2", "QuotaCode": "L-2", "QuotaName": "Hosts per minute", "Value": 2 }"#;
        let quotas = read(&listed(&[HAIKU, batch, other, HAIKU]), "q.json").expect("a list");
        assert_eq!(quotas.0.len(), 1);
        assert_eq!((quotas.0[0].value, quotas.region()), (4_000, Some("us-east-1")));
        assert!(is_cut_off(r#"{ "Quotas": [], "NextToken": "abc" }"#));
        assert!(!is_cut_off(&listed(&[HAIKU])));
    }

    #[test]
    fn what_is_wrong_is_said_with_a_way_out() {
        let other = HAIKU.replace("4000.0", "9000.0");
        let table = [
            ("{ \"Quotas\": [".to_owned(), "is no JSON: EOF while parsing a list"),
            ("[1, 2]".to_owned(), "there is no list `Quotas`"),
            (listed(&[]), "is empty"),
            (listed(&["3"]), "entry 1 of `Quotas` is no object"),
            (listed(&[&HAIKU.replace("\"Value\": 4000.0,", "")]), "has no number `Value`"),
            (listed(&[&HAIKU.replace("4000.0", "-1")]), "has the value -1"),
            (listed(&[&HAIKU.replace("QuotaCode", "Code")]), "has no text `QuotaCode`"),
            (listed(&[HAIKU, &other]), "listed twice, with 4000 and 9000"),
            (listed(&[&HAIKU.replace("\"bedrock\"", "\"ec2\"")]), "no entry is of the service `bedrock`"),
            (listed(&[&HAIKU.replace("per minute", "in all")]), "no entry is a quota of tokens or requests"),
        ];
        for (text, expected) in table {
            let problems = read(&text, "q.json").expect_err(&text);
            let first = &problems.problems[0];
            assert!(first.message.contains(expected), "{}: {}", text, first.message);
            assert!(first.hint.is_some());
        }
    }
}
