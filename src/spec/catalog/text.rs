//! The catalogue file as written: it may be wrong, and leaves out what it does not know.

use super::quantity::whole;
use crate::model::catalog::{Figure, Status};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_yaml::Spanned;
use std::collections::BTreeMap;
use std::fmt;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileText {
    pub(super) version: u32,
    pub(super) compiled: Option<String>,
    pub(super) account_tokens_per_day: Option<FigureText>,
    #[serde(default)]
    pub(super) sources: BTreeMap<String, SourceText>,
    pub(super) models: Vec<CardText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceText {
    pub(super) title: String,
    pub(super) read: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CardText {
    pub(super) id: Spanned<String>,
    pub(super) name: Option<String>,
    pub(super) status: Option<StatusText>,
    pub(super) profiles: Option<Vec<String>>,
    pub(super) in_region: Option<bool>,
    pub(super) runtime: Option<bool>,
    pub(super) context_window: Option<Whole>,
    pub(super) max_output: Option<Whole>,
    pub(super) burndown: Option<Vec<BurndownText>>,
    #[serde(default)]
    pub(super) quotas: Vec<QuotasText>,
    pub(super) mantle: Option<MantleText>,
    pub(super) historical_tokens_per_day: Option<FigureText>,
    #[serde(default)]
    pub(super) prices: PricesText,
    pub(super) latency: Option<LatencyText>,
    pub(super) sources: Option<Vec<String>>,
    pub(super) notes: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BurndownText {
    #[serde(default)]
    pub(super) since: String,
    pub(super) rate: u32,
    #[serde(default)]
    pub(super) verified: bool,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ProfileText {
    OnDemand,
    Geo,
    Global,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuotasText {
    pub(super) profile: ProfileText,
    #[serde(default)]
    pub(super) only: Vec<String>,
    pub(super) tokens_per_minute: Option<FigureText>,
    pub(super) requests_per_minute: Option<FigureText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MantleText {
    pub(super) input_tokens_per_minute: Option<FigureText>,
    pub(super) output_tokens_per_minute: Option<FigureText>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PricesText {
    pub(super) on_demand: Option<PriceText>,
    pub(super) geo: Option<PriceText>,
    pub(super) global: Option<PriceText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PriceText {
    pub(super) input: Option<f64>,
    pub(super) output: Option<f64>,
    pub(super) cache_read: Option<f64>,
    pub(super) cache_write: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LatencyText {
    pub(super) ttft: f64,
    pub(super) output_tokens_per_second: f64,
}

/// A whole quantity, `5M` or `5_000_000`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole(pub(super) u64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WholeVisitor;
        impl Visitor<'_> for WholeVisitor {
            type Value = Whole;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole quantity such as `200_000` or `5M`")
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Whole, E> {
                self.visit_str(&value.to_string())
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Whole, E> {
                self.visit_str(&value.to_string())
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Whole, E> {
                self.visit_str(&value.to_string())
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Whole, E> {
                whole(text).map(Whole).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(WholeVisitor)
    }
}

/// `none`, `unknown` or `{ limit: 5M, code: L-58BE175A }`.
#[derive(Debug, Clone)]
pub(super) struct FigureText(pub(super) Figure);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum FigureField {
    Limit,
    Code,
}

impl<'de> Deserialize<'de> for FigureText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FigureVisitor;
        impl<'de> Visitor<'de> for FigureVisitor {
            type Value = FigureText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`{ limit: 5M, code: L-… }`, `none` or `unknown`")
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<FigureText, E> {
                match word {
                    "none" => Ok(FigureText(Figure::NoQuota)),
                    "unknown" => Ok(FigureText(Figure::Unknown)),
                    other => {
                        Err(E::custom(format!("`{other}` is no quota: write `{{ limit: … }}`, `none` or `unknown`")))
                    }
                }
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<FigureText, E> {
                Err(E::custom(format!("a quota is written `{{ limit: {value} }}`, `none` or `unknown`")))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FigureText, A::Error> {
                let (mut limit, mut code) = (None, None);
                while let Some(field) = map.next_key()? {
                    match field {
                        FigureField::Limit => limit = Some(map.next_value::<Whole>()?.0),
                        FigureField::Code => code = Some(map.next_value::<String>()?),
                    }
                }
                let value = limit.ok_or_else(|| de::Error::missing_field("limit"))?;
                Ok(FigureText(Figure::Limit { value, code }))
            }
        }
        deserializer.deserialize_any(FigureVisitor)
    }
}

/// `active`, `legacy`, `{ legacy: 2027-01-08 }` or `{ retired: 2026-06-19 }`.
#[derive(Debug, Clone)]
pub(super) struct StatusText(pub(super) Status);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum StatusField {
    Legacy,
    Retired,
}

impl<'de> Deserialize<'de> for StatusText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StatusVisitor;
        impl<'de> Visitor<'de> for StatusVisitor {
            type Value = StatusText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`active`, `legacy`, `{ legacy: YYYY-MM-DD }` or `{ retired: YYYY-MM-DD }`")
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<StatusText, E> {
                match word {
                    "active" => Ok(StatusText(Status::Active)),
                    "legacy" => Ok(StatusText(Status::Legacy { end_of_life: None })),
                    other => Err(E::custom(format!(
                        "`{other}` is no status: write `active`, `legacy` or `{{ retired: … }}`"
                    ))),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<StatusText, A::Error> {
                let status = match map.next_key()? {
                    Some(StatusField::Legacy) => Status::Legacy { end_of_life: Some(map.next_value()?) },
                    Some(StatusField::Retired) => Status::Retired { since: map.next_value()? },
                    None => return Err(de::Error::custom("an empty status: write `active`")),
                };
                match map.next_key::<StatusField>()? {
                    None => Ok(StatusText(status)),
                    Some(_) => Err(de::Error::custom("a model is either legacy or retired")),
                }
            }
        }
        deserializer.deserialize_any(StatusVisitor)
    }
}
