//! A hub that runs: a message comes in, is found by `trace` while it runs and afterwards, and SIGTERM ends it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::program::crossdock;

/// A hub as `init` writes it, on ports of its own.
pub struct Running {
    child: Child,
    ingress: String,
    console: String,
    folder: PathBuf,
}

pub fn init(scratch: &Path) -> PathBuf {
    crossdock(&["init", "hub"]).within(scratch).run().expect(0);
    let folder = scratch.join("hub");
    let text = std::fs::read_to_string(folder.join("hub.yaml")).expect("hub.yaml");
    let text = text.replace("127.0.0.1:8480", "127.0.0.1:0").replace("127.0.0.1:8481", "127.0.0.1:0");
    std::fs::write(folder.join("hub.yaml"), text).expect("written");
    folder
}

fn sample(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("tests/samples/order.json")).expect("the sample")
}

impl Running {
    /// Starts it and reads its addresses from the log.
    pub fn start(folder: &Path) -> Self {
        let mut command = crossdock(&["run", ".", "--log-format", "json"]).within(folder).into_command();
        command.env("CUSTOMER_URL", "http://127.0.0.1:1/").stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut log = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut line = String::new();
        let started: Json = loop {
            line.clear();
            assert_ne!(log.read_line(&mut line).expect("the log can be read"), 0, "the hub ended while starting");
            let entry: Json = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            if entry["message"] == "the hub is running" {
                break entry;
            }
        };
        // Somebody reads the log, or the hub would stand still when the pipe is full.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let address = |key: &str| started[key].as_str().expect("an address").to_owned();
        Self { child, ingress: address("ingress"), console: address("console"), folder: folder.to_owned() }
    }

    pub fn api(&self) -> String {
        format!("http://{}", self.console)
    }

    /// Sends the sample order; gives the status line and the body.
    fn send_order(&self, token: &str) -> String {
        self.send(token, &sample(&self.folder))
    }

    fn send(&self, token: &str, body: &str) -> String {
        self.send_to("/in/shop/order", &format!("X-Shop-Token: {token}"), body)
    }

    /// Sends JSON to a path of the ingress with one more header.
    pub fn send_to(&self, path: &str, header: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.ingress).expect("the ingress listens");
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\n{header}\r\nContent-Type: application/json\r\nContent-Length: \
             {}\r\nConnection: close\r\n\r\n{body}",
            self.ingress,
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer
    }

    /// SIGTERM; gives the exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill is there");
        assert!(told.success());
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed half-way leaves nothing behind; after `stop` there is nothing to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Waits until the program ends with 0 and prints what is looked for.
#[track_caller]
pub fn wait_for(args: &[&str], wanted: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let ended = crossdock(args).run();
        if ended.code == 0 && ended.out.contains(wanted) {
            return ended.out;
        }
        assert!(Instant::now() < deadline, "{args:?} never told of {wanted}:\n{}{}", ended.out, ended.err);
    }
}

#[test]
fn a_message_is_traced_while_the_hub_runs_and_after_it_has_stopped() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let folder = init(scratch.path());
    let token = std::fs::read_to_string(folder.join("secrets/shop")).expect("the secret");
    let mut hub = Running::start(&folder);
    assert!(hub.send_order("wrong").starts_with("HTTP/1.1 401"));
    assert!(hub.send_order(token.trim()).starts_with("HTTP/1.1 202"));
    let api = hub.api();
    let story = wait_for(&["trace", "WEB-1001", "--api", &api], "answered");
    assert!(story.starts_with("entity\torder/WEB-1001\taccepted\t"), "{story}");
    assert!(story.contains("\tshop\t") && story.contains("\t6\towed\tcustomer\t"), "{story}");
    let by_id = crossdock(&["trace", "8001", "--json", "--api", &api]).run().expect(0);
    let by_id: Json = serde_json::from_str(&by_id.out).expect("it is JSON");
    assert_eq!(by_id["entities"][0]["key"], "WEB-1001");
    assert_eq!(by_id["entities"][0]["data"]["total"].to_string(), "58.4", "{by_id:#}");
    let nothing = crossdock(&["trace", "NOBODY", "--api", &api]).run().expect(1);
    assert!(nothing.err.contains("nothing is known by `NOBODY`"), "{}", nothing.err);
    operations_room(&api);

    let second = crossdock(&["run", "."]).within(&folder).run().expect(2);
    assert!(second.err.contains("in use by another hub"), "{}", second.err);
    assert_eq!(hub.stop(), Some(0));

    let afterwards = crossdock(&["trace", "WEB-1001", "--hub", "hub"]).within(scratch.path()).run();
    // Its console had a port of its own, which hub.yaml does not tell: the data folder is read.
    let afterwards = afterwards.expect(0);
    assert!(afterwards.out.starts_with("entity\torder/WEB-1001\taccepted\t"), "{}", afterwards.out);
    let near = crossdock(&["trace", "WEB-1002"]).within(&folder).run().expect(1);
    assert!(near.err.contains("near it: order/WEB-1001"), "{}", near.err);
}

#[test]
fn a_message_whose_mapping_failed_is_kept_shown_and_rerun() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let folder = init(scratch.path());
    let token = std::fs::read_to_string(folder.join("secrets/shop")).expect("the secret");
    let mut hub = Running::start(&folder);
    let body = sample(&folder).replace("\"pcs\"", "\"dozen\"");
    assert!(hub.send(token.trim(), &body).starts_with("HTTP/1.1 202"));
    let api = hub.api();
    let listed = wait_for(&["messages", "--state", "failed", "--api", &api], "failed");
    let id = listed.split('\t').nth(1).expect("an id").to_owned();
    let overview = crossdock(&["overview", "--api", &api]).run().expect(1);
    assert!(overview.out.contains("messages failed\t1\n"), "{}", overview.out);
    let story = crossdock(&["trace", &id, "--api", &api]).run().expect(0);
    assert!(story.out.contains("\tproblem\t") && story.out.contains("dozen"), "{}", story.out);
    let rerun = crossdock(&["rerun", &id, "--reason", "once more", "--api", &api]).run().expect(0);
    assert!(rerun.out.contains("is in the queue again"), "{}", rerun.out);
    assert_eq!(hub.stop(), Some(0));

    // The code list is mended, the hub started with it, the message run again.
    let codes = folder.join("codes/units.yaml");
    let text = std::fs::read_to_string(&codes).expect("the codes") + "  dozen: DZN\n";
    std::fs::write(&codes, text).expect("written");
    let mut hub = Running::start(&folder);
    let api = hub.api();
    crossdock(&["rerun", &id, "--reason", "unit added", "--api", &api]).run().expect(0);
    wait_for(&["messages", "--state", "translated", "--api", &api], "1 event");
    wait_for(&["trace", "WEB-1001", "--api", &api], "event.notify");
    assert_eq!(hub.stop(), Some(0));
}

/// Overview, messages, paused and rerun of a hub with one message whose receiver is away.
fn operations_room(api: &str) {
    let overview = crossdock(&["overview", "--api", api, "--json"]).run().expect(0);
    let overview: Json = serde_json::from_str(&overview.out).expect("it is JSON");
    assert_eq!((overview["events"].as_u64(), overview["rejections"].as_u64()), (Some(1), Some(1)), "{overview:#}");
    let report = crossdock(&["mapping", "report", "--live", "--api", api]).run().expect(0);
    assert!(report.out.contains("system shop, channel order: "), "{}", report.out);
    assert!(
        report.out.contains("mapping shop/order-accepted makes crossdock.order.accepted.v1, 1 times"),
        "{}",
        report.out
    );
    let messages = crossdock(&["messages", "--api", api, "--system", "shop"]).run().expect(0);
    let fields: Vec<&str> = messages.out.trim_end().split('\t').collect();
    let [_, id, "shop", "order", _, _, "1 event"] = fields.as_slice() else { panic!("{}", messages.out) };
    let refused = crossdock(&["rerun", id, "--reason", "no need", "--api", api]).run().expect(1);
    assert!(refused.err.starts_with("refused: "), "{}", refused.err);
    let paused = crossdock(&["paused", "list", "--api", api]).run().expect(0);
    assert_eq!(paused.out, "");
    let unknown = crossdock(&["paused", "resume", "--system", "nobody", "--reason", "x", "--api", api]).run().expect(1);
    assert!(unknown.err.contains("nobody"), "{}", unknown.err);
    let all = crossdock(&["paused", "resume", "--all", "--reason", "x", "--api", api]).run().expect(0);
    assert_eq!(all.out, "nothing was paused\n");
}
