//! `systems/<name>.yaml`: an external system, its connector and how it may be treated.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossdock_connect::endpoint::Endpoint;
use crossdock_connect::spec::{Spec, SystemConfig};
use crossdock_connectors::CONNECTORS;
use crossdock_core::ids::SystemName;
use crossdock_core::source::{Diagnostic, Location, Node, Reader, nearest};
use crossdock_core::submission;
use crossdock_core::transmission::RetrySchedule;
use crossdock_core::transmission::breaker::BreakerSettings;
use crossdock_runtime::plan::SystemPlan;

use super::authority::{self, Claimed};
use super::channels::{self, Channels};
use super::env::Environment;
use super::folder::{File, Folder, Kind};
use super::{limits, names};

/// What systems are for.
const DOMAINS: &[(&str, &str)] = &[
    ("erp", "erp"),
    ("fleet", "fleet"),
    ("warehouse", "warehouse"),
    ("carrier", "carrier"),
    ("billing", "billing"),
    ("commerce", "commerce"),
    ("finance", "finance"),
    ("crm", "crm"),
    ("analytics", "analytics"),
];

const ZONES: &[(&str, &str)] = &[("internal", "internal"), ("external", "external")];

/// One system's file, read.
pub struct System {
    /// `None` when the connector could not be made; the mistakes are told.
    pub plan: Option<SystemPlan>,
    /// How flows to this system are retried.
    pub retry: RetrySchedule,
    /// What it claims to be the system of record for.
    pub claims: Vec<Claimed>,
    /// Where its file begins.
    pub location: Location,
    /// What is known of the bodies of its messages, by channel.
    pub channels: Channels,
}

/// Reads all systems, by name.
pub fn read_all(folder: &Folder, env: &Environment<'_>, mistakes: &mut Vec<Diagnostic>) -> BTreeMap<String, System> {
    folder.of_kind(Kind::System).map(|file| (file.name.clone(), read(folder, file, env, mistakes))).collect()
}

pub(super) fn read(folder: &Folder, file: &File, env: &Environment<'_>, mistakes: &mut Vec<Diagnostic>) -> System {
    let location = Location::new(file.path.as_str(), 1, 1);
    let Some(node) = &file.node else {
        return System {
            plan: None,
            retry: RetrySchedule::default(),
            claims: Vec::new(),
            location,
            channels: Channels::default(),
        };
    };
    let node = env.filled(node, mistakes);
    let reader = Reader::new(&node, "system");
    names::check_own("system", file, &reader);
    if file.name == submission::SYSTEM {
        let mistake = Diagnostic::error(&location, format!("no system is called `{}`", submission::SYSTEM));
        reader.mistake(mistake.hint("it is the hub's own name for what is handed in through its API"));
    }
    let connector = connector(&reader);
    let (domain, zone) = (domain_of(&reader), reader.choice("zone", ZONES).unwrap_or("external"));
    let owner = reader.optional_text("owner").map(str::to_owned);
    let (retry, breaker) = (retry(&reader), breaker(&reader));
    let channels = channels::read(folder, &reader);
    let (config, webhook) = (reader.node("config"), reader.node("webhook"));
    let claims = reader.node("authority").map(|node| authority::read(node, &reader)).unwrap_or_default();
    let endpoint = connector.and_then(|connector| {
        let config = SystemConfig {
            system: SystemName::new(file.name.as_str()),
            config,
            webhook,
            file: &node,
            secret: &|node| env.secret(node),
        };
        (connector.build)(&config).map_err(|found| reader.mistakes(found)).ok()
    });
    let limits = limits::read(&reader, endpoint.as_deref());
    mistakes.extend(env.without_echoes(reader.finish()));
    let plan = connector.zip(endpoint).map(|(connector, endpoint): (&Spec, Arc<dyn Endpoint>)| SystemPlan {
        endpoint,
        connector: connector.name.to_owned(),
        domain: domain.to_owned(),
        zone: zone.to_owned(),
        owner,
        concurrency_max: limits.concurrency_max,
        adaptive: limits.adaptive,
        pace: limits.pace,
        limits: limits.below,
        breaker,
    });
    System { plan, retry, claims, location, channels }
}

fn connector(reader: &Reader<'_>) -> Option<&'static Spec> {
    let name = reader.text("connector")?;
    let found = CONNECTORS.iter().find(|connector| connector.name == name);
    if found.is_none() {
        let at = reader.node("connector").map_or(reader.location(), |node| &node.location);
        let mistake = Diagnostic::error(at, format!("there is no connector `{name}`"));
        let known: Vec<&str> = CONNECTORS.iter().map(|connector| connector.name).collect();
        reader.mistake(match nearest(name, known.iter().copied()) {
            Some(near) => mistake.hint(format!("did you mean `{near}`?")),
            None => mistake.hint(format!("there are {}; `crossdock connectors` tells about each", known.join(", "))),
        });
    }
    found
}

fn domain_of(reader: &Reader<'_>) -> &'static str {
    // Asked for twice, so that a missing domain is told like any other missing field.
    reader.required("domain");
    reader.choice("domain", DOMAINS).unwrap_or("erp")
}

fn retry(reader: &Reader<'_>) -> RetrySchedule {
    let mut retry = RetrySchedule::default();
    let Some(node) = reader.node("retry") else { return retry };
    let from = Reader::new(node, "`retry`");
    retry.first_ms = from.duration_ms("first").unwrap_or(retry.first_ms).max(1);
    retry.longest_ms = from.duration_ms("longest").unwrap_or(retry.longest_ms.max(retry.first_ms));
    retry.attempts_max = from.number("attempts_max", 1..=1_000_000).map_or(retry.attempts_max, |number| number as u32);
    retry.give_up_after_s = from.duration_ms("give_up_after").map_or(retry.give_up_after_s, |ms| ms.div_ceil(1000));
    retry.confirm_refused_ms = from.duration_ms("confirm_refused");
    if retry.longest_ms < retry.first_ms {
        longer(node, "longest", "first", &from);
    }
    reader.mistakes(from.finish());
    retry
}

fn breaker(reader: &Reader<'_>) -> BreakerSettings {
    let mut breaker = BreakerSettings::default();
    let Some(node) = reader.node("breaker") else { return breaker };
    let from = Reader::new(node, "`breaker`");
    breaker.failures_max =
        from.number("failures_max", 1..=1_000_000).map_or(breaker.failures_max, |number| number as u32);
    breaker.open_ms = from.duration_ms("open").unwrap_or(breaker.open_ms).max(1);
    breaker.open_ms_max = from.duration_ms("open_max").unwrap_or(breaker.open_ms_max.max(breaker.open_ms));
    if breaker.open_ms_max < breaker.open_ms {
        longer(node, "open_max", "open", &from);
    }
    reader.mistakes(from.finish());
    breaker
}

fn longer(node: &Node, longest: &str, first: &str, from: &Reader<'_>) {
    let at = node.get(longest).map_or(&node.location, |node| &node.location);
    from.mistake(Diagnostic::error(at, format!("`{longest}` must not be shorter than `{first}`")));
}
