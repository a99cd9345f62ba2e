//! What a job takes, how it moves on, and which faults are alike.

use super::fault::alike;
use super::*;
use crate::exception::ExceptionStatus;
use crate::ids::{ConfigVersion, EventId, ExceptionId, OrderingKey};
use crate::value::Value;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_438_400 + second).expect("valid")
}

fn paused(reason: &str) -> Transmission {
    Transmission {
        id: TransmissionId(uuid::Uuid::from_u128(1)),
        version: 3,
        system: "odoo".into(),
        operation: "order.place".into(),
        flow: "orders".into(),
        config: ConfigVersion::from("c"),
        event: EventId(uuid::Uuid::from_u128(2)),
        about: EntityRef::new("order", "S1"),
        key: OrderingKey::from("order/S1"),
        input: Value::Null,
        state: TransmissionState::Paused { reason: reason.to_owned() },
        place: 1,
        due_at: at(0),
        attempts: 1,
        created_at: at(0),
        failing_since: None,
        in_doubt: false,
        criticality: Default::default(),
        group: None,
        refused: false,
        last_problem: None,
        result: None,
        finished_at: None,
        removed_at: None,
    }
}

fn open(class: ExceptionClass, second: i64) -> Exception {
    Exception {
        id: ExceptionId(uuid::Uuid::from_u128(3)),
        class,
        fingerprint: "transmission/1".into(),
        status: ExceptionStatus::Open,
        summary: String::new(),
        owner: None,
        affects: Vec::new(),
        system: None,
        flow: None,
        message: None,
        transmission: None,
        opened_at: at(second),
        closed_at: None,
        count: 1,
    }
}

fn job(filter: JobFilter) -> Job {
    let plan = JobPlan {
        action: JobAction::Resume,
        filter,
        rate_per_s: RATE,
        in_doubt: false,
        by: "ann".into(),
        reason: "mended".into(),
    };
    Job::start(JobId(uuid::Uuid::from_u128(9)), plan, 2, at(100))
}

#[test]
fn all_that_is_said_must_fit() {
    let it = paused("no such product");
    let class = ExceptionClass::TransmissionRefused;
    let problem = open(class, 50);
    let check = |filter: JobFilter, expect: bool| assert_eq!(filter.fits(&it, Some(&problem)), expect, "{filter:?}");
    let all = JobFilter {
        system: Some("odoo".into()),
        flow: Some("orders".into()),
        operation: Some("order.place".into()),
        class: Some(class),
        entity: Some(EntityRef::new("order", "S1")),
        since: Some(at(50)),
        until: Some(at(51)),
        fault: Some(FaultKey::of(Some(class), &"odoo".into(), "no such product")),
    };
    check(JobFilter::default(), true);
    check(all.clone(), true);
    check(JobFilter { system: Some("fleet".into()), ..all.clone() }, false);
    check(JobFilter { flow: Some("invoices".into()), ..all.clone() }, false);
    check(JobFilter { operation: Some("order.cancel".into()), ..all.clone() }, false);
    check(JobFilter { class: Some(ExceptionClass::OutcomeUnknown), ..all.clone() }, false);
    check(JobFilter { entity: Some(EntityRef::new("order", "S2")), ..all.clone() }, false);
    check(JobFilter { since: Some(at(51)), ..all.clone() }, false);
    check(JobFilter { until: Some(at(50)), ..all.clone() }, false);
    check(JobFilter { fault: Some(FaultKey::of(None, &"odoo".into(), "no such product")), ..all }, false);
    let owed = Transmission { state: TransmissionState::Owed, ..it.clone() };
    assert!(!JobFilter::default().fits(&owed, None), "only what is paused");
}

#[test]
fn what_is_paused_again_is_a_new_problem() {
    let job = job(JobFilter::default());
    let it = paused("no such product");
    assert!(job.takes(&it, Some(&open(ExceptionClass::TransmissionRefused, 100))));
    assert!(!job.takes(&it, Some(&open(ExceptionClass::TransmissionRefused, 101))));
}

#[test]
fn a_job_counts_what_it_did_and_keeps_the_latest_problems() {
    let mut job = job(JobFilter { class: Some(ExceptionClass::OutcomeUnknown), ..JobFilter::default() });
    let problem = |n: u64| JobProblem {
        transmission: Some(TransmissionId(uuid::Uuid::from_u128(n.into()))),
        message: None,
        detail: "gone".into(),
    };
    job = job.stepped(4, None);
    for n in 0..30 {
        job = job.stepped(5 + n, Some(problem(n)));
    }
    assert_eq!((job.version, job.done, job.refused, job.cursor), (32, 1, 30, 34));
    assert_eq!((job.problems.len(), job.problems.last()), (PROBLEMS_MAX, Some(&problem(29))));
    let record = job.record().expect("written");
    assert!(record.is_open);
    assert_eq!(Job::of_record(&record).expect("read"), job);
    let stopped = job.stopped("bob", at(200)).expect("runs");
    assert_eq!((stopped.state, stopped.stopped_by.as_deref()), (JobState::Stopped, Some("bob")));
    assert!(!stopped.record().expect("written").is_open);
    let again = stopped.stopped("bob", at(201)).expect_err("it has ended");
    assert!(again.to_string().ends_with("is stopped: there is nothing to stop"), "{again}");
    assert_eq!(job.finished(at(200)).state, JobState::Done);
    assert_eq!(job.pause(), Duration::from_millis(20));
}

#[test]
fn a_filter_of_a_newer_version_is_not_widened() {
    let mut record = job(JobFilter::default()).record().expect("written");
    record.body = record.body.replace(r#""filter":{"#, r#""filter":{"country":"NL""#);
    assert!(Job::of_record(&record).is_err());
}

#[test]
fn equal_faults_have_equal_names() {
    let check = |reason: &str, expect: &str| assert_eq!(alike(reason), expect);
    check("no product with SKU AB-12", "no product with SKU #");
    check("order S00042 (line 3) is cancelled", "order # (line #) is cancelled");
    check("HTTP 503 after 12 s", "HTTP 503 after # s");
    check("error 7: état 2", "error 7: état #");
    check("", "");
    let of =
        |system: &str, reason: &str| FaultKey::of(Some(ExceptionClass::TransmissionRefused), &system.into(), reason);
    assert_eq!(of("odoo", "no SKU A1"), of("odoo", "no SKU B2"));
    assert_ne!(of("odoo", "no SKU A1"), of("fleet", "no SKU A1"));
    assert_ne!(of("odoo", "HTTP 400"), of("odoo", "HTTP 404"));
    let key = of("odoo", "x");
    assert_eq!(key.to_string().parse(), Ok(key));
    assert!("xyz".parse::<FaultKey>().is_err_and(|error| error.to_string().contains("16 hex digits")));
}
