//! A look at a system over HTTP that changes nothing there: only GET is sent, which is safe (RFC 9110 section 9.2.1).

use crossdock_connect::endpoint::{LookStep, Sight};
use crossdock_core::exchange::{Answer, Call, Exchange, Header, Method, SendFault};
use crossdock_core::ids::SystemName;

use super::answer::telling;
use super::remote::Remote;

/// One address to look at.
pub(crate) struct Target {
    /// What an answer of success shows, as it is told: `GET /me`.
    pub what: String,
    pub call: Call,
    /// Whether success proves that the credentials work. An address that was not made for GET may refuse it and still be
    /// the right one.
    pub is_proof: bool,
}

impl Target {
    /// The address a system is configured with, for which GET need not be made.
    pub fn address(remote: &Remote) -> Self {
        Self {
            what: "the address".into(),
            call: remote.call(Method::Get, remote.url.clone(), Vec::new(), Vec::new()),
            is_proof: false,
        }
    }

    /// A path that answers GET with success when all is well.
    pub fn path(remote: &Remote, path: &str) -> Self {
        let accept = vec![Header::new("Accept", "application/json")];
        let call = remote.call(Method::Get, format!("{}{path}", remote.url), accept, Vec::new());
        Self { what: format!("GET {path}"), call, is_proof: true }
    }
}

/// The next step of a look at these addresses, one by one. The first one that cannot be reached ends it: the others lie at
/// the same place.
pub(crate) fn look(system: &SystemName, targets: Vec<Target>, so_far: &[Exchange]) -> LookStep {
    let mut sights = Vec::new();
    for (n, target) in targets.into_iter().enumerate() {
        let Some(exchange) = so_far.get(n) else { return LookStep::Call(target.call) };
        match &exchange.result {
            Err(fault) => {
                sights.push(unreachable(system, fault));
                break;
            }
            Ok(answer) => sights.push(seen(system, &target, answer)),
        }
    }
    LookStep::Done(sights)
}

/// Nobody answers there.
pub(crate) fn unreachable(system: &SystemName, fault: &SendFault) -> Sight {
    let to_do = format!("check `url` in systems/{system}.yaml, the name's address and the way through the firewall");
    match fault {
        SendFault::TooLarge(_) => Sight::good("it answers, at length"),
        SendFault::NotSent(_) => Sight::bad(format!("it cannot be reached: {fault}"), to_do),
        SendFault::Lost(_) => Sight::bad(format!("it does not answer: {fault}"), to_do),
    }
}

fn seen(system: &SystemName, target: &Target, answer: &Answer) -> Sight {
    let (what, told) = (&target.what, telling(answer));
    match answer.status {
        200..=299 | 304 if target.is_proof => Sight::good(format!("{what} works with the hub's credentials")),
        401 | 407 => Sight::bad(
            format!("{what}: {told}"),
            format!("the credentials in systems/{system}.yaml are missing or not accepted: replace them"),
        ),
        500..=599 if !matches!(answer.status, 501 | 505) => {
            Sight::bad(format!("{what}: {told}"), "the system is in trouble: ask whoever runs it")
        }
        300..=399 if target.is_proof => {
            Sight::bad(format!("{what}: {told}"), format!("it moved: change the address in systems/{system}.yaml"))
        }
        403 if target.is_proof => {
            Sight::bad(format!("{what}: {told}"), "the credentials work and lack a right: have it granted there")
        }
        _ if target.is_proof => {
            Sight::bad(format!("{what}: {told}"), format!("check `url` and the path in systems/{system}.yaml"))
        }
        _ => Sight::good("it can be reached"),
    }
}
