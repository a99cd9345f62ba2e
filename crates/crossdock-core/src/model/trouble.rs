//! What went wrong in the business and whose it is.

use super::EntityKind;
use super::table::{actual, amount, any_link, code, currency, event, events, fields, note, planned, text, texts};

pub(super) const EXCEPTION: EntityKind = EntityKind {
    name: "exception",
    event_word: "exception",
    meaning: "Something that is not as it should be, on which somebody must act.",
    differs: "An exception is work for a person. A state tells where goods or papers are; a damaged shipment in \
              transit has the state `in_transit`, the event `damaged`, and an exception until the claim is settled.",
    standard: "OTM constraint and result; SCOR disruption; X12 1651, EDIFACT 9013 as reasons",
    key: &["code", "subject", "fingerprint"],
    fields: fields![
        text("code", "What kind: `damaged`, `pod_missing`, `late_delivery` …").required(),
        any_link("subject", "What it is about, for example `shipment/281`.").required(),
        text("fingerprint", "What tells it from another of the same kind about the same subject; `-` when nothing.")
            .required(),
        code("severity", &["info", "warning", "error", "critical"], "How bad."),
        text("summary", "What happened, in a sentence."),
        text("detected_by", "Who or what noticed."),
        actual("detected_at", "When it was noticed."),
        planned("due_at", "Until when somebody must have answered."),
        text("owner_role", "Which desk it belongs to."),
        text("owner", "Whose it is."),
        code(
            "fault",
            &["carrier", "shipper", "consignee", "customs", "force_majeure", "system", "other"],
            "Who or what caused it.",
        ),
        text("reason", "Why it happened, as the partner codes it."),
        texts("evidence", "Ids of events, documents or pictures that show it."),
        text("proposed_action", "What could be done."),
        text("resolution", "What was done."),
        amount("cost_impact", "What it costs."),
        currency("Currency of the cost."),
    ],
    states: &["open", "acknowledged", "in_progress", "escalated", "reopened", "resolved", "waived"],
    moves: &[
        ("open", "acknowledged"),
        ("acknowledged", "in_progress"),
        ("open", "in_progress"),
        ("in_progress", "resolved"),
        ("in_progress", "waived"),
        ("in_progress", "escalated"),
        ("escalated", "in_progress"),
        ("resolved", "reopened"),
        ("reopened", "in_progress"),
    ],
    events: events![
        event("opened", "open", "It was noticed."),
        event("acknowledged", "acknowledged", "Somebody has seen it."),
        event("started", "in_progress", "Somebody works on it."),
        note("assigned", "It got another owner.").requires(&["owner"]),
        event("escalated", "escalated", "It went to the next level."),
        event("resolved", "resolved", "It is settled."),
        event("reopened", "reopened", "It was not settled after all."),
        event("waived", "waived", "Somebody decided to live with it."),
    ],
};
