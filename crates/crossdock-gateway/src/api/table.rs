//! The routes of the API, as data: the router and the OpenAPI document are both made from this one table, so neither can
//! know a route that the other does not.

use std::sync::Arc;

use axum::routing::{MethodRouter, get, post};
use crossdock_core::edit::Edit;
use crossdock_core::event::Reference;
use crossdock_core::loss::Report;
use crossdock_core::master::matching::Candidate;
use crossdock_core::replay::ReplayItem;
use crossdock_core::suggestion::Suggestion;
use crossdock_runtime::desk::{
    Done, EntityListing, EntityView, EventView, ExceptionRow, FaultRow, Found, History, JobAnswer, JobView, KindView,
    Links, Listing, Mended, MessageRow, MessageView, Overview, ReferencesChanged, RejectionRow, ReplayView, Resumed,
    StuckRow, Submitted, Trace, TransmissionRow,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Shared, act, entities, jobs, master, mend, openapi, read, records, replays, submit};

/// One route.
pub struct Route {
    pub verb: Verb,
    /// Below `/api`, as the router writes it.
    pub path: &'static str,
    /// Its name in the document and in clients made from it.
    pub name: &'static str,
    /// What it is listed under.
    pub tag: &'static str,
    /// One line.
    pub summary: &'static str,
    /// What one must know besides.
    pub detail: &'static str,
    /// The type of the query, whose fields are the parameters.
    pub query: Option<Shape>,
    pub headers: &'static [Header],
    pub takes: Option<Takes>,
    pub gives: Gives,
    /// Further statuses it may answer with, each a problem; those that every route may give are not listed.
    pub refuses: &'static [u16],
    pub serve: fn() -> MethodRouter<Arc<Shared>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Get,
    Post,
}

/// The schema of something, as the generator of the document gives it.
pub type Shape = fn(&mut SchemaGenerator) -> Schema;

/// What a route takes as its body.
pub struct Takes {
    pub media: &'static [&'static str],
    pub shape: Shape,
}

/// What a route answers when all is well.
pub struct Gives {
    pub status: u16,
    pub media: &'static str,
    pub shape: Shape,
    pub meaning: &'static str,
    /// The answer carries an entity tag, and 304 is given for a known one.
    pub is_tagged: bool,
}

/// A header of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// The request has to have it.
    KeyRequired,
    /// The request may have it.
    Key,
    IfMatch,
    IfNoneMatch,
}

const JSON: &str = "application/json";

const fn gives(shape: Shape, meaning: &'static str) -> Gives {
    Gives { status: 200, media: JSON, shape, meaning, is_tagged: false }
}

fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object"})
}

fn bytes(_: &mut SchemaGenerator) -> Schema {
    json_schema!({})
}

const NOTHING: Route = Route {
    verb: Verb::Get,
    path: "",
    name: "",
    tag: "",
    summary: "",
    detail: "",
    query: None,
    headers: &[],
    takes: None,
    gives: gives(any_object, ""),
    refuses: &[],
    serve: || get(read::overview),
};

/// A body of JSON.
const fn json(shape: Shape) -> Option<Takes> {
    Some(Takes { media: &[JSON], shape })
}

/// Every route of the API.
pub const ROUTES: &[Route] = &[
    Route {
        path: "/entities",
        name: "findEntities",
        tag: "entities",
        summary: "Entities by a reference",
        detail: "`reference` is `system:kind:value`, one system's id of one kind, such as `odoo:sale.order:S00042`; \
                 anything else is a key or any system's id. At most 100 are given.",
        query: Some(shape::<entities::ByReference>),
        gives: gives(shape::<Listing<EntityView>>, "What is known by the reference; empty when nothing is."),
        refuses: &[400],
        serve: || get(entities::by_reference),
        ..NOTHING
    },
    Route {
        path: "/entities/{kind}",
        name: "listEntities",
        tag: "entities",
        summary: "Entities of one kind, a page at a time",
        detail: "In the order of `updated_at` and then of the key; with `system` or `link` in the order of the key. \
                 `next` is the cursor of the next page, also as a `Link` header; a page may hold fewer than `limit`, so \
                 go on until `next` is null. What was there at the first page comes at least once, whatever is added \
                 meanwhile; what changes meanwhile may come again.",
        query: Some(shape::<entities::EntityList>),
        gives: gives(shape::<EntityListing>, "A page of them."),
        refuses: &[400, 404],
        serve: || get(entities::list),
        ..NOTHING
    },
    Route {
        path: "/entities/{kind}/{key}",
        name: "getEntity",
        tag: "entities",
        summary: "An entity as it stands",
        detail: "The entity tag is the version, with what tells the state of its references behind a dot.",
        headers: &[Header::IfNoneMatch],
        gives: Gives { is_tagged: true, ..gives(shape::<EntityView>, "The entity.") },
        refuses: &[404],
        serve: || get(entities::one),
        ..NOTHING
    },
    Route {
        path: "/entities/{kind}/{key}/history",
        name: "getEntityHistory",
        tag: "entities",
        summary: "Which message changed which field of an entity",
        detail: "Every event about it, oldest first: what it changed from what to what, what it said that was not \
                 applied because something later was known, and whether it came too late to move the state.",
        query: Some(shape::<entities::Paged>),
        gives: gives(shape::<History>, "A page of its history."),
        refuses: &[400, 404],
        serve: || get(entities::history),
        ..NOTHING
    },
    Route {
        path: "/entities/{kind}/{key}/links",
        name: "getEntityLinks",
        tag: "entities",
        summary: "What an entity speaks of, and what speaks of it",
        detail: "By its present state: the order of a shipment, the shipments of an order, the invoice of both.",
        gives: gives(shape::<Links>, "The entities it is linked with."),
        refuses: &[404],
        serve: || get(entities::links),
        ..NOTHING
    },
    Route {
        path: "/kinds",
        name: "listKinds",
        tag: "entities",
        summary: "The kinds of entities of the canonical model",
        gives: gives(shape::<Listing<KindView>>, "All of them, with their states and fields."),
        serve: || get(entities::kinds),
        ..NOTHING
    },
    Route {
        verb: Verb::Post,
        path: "/events",
        name: "submitEvents",
        tag: "events",
        summary: "Hand in events",
        detail: "One CloudEvent or a list of them, in JSON, whose data follow the canonical model. They are on disk when \
                 they are answered with 202, and are then folded and routed like what any system sends. `If-Match` \
                 applies the one event only if its entity is still at that version; the answer then waits for that \
                 decision. The same request under the same key gives the same answer again.",
        headers: &[Header::KeyRequired, Header::IfMatch],
        takes: Some(Takes { media: &submit::MEDIA, shape: submit::shape }),
        gives: Gives { status: 202, ..gives(shape::<Submitted>, "They are on disk.") },
        refuses: &[400, 409, 412, 413, 415, 422],
        serve: || post(submit::events),
        ..NOTHING
    },
    Route {
        path: "/events/{id}",
        name: "getEvent",
        tag: "events",
        summary: "An event, and what was owed because of it",
        gives: gives(shape::<EventView>, "The event."),
        refuses: &[400, 404],
        serve: || get(records::event),
        ..NOTHING
    },
    Route {
        path: "/messages",
        name: "listMessages",
        tag: "messages",
        summary: "Messages, newest first",
        query: Some(shape::<read::MessageList>),
        gives: gives(shape::<Listing<MessageRow>>, "A page of them."),
        refuses: &[400],
        serve: || get(read::messages),
        ..NOTHING
    },
    Route {
        path: "/messages/{id}",
        name: "getMessage",
        tag: "messages",
        summary: "A message, and what became of it",
        gives: gives(shape::<MessageView>, "The message."),
        refuses: &[400, 404],
        serve: || get(records::message),
        ..NOTHING
    },
    Route {
        path: "/messages/{id}/body",
        name: "getMessageBody",
        tag: "messages",
        summary: "The body of a message, byte for byte as it came",
        detail: "Always given as a file to be saved: it is a stranger's. Its own media type is told by `getMessage`.",
        gives: Gives { media: "application/octet-stream", ..gives(bytes, "The bytes.") },
        refuses: &[400, 404],
        serve: || get(records::body),
        ..NOTHING
    },
    Route {
        verb: Verb::Post,
        path: "/messages/{id}/rerun",
        name: "rerunMessage",
        tag: "messages",
        summary: "Route a failed message again",
        headers: &[Header::Key],
        takes: json(shape::<act::Why>),
        gives: gives(shape::<Done>, "It is in the queue again."),
        refuses: &[400, 404, 409, 413, 415, 422],
        serve: || post(act::rerun),
        ..NOTHING
    },
    Route {
        verb: Verb::Post,
        path: "/messages/{id}/correct",
        name: "correctMessage",
        tag: "messages",
        summary: "Put a message with another body in the place of one that failed",
        detail: "The original stays as it came; the new one names it in the header `crossdock-corrects`.",
        headers: &[Header::Key],
        takes: json(shape::<mend::Correct>),
        gives: gives(shape::<Mended>, "Which one goes on."),
        refuses: &[400, 404, 409, 413, 415, 422],
        serve: || post(mend::correct),
        ..NOTHING
    },
    Route {
        path: "/transmissions",
        name: "listTransmissions",
        tag: "transmissions",
        summary: "Transmissions, newest first",
        query: Some(shape::<read::TransmissionList>),
        gives: gives(shape::<Listing<TransmissionRow>>, "A page of them."),
        refuses: &[400],
        serve: || get(read::transmissions),
        ..NOTHING
    },
    Route {
        verb: Verb::Post,
        path: "/transmissions/resume",
        name: "resumeTransmissions",
        tag: "transmissions",
        summary: "Let paused transmissions go on",
        detail: "Exactly one of `ids`, `system` and `all` says which.",
        headers: &[Header::Key],
        takes: json(shape::<act::Resume>),
        gives: gives(shape::<Resumed>, "What was resumed, and what could not be."),
        refuses: &[400, 404, 413, 415, 422],
        serve: || post(act::resume),
        ..NOTHING
    },
    Route {
        verb: Verb::Post,
        path: "/transmissions/{id}/cancel",
        name: "cancelTransmission",
        tag: "transmissions",
        summary: "Give up a paused or held transmission",
        headers: &[Header::Key],
        takes: json(shape::<act::Why>),
        gives: gives(shape::<Done>, "It will never be sent."),
        refuses: &[400, 404, 409, 413, 415, 422],
        serve: || post(act::cancel),
        ..NOTHING
    },
    Route {
        verb: Verb::Post,
        path: "/transmissions/{id}/edit",
        name: "editTransmission",
        tag: "transmissions",
        summary: "Let a paused transmission go on with another input",
        detail: "The operation checks the input. When it is known that nothing took effect, another transmission with a key of \
                 its own goes in its place, and the original is kept as it was. When it may have taken effect it keeps its \
                 key, so that a partner that honours keys cannot do it twice; the first input is kept in `listEdits`.",
        headers: &[Header::Key],
        takes: json(shape::<mend::EditTransmission>),
        gives: gives(shape::<Mended>, "Which one goes on."),
        refuses: &[400, 404, 409, 413, 415, 422],
        serve: || post(mend::edit),
        ..NOTHING
    },
    Route {
        verb: Verb::Post,
        path: "/transmissions/{id}/reroute",
        name: "rerouteTransmission",
        tag: "transmissions",
        summary: "Let a paused transmission go to another system that can do the same",
        headers: &[Header::Key],
        takes: json(shape::<mend::Reroute>),
        gives: gives(shape::<Mended>, "Which one goes on."),
        refuses: &[400, 404, 409, 413, 415, 422],
        serve: || post(mend::reroute),
        ..NOTHING
    },
    Route {
        path: "/stuck",
        name: "listStuck",
        tag: "jobs",
        summary: "Everything that cannot go on without a person",
        detail: "Messages whose mapping failed, then transmissions that are paused, each newest first: why, since when, whose \
                 it is, what it affects and by which references that is known.",
        query: Some(shape::<mend::StuckList>),
        gives: gives(shape::<Listing<StuckRow>>, "A page of them."),
        refuses: &[400],
        serve: || get(mend::stuck),
        ..NOTHING
    },
    Route {
        path: "/edits",
        name: "listEdits",
        tag: "jobs",
        summary: "What people changed of a transmission or message, newest first",
        query: Some(shape::<mend::EditList>),
        gives: gives(shape::<Listing<Edit>>, "At most 100 of them."),
        refuses: &[400],
        serve: || get(mend::edits),
        ..NOTHING
    },
    Route {
        path: "/faults",
        name: "listFaults",
        tag: "jobs",
        summary: "What is paused or failed, by the reason it stands still for, the largest group first",
        detail: "A group is what has the same class of exception, the same system and the same reason but for numbers \
                 and ids in it. No more than 20,000 paused transmissions are looked at.",
        query: Some(shape::<jobs::FaultList>),
        gives: gives(shape::<Listing<FaultRow>>, "At most 200 of them."),
        refuses: &[400],
        serve: || get(jobs::faults),
        ..NOTHING
    },
    Route {
        path: "/jobs",
        name: "listJobs",
        tag: "jobs",
        summary: "Jobs, newest first",
        query: Some(shape::<jobs::JobList>),
        gives: gives(shape::<Listing<JobView>>, "A page of them."),
        refuses: &[400],
        serve: || get(jobs::list),
        ..NOTHING
    },
    Route {
        verb: Verb::Post,
        path: "/jobs",
        name: "startJob",
        tag: "jobs",
        summary: "Resume or give up many paused transmissions, or rerun failed messages, one by one",
        detail: "Takes what is paused now and fits all that `which` says, at most `rate_per_s` in a second, and goes on \
                 by itself after a restart of the hub. A dry run tells how many there are, with examples, and starts \
                 nothing; it needs no reason.",
        headers: &[Header::Key],
        takes: json(shape::<jobs::StartJob>),
        gives: gives(shape::<JobAnswer>, "What it does, and the job; in a dry run what it would do."),
        refuses: &[400, 409, 413, 415, 422],
        serve: || post(jobs::start),
        ..NOTHING
    },
    Route {
        path: "/jobs/{id}",
        name: "getJob",
        tag: "jobs",
        summary: "How far a job is",
        gives: gives(shape::<JobView>, "The job."),
        refuses: &[400, 404],
        serve: || get(jobs::one),
        ..NOTHING
    },
    Route {
        verb: Verb::Post,
        path: "/jobs/{id}/stop",
        name: "stopJob",
        tag: "jobs",
        summary: "Stop a job; what it did stays done",
        headers: &[Header::Key],
        takes: json(shape::<act::Why>),
        gives: gives(shape::<JobView>, "The job as it stopped."),
        refuses: &[400, 404, 409, 413, 415, 422],
        serve: || post(jobs::stop),
        ..NOTHING
    },
    Route {
        path: "/replays",
        name: "listReplays",
        tag: "replays",
        summary: "Replay plans, newest first",
        query: Some(shape::<replays::ReplayList>),
        gives: gives(shape::<Listing<ReplayView>>, "A page of them."),
        refuses: &[400],
        serve: || get(replays::list),
        ..NOTHING
    },
    Route {
        verb: Verb::Post,
        path: "/replays",
        name: "planReplay",
        tag: "replays",
        summary: "Draw up a replay plan",
        detail: "Reads the messages anew, with the running configuration or another one, and tells what that would change and \
                 what took effect outside already. At most 10,000 messages. Nothing but the plan is written.",
        headers: &[Header::Key],
        takes: json(shape::<replays::PlanReplay>),
        gives: gives(shape::<ReplayView>, "The plan, and the first messages it would change."),
        refuses: &[400, 413, 415, 422],
        serve: || post(replays::plan),
        ..NOTHING
    },
    Route {
        path: "/replays/{id}",
        name: "getReplay",
        tag: "replays",
        summary: "A replay plan, and how far it is",
        gives: gives(shape::<ReplayView>, "The plan."),
        refuses: &[400, 404],
        serve: || get(replays::one),
        ..NOTHING
    },
    Route {
        path: "/replays/{id}/messages",
        name: "listReplayMessages",
        tag: "replays",
        summary: "The messages of a replay plan, with their differences",
        query: Some(shape::<replays::ReplayMessages>),
        gives: gives(shape::<Listing<ReplayItem>>, "A page of them."),
        refuses: &[400, 404],
        serve: || get(replays::messages),
        ..NOTHING
    },
    Route {
        verb: Verb::Post,
        path: "/replays/{id}/approve",
        name: "approveReplay",
        tag: "replays",
        summary: "Agree to a replay plan",
        headers: &[Header::Key],
        takes: json(shape::<act::Why>),
        gives: gives(shape::<ReplayView>, "It may be run."),
        refuses: &[400, 404, 409, 413, 415, 422],
        serve: || post(replays::approve),
        ..NOTHING
    },
    Route {
        verb: Verb::Post,
        path: "/replays/{id}/run",
        name: "runReplay",
        tag: "replays",
        summary: "Run an approved replay plan; one that was stopped goes on",
        headers: &[Header::Key],
        takes: json(shape::<replays::RunReplay>),
        gives: gives(shape::<ReplayView>, "The plan and its run."),
        refuses: &[400, 404, 409, 413, 415, 422],
        serve: || post(replays::run),
        ..NOTHING
    },
    Route {
        verb: Verb::Post,
        path: "/replays/{id}/stop",
        name: "stopReplay",
        tag: "replays",
        summary: "Stop the run of a replay plan; what it did stays done",
        headers: &[Header::Key],
        takes: json(shape::<act::Why>),
        gives: gives(shape::<ReplayView>, "The plan as it stopped."),
        refuses: &[400, 404, 409, 413, 415, 422],
        serve: || post(replays::stop),
        ..NOTHING
    },
    Route {
        verb: Verb::Post,
        path: "/systems/{name}/pause",
        name: "pauseSystem",
        tag: "systems",
        summary: "Send nothing to a system until it is resumed",
        headers: &[Header::Key],
        takes: json(shape::<act::Why>),
        gives: gives(shape::<Done>, "Nothing more is sent to it."),
        refuses: &[400, 404, 413, 415, 422],
        serve: || post(act::pause_system),
        ..NOTHING
    },
    Route {
        verb: Verb::Post,
        path: "/systems/{name}/resume",
        name: "resumeSystem",
        tag: "systems",
        summary: "Send to a system again, and resume what is paused there",
        headers: &[Header::Key],
        takes: json(shape::<act::Why>),
        gives: gives(shape::<Resumed>, "What was resumed, and what could not be."),
        refuses: &[400, 404, 413, 415, 422],
        serve: || post(act::resume_system),
        ..NOTHING
    },
    Route {
        verb: Verb::Post,
        path: "/commands",
        name: "giveCommand",
        tag: "commands",
        summary: "Any of the actions, as one request that takes effect once",
        detail: "The same command under the same key gives the first answer again. A refusal is remembered \
                 like any other answer: once what was wrong is mended, ask under a new key.",
        headers: &[Header::KeyRequired],
        takes: json(shape::<act::Command>),
        gives: gives(act::answer_shape, "What was done."),
        refuses: &[400, 404, 409, 413, 415, 422],
        serve: || post(act::command),
        ..NOTHING
    },
    Route {
        path: "/references",
        name: "findByReference",
        tag: "master data",
        summary: "Who is known by a key or an id",
        detail: "Who answers for it today, under which names, and every system's id of it.",
        query: Some(shape::<master::ByValue>),
        gives: gives(shape::<master::Items<Found>>, "Who is known by it; empty when nobody is."),
        refuses: &[400],
        serve: || get(master::find),
        ..NOTHING
    },
    Route {
        verb: Verb::Post,
        path: "/references",
        name: "changeReferences",
        tag: "master data",
        summary: "Add and take away other systems' ids, all or none",
        detail: "Up to 100,000 in one request. When anything is wrong, nothing is changed, and `mistakes` tells what by \
                 list and row.",
        headers: &[Header::Key],
        takes: json(shape::<master::ReferenceChanges>),
        gives: gives(shape::<ReferencesChanged>, "What was changed, or what is wrong."),
        refuses: &[400, 413, 415, 422],
        serve: || post(master::change),
        ..NOTHING
    },
    Route {
        path: "/references/table",
        name: "listReferences",
        tag: "master data",
        summary: "The cross-reference table, a page at a time",
        query: Some(shape::<master::TablePage>),
        gives: gives(shape::<Listing<Reference>>, "A page of it."),
        refuses: &[400],
        serve: || get(master::table),
        ..NOTHING
    },
    Route {
        verb: Verb::Post,
        path: "/merges",
        name: "mergeEntities",
        tag: "master data",
        summary: "Two entities are the same: one answers for both",
        headers: &[Header::Key],
        takes: json(shape::<master::Merge>),
        gives: gives(shape::<Done>, "They are merged, with all that points to them."),
        refuses: &[400, 404, 409, 413, 415, 422],
        serve: || post(master::merge),
        ..NOTHING
    },
    Route {
        verb: Verb::Post,
        path: "/merges/split",
        name: "splitEntity",
        tag: "master data",
        summary: "A merged entity stands for itself again",
        headers: &[Header::Key],
        takes: json(shape::<master::Split>),
        gives: gives(shape::<Done>, "It stands for itself."),
        refuses: &[400, 404, 409, 413, 415, 422],
        serve: || post(master::split),
        ..NOTHING
    },
    Route {
        path: "/candidates",
        name: "listCandidates",
        tag: "master data",
        summary: "What may be the same as an entity, the surest first",
        query: Some(shape::<master::Compared>),
        gives: gives(shape::<master::Items<Candidate>>, "Each with its score and what speaks for it."),
        refuses: &[400, 404],
        serve: || get(master::candidates),
        ..NOTHING
    },
    Route {
        path: "/suggestions",
        name: "listSuggestions",
        tag: "master data",
        summary: "What the hub found out and may not decide alone, newest first",
        query: Some(shape::<master::SuggestionList>),
        gives: gives(shape::<Listing<Suggestion>>, "A page of them."),
        refuses: &[400],
        serve: || get(master::suggestions),
        ..NOTHING
    },
    Route {
        verb: Verb::Post,
        path: "/suggestions/{id}/accept",
        name: "acceptSuggestion",
        tag: "master data",
        summary: "Follow a suggestion",
        headers: &[Header::Key],
        takes: json(shape::<act::Why>),
        gives: gives(shape::<Done>, "What it suggests was done."),
        refuses: &[400, 404, 409, 413, 415, 422],
        serve: || post(master::accept),
        ..NOTHING
    },
    Route {
        verb: Verb::Post,
        path: "/suggestions/{id}/reject",
        name: "rejectSuggestion",
        tag: "master data",
        summary: "A suggestion is wrong; it is not made again",
        headers: &[Header::Key],
        takes: json(shape::<act::Why>),
        gives: gives(shape::<Done>, "It is rejected."),
        refuses: &[400, 404, 409, 413, 415, 422],
        serve: || post(master::reject),
        ..NOTHING
    },
    Route {
        path: "/exceptions",
        name: "listExceptions",
        tag: "overview",
        summary: "Business problems, newest first",
        query: Some(shape::<read::ExceptionList>),
        gives: gives(shape::<Listing<ExceptionRow>>, "A page of them."),
        detail: "A `severity` stands for the classes that have it; `entity` looks at every exception that fits the rest.",
        refuses: &[400],
        serve: || get(read::exceptions),
        ..NOTHING
    },
    Route {
        path: "/rejections",
        name: "listRejections",
        tag: "overview",
        summary: "Requests that were turned away at the door, newest first",
        query: Some(shape::<read::PlainList>),
        gives: gives(shape::<Listing<RejectionRow>>, "A page of them."),
        refuses: &[400],
        serve: || get(read::rejections),
        ..NOTHING
    },
    Route {
        path: "/overview",
        name: "getOverview",
        tag: "overview",
        summary: "The state of the whole hub",
        gives: gives(shape::<Overview>, "Its figures."),
        serve: || get(read::overview),
        ..NOTHING
    },
    Route {
        path: "/mappings/report",
        name: "getMappingReport",
        tag: "overview",
        summary: "What mappings leave out",
        detail: "Fields of partners' messages that no mapping reads, and target fields that are constant, defaulted or never \
                 set, as the hub's traffic has shown them so far.",
        gives: gives(shape::<Report>, "By channel and by mapping."),
        serve: || get(read::mapping_report),
        ..NOTHING
    },
    Route {
        path: "/trace",
        name: "getTrace",
        tag: "overview",
        summary: "The story behind any reference",
        detail: "An order, shipment, tracking or invoice number, another system's id, `kind/key`, or the id of a \
                 message, event or transmission.",
        query: Some(shape::<read::ByReference>),
        gives: gives(shape::<Trace>, "What came, what it became, what was sent, what was answered."),
        refuses: &[400, 404],
        serve: || get(read::trace),
        ..NOTHING
    },
    Route {
        path: "/trace/{*reference}",
        name: "getTraceByPath",
        tag: "overview",
        summary: "The story behind any reference, which stands in the path",
        detail: "Slashes in it may stay as they are.",
        gives: gives(shape::<Trace>, "What came, what it became, what was sent, what was answered."),
        refuses: &[404],
        serve: || get(read::trace_by_path),
        ..NOTHING
    },
    Route {
        path: "/openapi.json",
        name: "getOpenapi",
        tag: "overview",
        summary: "This document",
        gives: gives(any_object, "OpenAPI 3.1."),
        serve: || get(openapi::serve),
        ..NOTHING
    },
];
