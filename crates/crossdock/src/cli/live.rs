//! `crossdock check --live`: a look at the systems themselves, all at once, without changing anything in them.

use std::sync::Arc;

use crossdock_connect::endpoint::{CALLS_MAX, Endpoint, LookStep, Sight};
use crossdock_core::exchange::Exchange;
use crossdock_core::ids::SystemName;
use crossdock_runtime::plan::Plan;
use crossdock_transport::{Http, HttpSettings, Transport as _};
use serde_json::json;
use tokio::task::JoinSet;

use super::screen::{Row, Screen, Tone, clean};

/// How long one call may take, in milliseconds: somebody is waiting.
const TIMEOUT_MS_MAX: u64 = 20_000;
/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// What was seen of one system.
pub struct Seen {
    pub system: SystemName,
    pub connector: String,
    pub sights: Vec<Sight>,
}

impl Seen {
    pub fn is_good(&self) -> bool {
        self.sights.iter().all(|sight| sight.to_do.is_none())
    }

    fn word(&self) -> &'static str {
        match (self.sights.is_empty(), self.is_good()) {
            (true, _) => "not looked at",
            (_, true) => "good",
            _ => "wrong",
        }
    }
}

/// Looks at every system of the plan.
///
/// # Errors
/// When nothing can be sent at all.
pub fn look(plan: &Plan) -> anyhow::Result<Vec<Seen>> {
    super::wait_for(async {
        let http = Arc::new(Http::new(&HttpSettings::default()).map_err(anyhow::Error::msg)?);
        let mut looks = JoinSet::new();
        for (system, configured) in &plan.systems {
            let (http, system) = (http.clone(), system.clone());
            let (endpoint, connector) = (configured.endpoint.clone(), configured.connector.clone());
            looks.spawn(async move { Seen { sights: look_at(&http, endpoint.as_ref()).await, system, connector } });
        }
        let mut seen = Vec::new();
        while let Some(one) = looks.join_next().await {
            seen.push(one?);
        }
        seen.sort_by(|one, other| one.system.cmp(&other.system));
        Ok(seen)
    })
}

async fn look_at(http: &Http, endpoint: &dyn Endpoint) -> Vec<Sight> {
    let mut exchanges: Vec<Exchange> = Vec::new();
    loop {
        match endpoint.look(&exchanges) {
            LookStep::Done(sights) => return sights,
            LookStep::Call(_) if exchanges.len() == CALLS_MAX => {
                return vec![Sight::bad(format!("the look needed more than {CALLS_MAX} calls"), "report this fault")];
            }
            LookStep::Call(mut call) => {
                call.timeout_ms = call.timeout_ms.min(TIMEOUT_MS_MAX);
                let result = http.send(&call, ANSWER_BYTES_MAX).await;
                exchanges.push(Exchange { call, result });
            }
        }
    }
}

/// One line per system.
pub fn told(seen: &[Seen], screen: Screen) -> String {
    let row = |one: &Seen| -> Row {
        let tone = match one.word() {
            "good" => Tone::Good,
            "wrong" => Tone::Bad,
            _ => Tone::Faint,
        };
        let told: Vec<String> = match one.sights.is_empty() {
            true => vec!["nothing can be seen without changing something".to_owned()],
            false => one.sights.iter().filter(|sight| one.is_good() || sight.to_do.is_some()).map(line).collect(),
        };
        vec![
            (one.system.to_string(), Tone::Strong),
            (one.word().to_owned(), tone),
            (clean(&told.join("; ")), Tone::Plain),
        ]
    };
    let rows: Vec<Row> = seen.iter().map(row).collect();
    screen.table(&["system", "", ""], &rows)
}

fn line(sight: &Sight) -> String {
    match &sight.to_do {
        None => sight.what.clone(),
        Some(to_do) => format!("{}: {to_do}", sight.what),
    }
}

/// The same for a machine.
pub fn as_json(seen: &[Seen]) -> serde_json::Value {
    let sight = |sight: &Sight| json!({"what": sight.what, "good": sight.to_do.is_none(), "to_do": sight.to_do});
    let system = |one: &Seen| {
        let sights: Vec<_> = one.sights.iter().map(sight).collect();
        json!({"system": one.system.as_str(), "connector": one.connector, "state": one.word(), "seen": sights})
    };
    seen.iter().map(system).collect()
}
