//! How values are compared, and what may be done with a plan.

use super::*;
use crate::value::JsonLimits;

#[track_caller]
fn check(before: &str, after: &str, expect: &[&str]) {
    let value = |json: &str| Value::parse_json(json.as_bytes(), &JsonLimits::default()).expect("JSON");
    let told: Vec<String> = differences(&value(before), &value(after))
        .iter()
        .map(|it| format!("{}: {} -> {}", it.path, it.before.to_json_string(), it.after.to_json_string()))
        .collect();
    assert_eq!(told, expect);
}

#[test]
fn values_differ_field_by_field() {
    check(r#"{"a":1,"b":{"c":"x"}}"#, r#"{"b":{"c":"x"},"a":1,"d":null}"#, &[]);
    check(
        r#"{"a":1,"b":{"c":"x"}}"#,
        r#"{"a":2,"b":{"d":true}}"#,
        &["a: 1 -> 2", "b.c: \"x\" -> null", "b.d: null -> true"],
    );
    check(r#"[1,{"q":2.50}]"#, r#"[1,{"q":2.5},3]"#, &["[2]: null -> 3"]);
    check("7", "\"7\"", &[": 7 -> \"7\""]);
}

fn plan() -> ReplayPlan {
    ReplayPlan {
        id: ReplayId(uuid::Uuid::from_u128(7)),
        version: 1,
        which: ReplayFilter::default(),
        effects: Effects::New,
        config: ConfigVersion::new("a"),
        planned_at: Timestamp::UNIX_EPOCH,
        by: "ada".into(),
        reason: "the weight was read wrongly".into(),
        needs_another: true,
        approved: None,
        job: None,
        figures: ReplayFigures { changing: 1, ..ReplayFigures::default() },
        digest: String::new(),
    }
}

#[test]
fn a_plan_runs_once_somebody_else_approved_it() {
    let (plan, job) = (plan(), JobId(uuid::Uuid::from_u128(8)));
    let (here, there) = (ConfigVersion::new("a"), ConfigVersion::new("b"));
    let now = Timestamp::UNIX_EPOCH;
    assert_eq!(plan.run(job, &here), Err(NotReady::NotApproved(plan.id)));
    assert!(matches!(plan.approve("ada", "x", now), Err(NotReady::SamePerson { .. })));
    let approved = plan.approve("bob", "looks right", now).expect("it is another person");
    assert!(matches!(approved.approve("eve", "x", now), Err(NotReady::Approved { .. })));
    assert!(matches!(approved.run(job, &there), Err(NotReady::OtherConfig { .. })));
    assert_eq!(approved.run(job, &here).expect("it runs").job, Some(job));
    let idle = ReplayPlan { figures: ReplayFigures::default(), ..approved.clone() };
    assert_eq!(idle.run(job, &here), Err(NotReady::Nothing(plan.id)));
    let record = approved.record().expect("written");
    assert_eq!(ReplayPlan::of_record(&record).expect("read"), approved);
}
