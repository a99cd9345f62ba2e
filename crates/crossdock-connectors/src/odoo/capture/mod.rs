//! Change capture: what changes in Odoo becomes messages. Two ways, one kind of message: the outbox inside Odoo, which
//! loses nothing and knows deletions, and the overlapping sweep, which needs nothing installed.
//!
//! A message's channel is the model; its body is `{"model", "id", "op": "upsert" | "unlink", "record": {…}}`, where
//! the record carries what belongs to it (lines, products, partners), so that a mapping needs no second look.

mod envelope;
mod outbox;
pub(super) mod preset;
mod record;
mod sweep;

use crossdock_connect::endpoint::{PollPlan, PollProgress, PollState, PollStep};
use crossdock_core::exchange::Exchange;
use crossdock_core::message::Envelope;
use crossdock_core::value::Value;

use super::answer::{self, Failure};
use super::call::Ask;
use super::config::{CaptureMode, Odoo};

pub(super) use outbox::MODEL as OUTBOX_MODEL;

/// The name of the outbox's poll, and of its cursor.
const OUTBOX: &str = "outbox";

/// The polls of a system.
pub(super) fn polls(odoo: &Odoo) -> Vec<PollPlan> {
    let every_ms = odoo.capture.every_ms;
    match odoo.capture.mode {
        CaptureMode::Off => Vec::new(),
        CaptureMode::Outbox => vec![PollPlan { name: OUTBOX.into(), every_ms }],
        CaptureMode::Sweep => sweep::names(odoo).into_iter().map(|name| PollPlan { name, every_ms }).collect(),
    }
}

/// The next step of a round.
pub(super) fn poll(odoo: &Odoo, name: &str, state: &PollState<'_>) -> PollStep {
    let mut round = Round { odoo, so_far: state.so_far, at: 0 };
    let ended = match name {
        OUTBOX => outbox::run(&mut round),
        _ => sweep::run(&mut round, name, state),
    };
    match ended {
        Ok(more) => PollStep::Rest { more },
        Err(step) => step,
    }
}

/// One round so far, replayed like a [`super::talk::Talk`]: it halts with the first step that has not happened yet.
struct Round<'a> {
    odoo: &'a Odoo,
    so_far: &'a [PollProgress],
    at: usize,
}

type Polled<T> = Result<T, PollStep>;

impl<'a> Round<'a> {
    fn exchange(&mut self, ask: &Ask) -> Polled<&'a Exchange> {
        match self.so_far.get(self.at) {
            Some(PollProgress::Exchanged(exchange)) => {
                self.at += 1;
                Ok(exchange)
            }
            _ => Err(PollStep::Call(ask.call(self.odoo))),
        }
    }

    fn ask(&mut self, ask: &Ask) -> Polled<Value> {
        answer::read(self.exchange(ask)?).map_err(|failure| failed(ask, &failure))
    }

    fn search(&mut self, ask: &Ask) -> Polled<Vec<Value>> {
        Ok(self.ask(ask)?.as_list().unwrap_or_default().to_vec())
    }

    /// Hands messages and the cursor over, and goes on once they are on disk.
    fn deliver(&mut self, envelopes: Vec<Envelope>, cursor: Option<String>) -> Polled<()> {
        match self.so_far.get(self.at) {
            Some(PollProgress::Committed) => {
                self.at += 1;
                Ok(())
            }
            _ => Err(PollStep::Deliver { envelopes, cursor }),
        }
    }
}

fn failed(ask: &Ask, failure: &Failure) -> PollStep {
    let unusable = matches!(failure, Failure::Unusable { .. });
    PollStep::Failed { reason: format!("{}: {}", ask.doing, failure.reason()), unusable }
}
