//! No statement's cost grows with history: each is served by an index, or walks a table that stays small or ends at its
//! limit.

use super::*;
use crate::contract;

/// What may be walked without a condition, and why it stays cheap.
const WALKS: [&str; 16] = [
    "SCAN messages",                               // newest first, up to a limit
    "SCAN transmissions",                          // newest first, up to a limit
    "SCAN exceptions",                             // newest first, up to a limit
    "SCAN rejections",                             // newest first, up to a limit
    "SCAN (subquery-1)",                           // the oldest rejections, up to a limit
    "SCAN i",                                      // the inbox in order, up to a limit
    "SCAN inbox",                                  // as long as the router is behind
    "SCAN audit",                                  // the last one
    "SCAN timers USING COVERING INDEX timers_due", // the first one
    "SCAN tallies",                                // a few rows per system
    "SCAN system_states",                          // one row per system
    "SCAN traffic",                                // one row per channel and mapping
    "SCAN system_activity",                        // one row per system
    "SCAN dedup_recent",                           // at most one run; when opening
    "SCAN it VIRTUAL TABLE INDEX 3:",              // what one exception affects
    "SCAN dedup_runs",                             // one row per run; when opening
];

/// What may be sorted.
const SORTS: [&str; 1] = ["SELECT record FROM transmissions WHERE state = 'sending' ORDER BY number"]; // what is in flight

#[test]
fn every_statement_is_served_by_an_index() {
    // Everything the contract does, with every statement written down.
    let make: contract::Make<'_> =
        &mut || Box::new(OnDisk::with(Options { dedup_run_keys: count(2), ..Options::default() }));
    contract::everything_survives_reopening(make);
    contract::messages_are_listed_newest_first_by_any_filter(make);
    contract::changing_lines_moves_both_heads(make);
    contract::lanes_are_read_by_class_and_go_round(make);
    contract::entities_are_listed_by_any_filter(make);
    contract::an_entitys_own_events_are_read_in_parts(make);
    contract::a_rerun_message_waits_at_its_old_place(make);
    contract::a_record_moves_by_one_version(make);
    contract::exceptions_are_listed_by_any_filter(make);
    contract::old_rejections_go_a_few_at_a_time(make);
    contract::what_stands_in_a_state_is_walked_from_the_oldest(make);

    let folder = tempfile::tempdir().expect("a scratch folder");
    let connection = schema::open_for_writing(&folder.path().join(FILE_NAME), &Options::default()).expect("opens");
    let statements = statement::seen::statements();
    assert!(statements.len() > 50, "only {} statements were seen", statements.len());
    let mut wrong = Vec::new();
    for sql in statements {
        let Ok(mut plan) = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")) else { continue };
        let mut steps = plan.raw_query();
        while let Some(step) = steps.next().expect("a plan") {
            let step: String = step.get(3).expect("a step");
            let walks = step.starts_with("SCAN") && !WALKS.iter().any(|known| step == *known);
            let sorts = step.contains("TEMP B-TREE") && !SORTS.contains(&sql.as_str());
            if walks || sorts {
                wrong.push(format!("{step}: {sql}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
