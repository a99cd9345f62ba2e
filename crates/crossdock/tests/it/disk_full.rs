//! A disk that fills up under a running hub, a small file system in memory: senders are told to come again, nothing
//! accepted is lost, and it goes on by itself once there is room.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::program::crossdock;
use crate::running_hub::{Running, init};

const DISK_BYTES: usize = 128 << 20;

/// A disk of its own at a folder.
struct Disk<'f>(&'f Path);

impl<'f> Disk<'f> {
    /// `None` where one may not mount anything.
    fn mount(at: &'f Path) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a folder");
        let size = format!("size={DISK_BYTES}");
        let ended = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        match ended {
            Ok(ended) if ended.status.success() => Some(Self(at)),
            _ => {
                eprintln!("NOT TESTED: a full disk needs the right to mount a file system (root)");
                None
            }
        }
    }

    /// Takes room until so much is left.
    fn fill(&self, left: u64) {
        let mut ballast = std::fs::File::create(self.0.join("ballast")).expect("created");
        for size in [1 << 20, 4096] {
            let piece = vec![1; size];
            while self.free() >= left + size as u64 && ballast.write_all(&piece).is_ok() {}
        }
    }

    /// Bytes that are free.
    fn free(&self) -> u64 {
        let told = Command::new("df").args(["--output=avail", "-B1"]).arg(self.0).output().expect("df is there");
        let told = String::from_utf8(told.stdout).expect("text");
        told.lines().nth(1).and_then(|free| free.trim().parse().ok()).expect("a number")
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("ballast")).expect("removed");
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0).status());
    }
}

struct Sender<'h> {
    hub: &'h Running,
    token: String,
    sample: String,
    accepted: usize,
    sent: usize,
}

impl Sender<'_> {
    /// Sends an order of some size; gives the answer.
    fn send(&mut self, bytes: usize) -> String {
        self.sent += 1;
        let order = self.sample.replace("WEB-1001", &format!("WEB-{}", self.sent));
        let order = order.replace("8001", &format!("9{:05}", self.sent)) + &" ".repeat(bytes);
        let answer = self.hub.send_to("/in/shop/order", &self.token, &order);
        self.accepted += usize::from(answer.starts_with("HTTP/1.1 202"));
        answer
    }

    /// Sends until the answer has this in it.
    #[track_caller]
    fn until(&mut self, bytes: usize, wanted: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = self.send(bytes);
            if answer.contains(wanted) {
                return answer;
            }
            assert!(Instant::now() < deadline, "never {wanted}: {answer}");
            // A sender with a pace of its own: the hub looks at its disk every few seconds.
            std::thread::park_timeout(Duration::from_millis(20));
            assert!(answer.starts_with("HTTP/1.1 202") || answer.starts_with("HTTP/1.1 503"), "{answer}");
        }
    }
}

fn sender<'h>(hub: &'h Running, folder: &Path, sent: usize) -> Sender<'h> {
    let token = std::fs::read_to_string(folder.join("secrets/shop")).expect("the secret");
    let sample = std::fs::read_to_string(folder.join("tests/samples/order.json")).expect("the sample");
    Sender { hub, token: format!("X-Shop-Token: {}", token.trim()), sample, accepted: 0, sent }
}

fn free_bytes_min(folder: &Path, bytes: usize) {
    let text = std::fs::read_to_string(folder.join("hub.yaml")).expect("hub.yaml");
    let lines: Vec<_> = text.lines().filter(|line| !line.contains("free_bytes_min")).collect();
    let text = lines.join("\n").replace("store:\n", &format!("store:\n  free_bytes_min: {bytes}\n"));
    std::fs::write(folder.join("hub.yaml"), text + "\n").expect("written");
}

fn messages(hub: &Running) -> usize {
    let ended = crossdock(&["overview", "--json", "--api", &hub.api()]).run();
    let overview: Json = serde_json::from_str(&ended.out).expect("JSON");
    let shop = overview["systems"].as_array().expect("systems").iter().find(|it| it["name"] == "shop").expect("shop");
    shop["messages"].as_object().expect("by state").values().filter_map(Json::as_u64).sum::<u64>() as usize
}

#[test]
fn a_disk_that_fills_up_stops_intake_and_loses_nothing() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let folder = init(scratch.path());
    let data = folder.join(".data");
    let Some(disk) = Disk::mount(&data) else { return };

    // Before it is full.
    free_bytes_min(&folder, 32 << 20);
    let mut hub = Running::start(&folder);
    let mut shop = sender(&hub, &folder, 0);
    assert!(shop.send(0).starts_with("HTTP/1.1 202"));
    disk.fill(30 << 20);
    let refused = shop.until(0, "XD-1009");
    assert!(
        refused.contains("the hub has no room on its disk now") && refused.contains("retry-after: 30"),
        "{refused}"
    );
    disk.make_room();
    shop.until(0, "HTTP/1.1 202");
    let (accepted, sent) = (shop.accepted, shop.sent);
    assert_eq!(messages(&hub), accepted);
    assert_eq!(hub.stop(), Some(0));

    // To the last byte.
    free_bytes_min(&folder, 0);
    let hub = Running::start(&folder);
    let mut shop = sender(&hub, &folder, sent);
    disk.fill(0);
    let refused = shop.until(100_000, "XD-1009");
    assert!(refused.contains("the hub cannot write to its disk now"), "{refused}");
    disk.make_room();
    shop.until(0, "HTTP/1.1 202");
    assert_eq!(messages(&hub), accepted + shop.accepted, "what was accepted is there, and nothing else");
    drop(hub);
}
