//! From the model id and the credential of a call to a pool and a workload.

use super::error::BedrockError;
use super::service::Service;
use crate::model::Scenario;
use crate::model::catalog::Status;
use crate::spec::catalog::{Catalog, Resolved};
use std::collections::BTreeMap;

/// Who may call what.
#[derive(Debug)]
pub(super) struct Directory {
    catalog: Catalog,
    pools: Vec<Entry>,
    /// The pools of each workload, its own first.
    workloads: Vec<Vec<usize>>,
    /// Workloads by the credentials that choose them: their names, and what the command line says.
    credentials: BTreeMap<String, usize>,
}

#[derive(Debug)]
struct Entry {
    model: String,
    /// What the catalogue takes the id for: profile prefix and base id.
    known: Option<(String, String)>,
    served: bool,
}

/// Where a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) pool: usize,
    pub(super) workload: usize,
}

impl Directory {
    /// The directory of a scenario; `credentials` are pairs of a key and a workload's place.
    pub(super) fn new(scenario: &Scenario, catalog: Catalog, credentials: &[(String, usize)]) -> Directory {
        let pools = scenario
            .pools
            .iter()
            .map(|pool| Entry {
                model: pool.model.trim().to_owned(),
                known: catalog.resolve(&pool.model).ok().map(identity),
                served: Service::serves(pool),
            })
            .collect();
        let workloads = scenario
            .workloads
            .iter()
            .map(|workload| {
                let fallbacks = workload.fallback.iter().flat_map(|fallback| &fallback.pools);
                std::iter::once(&workload.pool).chain(fallbacks).copied().collect()
            })
            .collect();
        let names = scenario.workloads.iter().enumerate().map(|(place, workload)| (workload.name.clone(), place));
        let credentials = names.chain(credentials.iter().cloned()).collect();
        Directory { catalog, pools, workloads, credentials }
    }

    /// The pool and the workload of a call, or what Bedrock would say.
    ///
    /// A credential that is a workload's name, or stands for one, chooses that workload, and of several pools with the
    /// same model that workload's. Other credentials count under the first workload that calls the pool.
    pub(super) fn find(&self, id: &str, credential: Option<&str>) -> Result<Target, BedrockError> {
        let id = id.trim();
        let resolved = self.catalog.resolve(id).ok();
        if let Some(found) = &resolved {
            callable(id, found)?;
        }
        let known = resolved.map(identity);
        let matches = |&pool: &usize| {
            let entry = &self.pools[pool];
            entry.served && (entry.model == id || (known.is_some() && entry.known == known))
        };
        let candidates: Vec<usize> = (0..self.pools.len()).filter(matches).collect();
        let chosen = credential.and_then(|credential| self.credentials.get(credential)).copied();
        let of_chosen =
            chosen.and_then(|workload| self.workloads[workload].iter().copied().find(|pool| candidates.contains(pool)));
        let Some(pool) = of_chosen.or_else(|| candidates.first().copied()) else {
            return Err(match resolved {
                Some(Resolved { card, .. }) if matches!(card.status, Status::Legacy { .. }) => BedrockError::legacy(),
                Some(_) => BedrockError::access_denied(),
                None => BedrockError::invalid_model(),
            });
        };
        let callers = || self.workloads.iter().position(|pools| pools.contains(&pool));
        let workload = chosen.or_else(callers).unwrap_or(0);
        Ok(Target { pool, workload })
    }
}

/// Whether Bedrock lets anybody call this id.
fn callable(id: &str, found: &Resolved<'_>) -> Result<(), BedrockError> {
    if matches!(found.card.status, Status::Retired { .. }) {
        return Err(BedrockError::retired());
    }
    if found.needs_profile() {
        return Err(BedrockError::needs_profile(id));
    }
    Ok(())
}

fn identity(found: Resolved<'_>) -> (String, String) {
    (found.prefix.to_owned(), found.card.id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{self, NoFiles};

    const TWO_ACCOUNTS: &str = "
version: 1
pools:
  ours: { model: us.anthropic.claude-haiku-4-5-20251001-v1:0 }
  theirs: { model: us.anthropic.claude-haiku-4-5-20251001-v1:0 }
  nova: { model: amazon.nova-lite-v1:0, requests_per_minute: none }
  own: { model: 'arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc', burndown_rate: 5,
         max_output_tokens: 64_000, tokens_per_minute: 1M, requests_per_minute: none }
workloads:
  chat: { pool: ours, arrivals: { poisson: { rate: 5/s } }, input_tokens: 420, output_tokens: 5 }
  batch: { pool: theirs, fallback: { pools: [nova] }, arrivals: { poisson: { rate: 5/s } }, input_tokens: 420, output_tokens: 5 }
";

    fn directory() -> Directory {
        let read = spec::read(TWO_ACCOUNTS, "two.yaml", &[], &NoFiles, Catalog::embedded());
        let scenario = read.unwrap_or_else(|problems| panic!("{problems}")).scenario;
        Directory::new(&scenario, Catalog::embedded().clone(), &[("AKIDBATCH".to_owned(), 1)])
    }

    fn found(directory: &Directory, id: &str, credential: Option<&str>) -> (usize, usize) {
        let Target { pool, workload } = directory.find(id, credential).expect(id);
        (pool, workload)
    }

    #[test]
    fn ids_profiles_and_arns_find_their_pool() {
        let directory = directory();
        let haiku = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
        assert_eq!(found(&directory, haiku, None), (0, 0));
        let arn = format!("arn:aws:bedrock:us-east-1:111122223333:inference-profile/{haiku}");
        assert_eq!(found(&directory, &arn, None), (0, 0));
        assert_eq!(found(&directory, "amazon.nova-lite-v1:0", None), (2, 1));
        let model = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0";
        assert_eq!(found(&directory, model, None), (2, 1));
        let own = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc";
        assert_eq!(found(&directory, own, None), (3, 0), "nobody calls it: counted under the first workload");
    }

    #[test]
    fn the_credential_chooses_the_workload_and_its_pool() {
        let directory = directory();
        let haiku = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
        assert_eq!(found(&directory, haiku, Some("batch")), (1, 1));
        assert_eq!(found(&directory, haiku, Some("AKIDBATCH")), (1, 1));
        assert_eq!(found(&directory, haiku, Some("somebody")), (0, 0));
        assert_eq!(found(&directory, "amazon.nova-lite-v1:0", Some("chat")), (2, 0));
    }

    #[test]
    fn what_cannot_be_called_is_refused_in_bedrocks_words() {
        let directory = directory();
        let error = |id: &str| {
            let BedrockError { status, name, message } = directory.find(id, None).expect_err(id);
            (status, name, message)
        };
        let bare = error("anthropic.claude-haiku-4-5-20251001-v1:0");
        assert_eq!((bare.0, bare.1), (400, "ValidationException"));
        assert_eq!(
            bare.2,
            "Invocation of model ID anthropic.claude-haiku-4-5-20251001-v1:0 with on-demand throughput isn’t \
             supported. Retry your request with the ID or ARN of an inference profile that contains this model."
        );
        let other = error("global.anthropic.claude-haiku-4-5-20251001-v1:0");
        assert_eq!((other.0, other.1), (403, "AccessDeniedException"));
        let legacy = error("us.anthropic.claude-opus-4-20250514-v1:0");
        let retired = error("us.anthropic.claude-3-7-sonnet-20250219-v1:0");
        assert_eq!(
            ((legacy.0, legacy.1), (retired.0, retired.1)),
            ((404, "ResourceNotFoundException"), (404, "ResourceNotFoundException"))
        );
        assert!(legacy.2.contains("Legacy") && retired.2.contains("end of its life"));
        assert_eq!(
            error("nobody.knows-it"),
            (400, "ValidationException", "The provided model identifier is invalid.".to_owned())
        );
    }
}
