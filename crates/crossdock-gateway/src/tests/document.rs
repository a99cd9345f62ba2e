//! The OpenAPI document is true: every answer it promises is given, and every answer that is given fits it.

mod mending;

use std::collections::BTreeSet;

use crossdock_connect::secret::Secret;
use crossdock_core::changeset::Change;
use crossdock_core::event::EntityRef;
use crossdock_core::master::suggestion_id;
use crossdock_core::message::MessageState;
use crossdock_core::suggestion::{Proposal, Suggestion, SuggestionStatus};
use crossdock_store::Store as _;
use crossdock_store::contract::records;
use serde_json::{Value as Json, json};

use super::client::{Client, Response};
use super::hub::{TestHub, Wishes};
use crate::api::openapi;

const BOOK: &str = "memory:///openapi.json";
const NO_ID: &str = "01938e2a-7b00-7000-8000-00000000ffff";

/// The document, and which of its answers were seen.
struct Book {
    document: Json,
    /// Holds the document, without room for anything that its schemas do not name.
    compiler: boon::Compiler,
    schemas: boon::Schemas,
    seen: BTreeSet<(String, String)>,
}

impl Book {
    fn open() -> Self {
        let document = openapi::document();
        let mut strict = document.clone();
        for (name, schema) in strict["components"]["schemas"].as_object_mut().expect("schemas") {
            // These are parts of others.
            if schema["type"] == "object" && !["EntityRecord", "EventContent"].contains(&name.as_str()) {
                schema["unevaluatedProperties"] = json!(false);
            }
            if name.starts_with("entity.") {
                schema["unevaluatedProperties"] = json!(false);
            }
        }
        let mut compiler = boon::Compiler::new();
        compiler.set_default_draft(boon::Draft::V2020_12);
        compiler.enable_format_assertions();
        compiler.add_resource(BOOK, strict).expect("a resource");
        Self { document, compiler, schemas: boon::Schemas::new(), seen: BTreeSet::new() }
    }

    /// The operation behind a request.
    fn operation(&self, verb: &str, path: &str) -> (String, &Json) {
        let path = path.split('?').next().unwrap_or_default();
        let paths = self.document["paths"].as_object().expect("paths");
        let fits = |template: &str| {
            let (mut asked, mut parts) = (path.split('/'), template.split('/'));
            parts
                .by_ref()
                .all(|part| asked.next().is_some_and(|is| part == is || (part.starts_with('{') && !is.is_empty())))
                && (asked.next().is_none() || template == "/api/trace/{reference}")
        };
        let mut found: Vec<_> = paths.iter().filter(|(template, at)| fits(template) && !at[verb].is_null()).collect();
        found.sort_by_key(|(template, _)| template.matches('{').count());
        let (template, at) = found.first().unwrap_or_else(|| panic!("{verb} {path} is not in the document"));
        (format!("/paths/{}/{verb}", template.replace('/', "~1")), &at[verb])
    }

    /// Checks an answer against the document.
    #[track_caller]
    fn check(&mut self, verb: &str, path: &str, answer: &Response) {
        let (place, operation) = self.operation(verb, path);
        let operation = operation.clone();
        let name = operation["operationId"].as_str().expect("a name").to_owned();
        let status = answer.status.to_string();
        let (documented, status) = match &operation["responses"][&status] {
            Json::Null => (&operation["responses"]["default"], "default".to_owned()),
            documented => (documented, status),
        };
        let (place, documented) = match documented["$ref"].as_str().map(|at| at.trim_start_matches('#')) {
            Some(at) => (at.to_owned(), self.document.pointer(at).expect("the document holds what it names")),
            None => (format!("{place}/responses/{status}"), documented),
        };
        if let Some(content) = documented["content"].as_object() {
            let media = answer.header("content-type").unwrap_or_else(|| panic!("{name} {status}: no content type"));
            assert!(content.contains_key(media), "{name} {status}: {media} is not documented");
            if media.ends_with("json") {
                let place = format!("{BOOK}#{place}/content/{}/schema", media.replace('/', "~1"));
                let place = place.replace('{', "%7B").replace('}', "%7D");
                let schema = self.compiler.compile(&place, &mut self.schemas);
                let schema = schema.unwrap_or_else(|error| panic!("{place}: {error:#}"));
                if let Err(wrong) = self.schemas.validate(&answer.json(), schema) {
                    panic!("{name} {status}: {wrong:#}\n{:#}", answer.json());
                }
            }
        } else {
            assert!(answer.body.is_empty(), "{name} {status}: {answer:?}");
        }
        assert!(documented["headers"]["ETag"].is_null() || answer.header("etag").is_some(), "{name} {status}");
        self.seen.insert((name, status));
    }

    fn operations(&self) -> Vec<(String, String, Json)> {
        let mut all = Vec::new();
        for (path, at) in self.document["paths"].as_object().expect("paths") {
            for (verb, operation) in at.as_object().expect("verbs") {
                all.push((verb.clone(), path.clone(), operation.clone()));
            }
        }
        all
    }

    fn unseen(&self) -> Vec<(String, String)> {
        let mut unseen = Vec::new();
        for (_, _, operation) in self.operations() {
            let name = operation["operationId"].as_str().expect("a name");
            for status in operation["responses"].as_object().expect("responses").keys() {
                let pair = (name.to_owned(), status.clone());
                if status != "default" && !self.seen.contains(&pair) {
                    unseen.push(pair);
                }
            }
        }
        unseen
    }
}

/// A person who checks every answer.
struct Reader {
    book: Book,
    client: Client,
}

impl Reader {
    async fn get(&mut self, path: &str, status: u16) -> Response {
        self.get_with(path, &[], status).await
    }

    async fn get_with(&mut self, path: &str, headers: &[(&str, &str)], status: u16) -> Response {
        let answer = self.client.ask(&format!("GET {path}"), headers, b"").await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        self.book.check("get", path, &answer);
        answer
    }

    async fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &str, status: u16) -> Response {
        let json = [("content-type", "application/json")];
        let has_type = headers.iter().any(|(name, _)| *name == "content-type");
        let headers: Vec<_> = if has_type { headers.to_vec() } else { [headers, &json].concat() };
        let answer = self.client.ask(&format!("POST {path}"), &headers, body.as_bytes()).await;
        assert_eq!(answer.status, status, "{path} {body}: {answer:?}");
        self.book.check("post", path, &answer);
        answer
    }
}

/// A path of the document with something in its places that nothing is known of.
fn example(template: &str) -> String {
    let filled = template.replace("{id}", NO_ID).replace("{kind}", "shipment").replace("{key}", "none");
    filled.replace("{name}", "nobody").replace("{reference}", "none")
}

/// What a POST takes at least.
fn body_of(path: &str) -> String {
    match path {
        "/api/events" => shipment("1", "created", json!({"number": "S1"})),
        "/api/merges" => json!({"survivor": "item/1", "other": "item/2", "reason": "x"}).to_string(),
        "/api/merges/split" => json!({"entity": "item/1", "reason": "x"}).to_string(),
        "/api/commands" => json!({"command": "system.pause", "system": "nobody", "reason": "x"}).to_string(),
        "/api/replays" => json!({"which": {"reference": "x"}, "reason": "x"}).to_string(),
        _ if path.ends_with("/edit") => json!({"input": {"number": 1}, "reason": "x"}).to_string(),
        _ if path.ends_with("/reroute") => json!({"system": "silent", "reason": "x"}).to_string(),
        _ if path.ends_with("/correct") => json!({"body": "{}", "reason": "x"}).to_string(),
        "/api/jobs" => json!({"action": "resume", "reason": "x"}).to_string(),
        "/api/transmissions/resume" => json!({"system": "nobody", "reason": "x"}).to_string(),
        _ => json!({"reason": "x"}).to_string(),
    }
}

fn shipment(id: &str, verb: &str, data: Json) -> String {
    let of = format!("crossdock.shipment.{verb}.v1");
    json!({"specversion": "1.0", "id": id, "source": "/tests", "type": of, "data": data}).to_string()
}

fn keyed(key: &str) -> [(&str, &str); 1] {
    [("idempotency-key", key)]
}

#[tokio::test]
async fn every_answer_that_is_documented_is_given_and_fits() {
    let hub = TestHub::start().await;
    let mut reader = Reader { book: Book::open(), client: hub.person().await };
    strangers(&mut reader, &hub).await;
    faults_of_form(&mut reader).await;
    what_is_not_there(&mut reader).await;
    submissions(&mut reader, &hub).await;
    entities(&mut reader, &hub).await;
    records(&mut reader, &hub).await;
    commands(&mut reader, &hub).await;
    refusals(&mut reader, &hub).await;
    jobs(&mut reader, &hub).await;
    mending::stuck(&mut reader, &hub).await;
    mending::replays(&mut reader, &hub).await;
    master_data(&mut reader, &hub).await;
    lists(&mut reader).await;
    two_at_once(&mut reader, &hub).await;
    hub.store.close();
    for (verb, path, _) in reader.book.operations() {
        // These two do not ask the store.
        if verb == "get" && !["/api/openapi.json", "/api/kinds"].contains(&path.as_str()) {
            let query = match path.as_str() {
                "/api/trace" | "/api/entities" => "?reference=x",
                "/api/references" => "?value=x",
                "/api/edits" => "?of=message/x",
                "/api/candidates" => "?entity=item/1",
                _ => "",
            };
            reader.get(&format!("{}{query}", example(&path)), 500).await.is_problem(500, "XD-1107");
        }
    }
    assert_eq!(reader.book.unseen(), [], "documented, but never given");
    hub.stop().await;
}

/// Who may not come in.
async fn strangers(reader: &mut Reader, hub: &TestHub) {
    let guarded = TestHub::start_with(Wishes { token: Some(Secret::new("s3cret")), ..Wishes::default() }).await;
    let operations = reader.book.operations();
    let mut doors = [guarded.person().await, hub.person().await];
    for (verb, path, _) in operations {
        let line = format!("{} {}", verb.to_uppercase(), example(&path));
        let json = [("content-type", "application/json")];
        let body = if verb == "post" { body_of(&path) } else { String::new() };
        let answer = doors[0].ask(&line, &json, body.as_bytes()).await;
        answer.is_problem(401, "XD-1101");
        reader.book.check(&verb, &example(&path), &answer);
        let foreign = [("content-type", "application/json"), ("host", "evil.example")];
        let answer = doors[1].ask(&line, &foreign, body.as_bytes()).await;
        answer.is_problem(403, "XD-1102");
        reader.book.check(&verb, &example(&path), &answer);
    }
    guarded.stop().await;
}

/// Requests that no route can use.
async fn faults_of_form(reader: &mut Reader) {
    let too_large = " ".repeat(33 * 1024 * 1024);
    for (verb, path, _) in reader.book.operations() {
        let asked = example(&path);
        if verb == "get" {
            continue;
        }
        reader.post(&asked, &[("content-type", "text/plain")], "{}", 415).await;
        let code = if path == "/api/events" || path == "/api/commands" { "XD-1108" } else { "XD-1103" };
        reader.post(&asked, &[], "[", 400).await.is_problem(400, code);
        reader.post(&asked, &keyed("\"\""), &body_of(&path), 400).await.is_problem(400, "XD-1108");
        // So many references are a body of many megabytes.
        let bytes = if path == "/api/references" { too_large.len() } else { 513 * 1024 };
        reader.post(&asked, &[], &too_large[..bytes], 413).await;
        reader.client = Client::connect(reader.client.address()).await;
    }
    for path in ["/api/entities", "/api/entities?reference=a&x=1", "/api/entities/shipment?limit=501", "/api/trace"] {
        reader.get(path, 400).await.is_problem(400, "XD-1103");
    }
    for wrong in ["status=misplaced", "updated_since=yesterday", "link=order", "cursor=abc", "limit=0", "sytem=odoo"] {
        reader.get(&format!("/api/entities/shipment?{wrong}"), 400).await.is_problem(400, "XD-1103");
    }
    for path in ["/api/messages/7", "/api/messages/7/body", "/api/events/7", "/api/entities/shipment/1/history?limit=x"]
    {
        reader.get(path, 400).await.is_problem(400, "XD-1103");
    }
    for path in ["references?val=x", "references/table?after=x", "candidates?entity=x", "suggestions?status=new"] {
        reader.get(&format!("/api/{path}"), 400).await.is_problem(400, "XD-1103");
    }
    for path in ["stuck?kind=order", "edits", "replays?limit=0", "replays/7", "replays/7/messages"] {
        reader.get(&format!("/api/{path}"), 400).await.is_problem(400, "XD-1103");
    }
    for path in ["jobs/7", "jobs?running=maybe", "faults?sytem=odoo"] {
        reader.get(&format!("/api/{path}"), 400).await.is_problem(400, "XD-1103");
    }
    for list in ["messages", "transmissions", "exceptions", "rejections", "jobs"] {
        reader.get(&format!("/api/{list}?limit=0"), 400).await.is_problem(400, "XD-1103");
    }
}

async fn what_is_not_there(reader: &mut Reader) {
    for path in [
        "/api/entities/shipment/none",
        "/api/entities/shipment/none/history",
        "/api/entities/shipment/none/links",
        "/api/trace?reference=none",
    ] {
        reader.get(path, 404).await.is_problem(404, "XD-1104");
    }
    let wrong = reader.get("/api/entities/shipmnt", 404).await.is_problem(404, "XD-1104");
    assert!(wrong["detail"].as_str().is_some_and(|told| told.contains("did you mean `shipment`?")), "{wrong}");
    for path in ["/api/messages/{id}", "/api/messages/{id}/body", "/api/events/{id}", "/api/trace/a/b/c"] {
        reader.get(&example(path), 404).await.is_problem(404, "XD-1104");
    }
    for path in ["/api/messages/{id}/rerun", "/api/transmissions/{id}/cancel", "/api/systems/nobody/pause"] {
        reader.post(&example(path), &[], r#"{"reason":"x"}"#, 404).await.is_problem(404, "XD-1104");
    }
    reader.post("/api/systems/nobody/resume", &[], r#"{"reason":"x"}"#, 404).await;
    reader.get(&example("/api/jobs/{id}"), 404).await.is_problem(404, "XD-1104");
    reader.post(&example("/api/jobs/{id}/stop"), &[], r#"{"reason":"x"}"#, 404).await.is_problem(404, "XD-1104");
    reader.post("/api/transmissions/resume", &[], r#"{"system":"nobody","reason":"x"}"#, 404).await;
    reader.post("/api/commands", &keyed("not-there"), &body_of("/api/commands"), 404).await;
}

async fn submissions(reader: &mut Reader, hub: &TestHub) {
    let created = shipment("1", "created", json!({"number": "S1", "order": "O1", "weight_kg": 12.5}));
    let created = created.replace("12.5", "12.50");
    let first = reader.post("/api/events", &keyed("\"one\""), &created, 202).await;
    let place = first.header("location").expect("a place").to_owned();
    assert_eq!(first.json()["events"][0]["subject"], json!({"kind": "shipment", "key": "S1"}));
    hub.wait_until_routed().await;
    let taken = reader.get(&place, 200).await.json();
    assert_eq!(taken["state"], "translated", "{taken:#}");
    // A repeat, with its key in the other notation, has no further effect.
    let again = reader.post("/api/events", &keyed("one"), &created, 202).await;
    assert_eq!(again.json(), first.json());
    hub.wait_until_routed().await;
    let entity = reader.get("/api/entities/shipment/S1", 200).await;
    assert_eq!((entity.json()["version"].as_u64(), entity.json()["status"].as_str()), (Some(1), Some("planned")));
    let event = first.json()["events"][0]["id"].as_str().expect("an id").to_owned();
    let event = reader.get(&format!("/api/events/{event}"), 200).await;
    assert!(event.text().contains("\"weight_kg\":12.50"), "exact as it came: {}", event.text());

    let other = shipment("1", "created", json!({"number": "S2"}));
    reader.post("/api/events", &keyed("one"), &other, 422).await.is_problem(422, "XD-1109");
    let tagged = [("idempotency-key", "one"), ("if-match", "\"1\"")];
    reader.post("/api/events", &tagged, &created, 422).await.is_problem(422, "XD-1109");
    let batch = [("idempotency-key", "batch"), ("content-type", "application/cloudevents-batch+json")];
    let wrong = shipment("2", "created", json!({"numbr": "S2", "lines": [{"sku": 1, "quantity": "x"}]}));
    let unfit = reader.post("/api/events", &batch, &format!("[{created},{wrong}]"), 422).await;
    let unfit = unfit.is_problem(422, "XD-1111");
    let pointers: Vec<_> = unfit["errors"].as_array().expect("errors").iter().map(|it| it["pointer"].clone()).collect();
    assert!(pointers.contains(&json!("#/1/data/numbr")), "{unfit:#}");
    assert!(pointers.contains(&json!("#/1/data/lines/0/quantity")), "{unfit:#}");
    // Nothing was kept of it, so the key is still free.
    let second = shipment("2", "created", json!({"number": "R1/2"}));
    let both = reader.post("/api/events", &batch, &format!("[{created},{second}]"), 202).await.json();
    assert_eq!(both["events"].as_array().map(Vec::len), Some(2));
    hub.wait_until_routed().await;

    // What was read is what is changed, or nothing is.
    let ready = shipment("3", "ready", json!({"number": "S1"}));
    let tag = reader.get("/api/entities/shipment/S1", 200).await.header("etag").expect("a tag").to_owned();
    assert_eq!(tag, "\"2\"");
    let late = [("idempotency-key", "late"), ("if-match", "\"1\"")];
    reader.post("/api/events", &late, &ready, 412).await.is_problem(412, "XD-1112");
    let match_two = [("idempotency-key", "two"), ("if-match", tag.as_str())];
    reader.post("/api/events", &match_two, &ready, 202).await;
    let entity = reader.get("/api/entities/shipment/S1", 200).await.json();
    assert_eq!(entity["status"], "ready", "the answer waits for the decision");
    reader.post("/api/events", &[("idempotency-key", "x"), ("if-match", "2")], &ready, 400).await;
    let two = [batch[1], ("idempotency-key", "y"), ("if-match", "*")];
    reader.post("/api/events", &two, &format!("[{created},{second}]"), 400).await;
}

async fn entities(reader: &mut Reader, hub: &TestHub) {
    let reference = records::reference("S1", "tracking_number", "1Z999");
    hub.store.commit([Change::AddReference(reference)].into_iter().collect()).expect("written");
    let entity = reader.get("/api/entities/shipment/S1", 200).await;
    let tag = entity.header("etag").expect("a tag");
    assert!(tag.starts_with("\"3."), "a new reference is another representation: {tag}");
    let known = reader.get_with("/api/entities/shipment/S1", &[("if-none-match", tag)], 304).await;
    assert_eq!(known.header("etag"), Some(tag));
    reader.get_with("/api/entities/shipment/S1", &[("if-none-match", "\"1\", W/\"2\"")], 200).await;
    assert_eq!(reader.get("/api/entities/shipment/R1%2F2", 200).await.json()["key"], "R1/2");
    assert_eq!(reader.get("/api/entities/shipment/R1%2F2/history", 200).await.json()["entity"]["key"], "R1/2");
    for reference in ["fleet:tracking_number:1Z999", "1Z999", "S1"] {
        let found = reader.get(&format!("/api/entities?reference={reference}"), 200).await.json();
        assert_eq!(found["items"][0]["key"], "S1", "{reference}");
    }
    assert_eq!(reader.get("/api/entities?reference=odoo:number:1", 200).await.json()["items"], json!([]));

    let keys = |page: &Json| -> Vec<String> {
        let items = page["items"].as_array().expect("items").iter();
        items.map(|item| item["key"].as_str().expect("a key").to_owned()).collect()
    };
    let page = reader.get("/api/entities/shipment?limit=1", 200).await;
    let link = page.header("link").expect("a link to the next page");
    let next = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).expect("as in RFC 8288");
    let rest = reader.get(next, 200).await.json();
    assert_eq!([keys(&page.json()), keys(&rest)].concat(), ["R1/2", "S1"]);
    assert_eq!(rest["next"], Json::Null);
    let cursor = page.json()["next"].as_str().expect("a cursor").to_owned();
    let other = format!("/api/entities/shipment?limit=1&status=ready&cursor={cursor}");
    reader.get(&other, 400).await.is_problem(400, "XD-1103");
    for (filter, expect) in [
        ("status=ready", vec!["S1"]),
        ("system=fleet", vec!["S1"]),
        ("link=order/O1", vec!["S1"]),
        ("link=order/O1&system=odoo", vec![]),
        ("updated_until=2020-01-01T00:00:00%2B01:00", vec![]),
        ("updated_since=2020-01-01T00:00:00+01:00", vec!["R1/2", "S1"]),
    ] {
        assert_eq!(
            keys(&reader.get(&format!("/api/entities/shipment?{filter}"), 200).await.json()),
            expect,
            "{filter}"
        );
    }

    // What hangs together is found from both ends, and what is only spoken of is told as such.
    let links = reader.get("/api/entities/shipment/S1/links", 200).await.json();
    assert_eq!(links["speaks_of"], json!([{"kind": "order", "key": "O1", "status": null}]), "{links:#}");
    let order = json!({"specversion": "1.0", "id": "o1", "source": "/tests", "type": "crossdock.order.received.v1",
                       "data": {"number": "O1"}});
    reader.post("/api/events", &keyed("o1"), &order.to_string(), 202).await;
    hub.wait_until_routed().await;
    let links = reader.get("/api/entities/order/O1/links", 200).await.json();
    assert_eq!(links["spoken_of_by"], json!([{"kind": "shipment", "key": "S1", "status": "ready"}]), "{links:#}");

    let history = reader.get("/api/entities/shipment/S1/history", 200).await.json();
    let items = history["items"].as_array().expect("items");
    assert_eq!(items.len(), 3);
    assert!(items[0]["changes"].as_array().expect("changes").iter().any(|it| it["pointer"] == "/order"), "{history:#}");
    assert_eq!(items[2]["status"], json!({"from": "planned", "to": "ready"}));
    let page = reader.get("/api/entities/shipment/S1/history?limit=2", 200).await.json();
    let next = page["next"].as_str().expect("a cursor");
    let rest = reader.get(&format!("/api/entities/shipment/S1/history?cursor={next}"), 200).await.json();
    assert_eq!((&rest["items"], &rest["next"]), (&json!([items[2]]), &Json::Null));
    let foreign = format!("/api/entities/shipment/R1%2F2/history?cursor={next}");
    reader.get(&foreign, 400).await.is_problem(400, "XD-1103");
}

async fn records(reader: &mut Reader, hub: &TestHub) {
    // A failed message whose event is owed, with all there is to tell of it.
    let exception = records::exception(1, "message/test");
    let failed = MessageState::Failed { exception: exception.id };
    let mut message = records::message(1);
    message.headers.push(("x-shop-token".into(), "s3cret".into()));
    let id = message.id;
    let mut stuck = records::moved(&records::transmission(10, "S1", 1), records::paused());
    stuck.version = 1;
    stuck.system = "warehouse".into();
    let mut event = records::event(11, &[records::shipment("S1")]);
    event.event_type = "crossdock.shipment.created.v1".into();
    event.data = serde_json::from_str(r#"{"number":"S1"}"#).expect("a value");
    let changes = [
        Change::AcceptMessage(message),
        Change::SetMessageState { id, state: failed },
        Change::PutException(exception),
        Change::AppendEvent(event),
        records::put(&stuck),
    ];
    hub.store.commit(changes.into_iter().collect()).expect("written");
    let view = reader.get(&format!("/api/messages/{id}"), 200).await.json();
    assert_eq!((view["state"].as_str(), view["body"].as_str()), (Some("failed"), Some("{\"n\":1}")));
    assert!(view["headers"].as_array().expect("headers").contains(&json!({"name": "x-shop-token", "value": "***"})));
    assert_eq!(view["became"]["events"].as_array().map(Vec::len), Some(1), "{view:#}");
    let body = reader.get(&format!("/api/messages/{id}/body"), 200).await;
    assert_eq!((body.text(), body.header("content-disposition")), ("{\"n\":1}", Some("attachment")));
    reader.get(&format!("/api/events/{}", records::event_id(11)), 200).await;
    for path in ["/api/trace?reference=S1", "/api/trace/shipment/S1"] {
        assert!(reader.get(path, 200).await.json()["entries"].as_array().is_some_and(|all| all.len() > 3));
    }
    let near = reader.get("/api/trace/S2", 404).await.json();
    assert_eq!(near["near"], json!(["shipment/S1"]));
}

async fn commands(reader: &mut Reader, hub: &TestHub) {
    let ids = [records::message_id(1).to_string(), records::transmission_id(10).to_string()];
    let [message, transmission] = &ids;
    let why = |reason: &str| json!({"actor": "ann", "reason": reason}).to_string();
    let rerun = format!("/api/messages/{message}/rerun");
    // The same under one key: done once, and told twice.
    let first = reader.post(&rerun, &keyed("rerun"), &why("mended"), 200).await;
    hub.wait_until_routed().await;
    assert_eq!(reader.post(&rerun, &keyed("rerun"), &why("mended"), 200).await.json(), first.json());
    reader.post(&rerun, &keyed("rerun"), &why("other"), 422).await.is_problem(422, "XD-1109");
    let translated = reader.get("/api/messages?state=translated&limit=1", 200).await.json();
    let translated = translated["items"][0]["id"].as_str().expect("one was handed in").to_owned();
    let in_vain = format!("/api/messages/{translated}/rerun");
    reader.post(&in_vain, &[], &why("mended"), 409).await.is_problem(409, "XD-1105");
    let as_command = json!({"command": "message.rerun", "message": message, "actor": "ann", "reason": "mended"});
    assert_eq!(reader.post("/api/commands", &keyed("rerun"), &as_command.to_string(), 200).await.json(), first.json());
    let in_vain = json!({"command": "message.rerun", "message": translated, "reason": "x"});
    reader.post("/api/commands", &keyed("again"), &in_vain.to_string(), 409).await.is_problem(409, "XD-1105");
    reader.post("/api/commands", &keyed("rerun"), &body_of("/api/commands").replace("nobody", "silent"), 422).await;

    let resume = json!({"ids": [transmission], "reason": "try"}).to_string();
    let resumed = reader.post("/api/transmissions/resume", &keyed("resume"), &resume, 200).await.json();
    assert_eq!(resumed["transmissions"], json!([transmission]));
    // Its connector refuses it, and it is paused again; the repeat neither resumes it nor says so.
    let id = records::transmission_id(10);
    let is_paused = |store: &dyn crossdock_store::Store| {
        store.transmission(id).is_ok_and(|it| it.is_some_and(|it| it.state.word() == "paused"))
    };
    hub.wait_until("the transmission", is_paused).await;
    assert_eq!(reader.post("/api/transmissions/resume", &keyed("resume"), &resume, 200).await.json(), resumed);
    assert!(is_paused(hub.store.as_ref()), "resumed once");
    reader.post("/api/transmissions/resume", &keyed("resume"), r#"{"all":true,"reason":"try"}"#, 422).await;
    // `resume` is about paused ones; what is named and cannot go on is told, not refused.
    let cancel = format!("/api/transmissions/{transmission}/cancel");
    reader.post(&cancel, &keyed("cancel"), &why("given up"), 200).await;
    reader.post(&cancel, &keyed("cancel"), &why("given up"), 200).await;
    reader.post(&cancel, &keyed("cancel"), &why("other"), 422).await;
    reader.post(&cancel, &[], &why("given up"), 409).await.is_problem(409, "XD-1105");

    for (path, other) in [("pause", "resume"), ("resume", "pause")] {
        let path = format!("/api/systems/warehouse/{path}");
        let key = format!("warehouse-{other}");
        reader.post(&path, &keyed(&key), &why("stock-taking"), 200).await;
        reader.post(&path, &keyed(&key), &why("stock-taking"), 200).await;
        reader.post(&path, &keyed(&key), &why(other), 422).await;
    }
    let audit = hub.store.audit(0, 100).expect("readable");
    let told: Vec<_> = audit.iter().map(|entry| entry.record.action.as_str()).collect();
    assert_eq!(told, ["message.rerun", "transmission.resume", "transmission.cancel", "system.pause", "system.resume"]);
    let commands = reader.get("/api/messages?system=api", 200).await.json();
    assert!(commands["items"].as_array().is_some_and(|all| all.iter().any(|it| it["channel"] == "commands")));
}

/// A refusal is an answer too: it is told again, whatever has changed meanwhile.
async fn refusals(reader: &mut Reader, hub: &TestHub) {
    let id = records::transmission_id(20);
    let cancel = format!("/api/transmissions/{id}/cancel");
    let why = r#"{"actor":"ann","reason":"given up"}"#;
    let first = reader.post(&cancel, &keyed("too-early"), why, 404).await;
    first.is_problem(404, "XD-1104");
    let mut stuck = records::moved(&records::transmission(20, "S1", 1), records::paused());
    stuck.version = 1;
    stuck.system = "warehouse".into();
    hub.store.commit([records::put(&stuck)].into_iter().collect()).expect("written");
    let again = reader.post(&cancel, &keyed("too-early"), why, 404).await;
    assert_eq!(again.json(), first.json(), "it is there now, but this was answered before");
    reader.post(&cancel, &keyed("too-early"), &why.replace("ann", "bob"), 422).await.is_problem(422, "XD-1109");
    reader.post(&cancel, &keyed("in-time"), why, 200).await;
    let late = reader.post(&cancel, &keyed("too-late"), why, 409).await;
    assert_eq!(reader.post(&cancel, &keyed("too-late"), why, 409).await.json(), late.json());
    // A request that cannot be read was never answered, so its key is free.
    reader.post(&cancel, &keyed("mistyped"), "{}", 400).await.is_problem(400, "XD-1103");
    reader.post(&cancel, &keyed("mistyped"), why, 409).await;
    let told = reader.get("/api/messages?system=api&state=ignored", 200).await.json();
    let told = told["items"].as_array().expect("items");
    assert!(told.iter().any(|it| it["dedup_key"] == "commands/too-late" && it["channel"] == "commands"), "{told:#?}");
}

/// Many paused transmissions by one decision.
async fn jobs(reader: &mut Reader, hub: &TestHub) {
    let stuck = |n: u64| {
        let mut stuck = records::moved(&records::transmission(n, &format!("J{n}"), n), records::paused());
        stuck.version = 1;
        stuck.system = "warehouse".into();
        records::put(&stuck)
    };
    hub.store.commit((31..36).map(stuck).collect()).expect("written");
    let faults = reader.get("/api/faults?system=warehouse", 200).await.json();
    assert_eq!(faults["items"][0]["count"], 5, "{faults:#}");
    let fault = faults["items"][0]["fault"].clone();
    let look = json!({"action": "cancel", "which": {"fault": fault}, "dry_run": true}).to_string();
    let looked = reader.post("/api/jobs", &[], &look, 200).await.json();
    assert_eq!((&looked["preview"]["count"], &looked["job"]), (&json!(5), &Json::Null), "{looked:#}");
    for wrong in [
        json!({"action": "cancel"}),
        json!({"action": "delete", "reason": "x"}),
        json!({"action": "cancel", "which": {"sytem": "odoo"}, "reason": "x"}),
        json!({"action": "cancel", "which": {"fault": "x"}, "reason": "x"}),
        json!({"action": "cancel", "which": {"entity": "x"}, "reason": "x"}),
        json!({"action": "cancel", "which": {"since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
               "reason": "x"}),
        json!({"action": "cancel", "rate_per_s": 0, "reason": "x"}),
        json!({"action": "cancel", "rate_per_s": 1001, "reason": "x"}),
    ] {
        reader.post("/api/jobs", &[], &wrong.to_string(), 400).await.is_problem(400, "XD-1103");
    }
    let order = json!({"action": "cancel", "which": {"fault": fault}, "rate_per_s": 1, "reason": "too late"});
    let order = order.to_string();
    let started = reader.post("/api/jobs", &keyed("job"), &order, 200).await.json();
    assert_eq!(reader.post("/api/jobs", &keyed("job"), &order, 200).await.json(), started);
    reader.post("/api/jobs", &keyed("job"), &look, 422).await.is_problem(422, "XD-1109");
    let id = started["job"]["id"].as_str().expect("an id").to_owned();
    assert_eq!(reader.get(&format!("/api/jobs/{id}"), 200).await.json()["state"], "running");
    let stop = format!("/api/jobs/{id}/stop");
    let why = r#"{"actor":"ann","reason":"the wrong one"}"#;
    let stopped = reader.post(&stop, &keyed("stop"), why, 200).await.json();
    assert_eq!((&stopped["state"], &stopped["stopped_by"]), (&json!("stopped"), &json!("ann")), "{stopped:#}");
    assert_eq!(reader.post(&stop, &keyed("stop"), why, 200).await.json(), stopped);
    reader.post(&stop, &keyed("stop"), r#"{"reason":"other"}"#, 422).await.is_problem(422, "XD-1109");
    reader.post(&stop, &[], why, 409).await.is_problem(409, "XD-1105");
    let rest = json!({"command": "job.start", "action": "cancel", "which": {"system": "warehouse"}, "reason": "x"});
    reader.post("/api/commands", &keyed("rest"), &rest.to_string(), 200).await;
    hub.wait_until("the rest", |store| {
        (31..36).all(|n| {
            let it = store.transmission(records::transmission_id(n));
            it.is_ok_and(|it| it.is_some_and(|it| it.state.word() == "cancelled"))
        })
    })
    .await;
    let nothing = json!({"action": "resume", "which": {"system": "warehouse"}, "reason": "x"}).to_string();
    reader.post("/api/jobs", &[], &nothing, 409).await.is_problem(409, "XD-1105");
    let listed = reader.get("/api/jobs?limit=1", 200).await.json();
    assert_eq!(listed["more"], true, "{listed:#}");
    reader.get("/api/jobs?running=true", 200).await;
}

async fn master_data(reader: &mut Reader, hub: &TestHub) {
    for (id, code) in [("a1", "C1"), ("a2", "C2"), ("a3", "C3")] {
        let data = json!({"code": code, "name": "Northern Timber Trading", "phone": "+44 20 7946 0018"});
        let of = "crossdock.account.created.v1";
        let event = json!({"specversion": "1.0", "id": id, "source": "/tests", "type": of, "data": data}).to_string();
        reader.post("/api/events", &keyed(id), &event, 202).await;
    }
    hub.wait_until_routed().await;
    let account = reader.get("/api/entities/customer_account/C1", 200).await.json();
    assert_eq!(account["data"]["name"], "Northern Timber Trading");

    let add = |value: &str, system: &str| {
        let row = json!({"entity": "customer_account/C1", "system": system, "kind": "customer_id", "value": value});
        json!({"add": [row], "reason": "the new CRM"}).to_string()
    };
    let changed = reader.post("/api/references", &keyed("refs"), &add("77", "warehouse"), 200).await.json();
    assert_eq!(changed, json!({"done": true, "added": 1, "removed": 0, "mistakes": []}));
    assert_eq!(reader.post("/api/references", &keyed("refs"), &add("77", "warehouse"), 200).await.json(), changed);
    reader.post("/api/references", &keyed("refs"), &add("78", "warehouse"), 422).await.is_problem(422, "XD-1109");
    let wrong = reader.post("/api/references", &keyed("wrong"), &add("77", "nobody"), 200).await.json();
    assert_eq!((&wrong["done"], &wrong["mistakes"][0]["row"]), (&json!(false), &json!(0)), "{wrong}");
    assert_eq!(reader.post("/api/references", &keyed("wrong"), &add("77", "nobody"), 200).await.json(), wrong);
    let mixed = r#"{"add":[{"entity":"x","system":"warehouse","kind":"k","value":"1"}],"dry_run":true}"#;
    let mixed = reader.post("/api/references", &[], mixed, 200).await.json();
    assert_eq!((&mixed["added"], mixed["mistakes"].as_array().map(Vec::len)), (&json!(1), Some(1)), "{mixed}");
    let found = reader.get("/api/references?value=77", 200).await.json();
    assert_eq!(found["items"][0]["entity"]["key"], "C1", "{found:#}");
    let table = reader.get("/api/references/table?limit=500", 200).await.json();
    assert!(table["items"].as_array().is_some_and(|all| all.iter().any(|it| it["value"] == "77")), "{table:#}");

    let candidates = reader.get("/api/candidates?entity=customer_account/C1&least=0", 200).await.json();
    assert_eq!(candidates["items"][0]["evidence"][0]["values"].as_array().map(Vec::len), Some(2), "{candidates:#}");
    reader.get("/api/candidates?entity=customer_account/none", 404).await.is_problem(404, "XD-1104");

    let merge = |other: &str| {
        json!({"survivor": "customer_account/C1", "other": format!("customer_account/{other}"), "reason": "same"})
            .to_string()
    };
    reader.post("/api/merges", &keyed("merge"), &merge("C2"), 200).await;
    reader.post("/api/merges", &keyed("merge"), &merge("C2"), 200).await;
    reader.post("/api/merges", &keyed("merge"), &merge("C3"), 422).await.is_problem(422, "XD-1109");
    reader.post("/api/merges", &[], &merge("C2"), 409).await.is_problem(409, "XD-1105");
    reader.post("/api/merges", &[], &merge("none"), 404).await.is_problem(404, "XD-1104");
    reader.get("/api/entities/customer_account/C1", 200).await;
    reader.get("/api/entities/customer_account/C2", 200).await;
    let split = |entity: &str| json!({"entity": format!("customer_account/{entity}"), "reason": "two"}).to_string();
    reader.post("/api/merges/split", &keyed("split"), &split("C2"), 200).await;
    reader.post("/api/merges/split", &keyed("split"), &split("C3"), 422).await;
    reader.post("/api/merges/split", &[], &split("C2"), 409).await;
    reader.post("/api/merges/split", &[], &split("none"), 404).await;

    let mut ids = Vec::new();
    for survivor in ["C2", "C1"] {
        let [survivor, other] = [survivor, "C3"].map(|code| EntityRef::new("customer_account", code));
        let proposal = Proposal::Merge { survivor, other };
        let suggestion = Suggestion {
            id: suggestion_id(&proposal),
            version: 1,
            proposal,
            score: Some(0.9),
            evidence: Vec::new(),
            status: SuggestionStatus::Open,
            made_at: records::at(1),
            decided: None,
        };
        ids.push(suggestion.id);
        hub.store.commit([Change::PutSuggestion(suggestion)].into_iter().collect()).expect("written");
    }
    let listed = reader.get("/api/suggestions?status=open&what=merge", 200).await.json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2), "{listed:#}");
    let why = r#"{"reason":"two branches"}"#;
    for (verb, id) in [("reject", ids[0]), ("accept", ids[1])] {
        let path = format!("/api/suggestions/{id}/{verb}");
        reader.post(&path, &keyed(verb), why, 200).await;
        reader.post(&path, &keyed(verb), r#"{"reason":"other"}"#, 422).await;
        reader.post(&path, &[], why, 409).await.is_problem(409, "XD-1105");
        reader.post(&example(&format!("/api/suggestions/{{id}}/{verb}")), &[], why, 404).await;
    }
    reader.get("/api/suggestions", 200).await;
    reader.get("/api/entities?reference=C1", 200).await;
}

async fn lists(reader: &mut Reader) {
    for path in [
        "messages",
        "transmissions",
        "exceptions",
        "rejections",
        "overview",
        "mappings/report",
        "openapi.json",
        "kinds",
    ] {
        reader.get(&format!("/api/{path}"), 200).await;
    }
    // Each is a refusal; one affects shipment 1 and comes from odoo.
    let all = reader.get("/api/exceptions", 200).await.json()["items"].as_array().map_or(0, Vec::len);
    for (filter, expect) in [
        ("class=transmission_refused", all),
        ("class=mapping_failed", 0),
        ("severity=high", all),
        ("severity=low", 0),
        ("class=transmission_refused&severity=low", 0),
        ("system=odoo&entity=shipment/1&open=true", 1),
        ("entity=shipment/2", 0),
        ("system=nobody", 0),
    ] {
        let found = reader.get(&format!("/api/exceptions?{filter}"), 200).await.json();
        let found = found["items"].as_array().expect("items");
        assert_eq!(found.len(), expect, "{filter}");
        assert!(found.iter().all(|it| it["severity"] == "high"), "{found:#?}");
    }
    for wrong in ["class=refused", "severity=urgent", "entity=shipment", "open=maybe"] {
        reader.get(&format!("/api/exceptions?{wrong}"), 400).await.is_problem(400, "XD-1103");
    }
    let served = reader.get("/api/openapi.json", 200).await;
    assert_eq!(served.json(), reader.book.document);
}

/// The second of two equal requests at once is told that the first is under way, or gets its answer.
async fn two_at_once(reader: &mut Reader, hub: &TestHub) {
    let mut other = hub.person().await;
    for n in 0..200 {
        let key = format!("at-once-{n}");
        let event = shipment(&key, "created", json!({"number": key}));
        let headers = [("idempotency-key", key.as_str()), ("content-type", "application/json"), ("if-match", "\"0\"")];
        let (one, two) = tokio::join!(
            reader.client.ask("POST /api/events", &headers, event.as_bytes()),
            other.ask("POST /api/events", &headers, event.as_bytes()),
        );
        for answer in [&one, &two] {
            reader.book.check("post", "/api/events", answer);
        }
        let statuses = [one.status, two.status];
        assert!(statuses.contains(&202) && statuses.iter().all(|status| [202, 409].contains(status)), "{statuses:?}");
        if let Some(refused) = [one, two].iter().find(|answer| answer.status == 409) {
            refused.is_problem(409, "XD-1110");
            return;
        }
    }
    panic!("no request ever met another one under way");
}

#[test]
fn the_document_in_docs_is_the_present_one() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json");
    let written = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        written == openapi::text(),
        "docs/reference/openapi.json is not what the code says: write it anew with \
         `cargo run -p crossdock-gateway --example openapi > docs/reference/openapi.json`"
    );
}

#[test]
fn the_document_is_whole() {
    let document = openapi::document();
    let mut names = BTreeSet::new();
    for (verb, path, operation) in Book::open().operations() {
        let name = operation["operationId"].as_str().expect("a name").to_owned();
        assert!(names.insert(name.clone()), "{name} stands there twice");
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{verb} {path}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let told = parameter["description"].as_str().unwrap_or_default();
            assert!(!told.is_empty(), "{name}: `{}` is not described", parameter["name"]);
        }
    }
    assert_eq!(names.len(), crate::api::table::ROUTES.len(), "every route of the router is in the document");
    let text = document.to_string();
    for at in text.split("\"$ref\":\"#").skip(1) {
        let at = at.split('"').next().unwrap_or_default();
        assert!(document.pointer(at).is_some(), "{at} leads nowhere");
    }
}
