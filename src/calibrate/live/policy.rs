//! The least permission that a live calibration needs.

use serde_json::{Value, json};

/// An IAM policy for calling one model, by its id or inference-profile id.
///
/// Converse needs `bedrock:InvokeModel`, `ConverseStream` `bedrock:InvokeModelWithResponseStream`. A profile needs the
/// permission on itself and on the model in every Region that it may route to, which for a global profile includes the
/// model without a Region; the condition keeps the latter to calls through the profile.
///
/// *Source*: AWS user guide, `inference-profiles-prereq` and the permissions named in the API reference of Converse.
///
/// ```
/// use quotasim::calibrate::live::policy;
/// let text = policy("us.anthropic.claude-sonnet-4-6", None, None);
/// assert!(text.contains("inference-profile/us.anthropic.claude-sonnet-4-6"));
/// assert!(text.contains("::foundation-model/anthropic.claude-sonnet-4-6"));
/// ```
pub fn policy(model: &str, region: Option<&str>, account: Option<&str>) -> String {
    let actions = json!(["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]);
    let (region, account) = (region.unwrap_or("*"), account.unwrap_or("*"));
    let prefix =
        model.split_once('.').filter(|(prefix, _)| crate::model::catalog::ProfileKind::of_prefix(prefix).is_some());
    let statements: Value = match prefix {
        None => json!([{
            "Sid": "CallTheModel",
            "Effect": "Allow",
            "Action": actions,
            "Resource": format!("arn:aws:bedrock:{region}::foundation-model/{model}"),
        }]),
        Some((prefix, base)) => {
            let mut models = vec![format!("arn:aws:bedrock:*::foundation-model/{base}")];
            if prefix == "global" {
                models.push(format!("arn:aws:bedrock:::foundation-model/{base}"));
            }
            let profile = format!("arn:aws:bedrock:{region}:{account}:inference-profile/{model}");
            json!([
                { "Sid": "CallTheProfile", "Effect": "Allow", "Action": actions, "Resource": profile },
                {
                    "Sid": "CallItsModelThroughTheProfile",
                    "Effect": "Allow",
                    "Action": actions,
                    "Resource": models,
                    "Condition": { "StringLike": { "bedrock:InferenceProfileArn": profile } },
                },
            ])
        }
    };
    let policy = json!({ "Version": "2012-10-17", "Statement": statements });
    serde_json::to_string_pretty(&policy).expect("a policy has string keys") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_model_is_allowed() {
        let policy: Value = serde_json::from_str(&policy("amazon.nova-lite-v1:0", Some("us-east-1"), None)).unwrap();
        assert_eq!(policy["Statement"].as_array().unwrap().len(), 1);
        assert_eq!(
            policy["Statement"][0]["Resource"],
            "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
        );
        assert_eq!(policy["Statement"][0]["Action"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_profile_needs_its_model_where_it_may_route_to() {
        let models = |id: &str| {
            let policy: Value = serde_json::from_str(&policy(id, Some("us-east-1"), None)).unwrap();
            policy["Statement"][1]["Resource"].as_array().unwrap().len()
        };
        assert_eq!([models("us.amazon.nova-lite-v1:0"), models("global.anthropic.claude-sonnet-4-6")], [1, 2]);
    }
}
