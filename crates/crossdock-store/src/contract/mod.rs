//! What every store backend must do, as one suite. A backend's tests call [`store_contract!`] with something that
//! makes a fresh [`Subject`]; every check then runs as a test of its own.

mod accepting;
mod entities;
mod facts;
mod figures;
mod lines;
mod master;
mod random;
pub mod records;
mod removing;
mod work;

use std::sync::mpsc;

use crossdock_core::changeset::{Change, Changeset};

use crate::port::{CommitError, Store};

pub use accepting::*;
pub use entities::*;
pub use facts::*;
pub use figures::*;
pub use lines::*;
pub use master::*;
pub use random::*;
pub use removing::*;
pub use work::*;

/// A backend under test, empty at first.
pub trait Subject {
    fn store(&self) -> &dyn Store;

    /// Closes the store and opens it again on the same data; does nothing when the backend keeps none.
    fn reopen(&mut self);
}

/// One test per check. `$make` is a function without arguments that gives an empty subject.
#[macro_export]
macro_rules! store_contract {
    ($make:expr) => {
        $crate::store_contract!(@checks $make =>
            an_accepted_message_comes_back_whole,
            a_known_key_is_a_duplicate_of_the_first,
            duplicates_within_one_changeset_and_one_group_are_found,
            a_message_id_is_taken_once,
            the_inbox_keeps_arrival_order,
            the_inbox_hands_out_bounded_memory,
            a_rerun_message_waits_at_its_old_place,
            messages_are_listed_newest_first_by_any_filter,
            a_refused_changeset_leaves_nothing,
            one_refusal_does_not_disturb_its_neighbours,
            answers_come_in_the_order_of_submission,
            large_and_empty_bodies_survive,
            an_event_is_found_by_id_message_and_links,
            an_event_is_appended_once,
            an_entity_moves_by_one_version,
            entities_are_listed_by_key,
            entities_are_listed_by_any_filter,
            a_list_of_entities_goes_on_where_it_ended,
            a_page_of_entities_is_bounded,
            an_entitys_own_events_are_read_in_parts,
            things_are_found_by_key_and_reference,
            cursors_timers_and_system_states_hold_the_last_word,
            what_traffic_shows_is_the_last_word,
            one_exception_is_open_per_fingerprint,
            exceptions_are_listed_by_any_filter,
            rejections_are_listed_newest_first,
            the_audit_chain_verifies,
            a_reference_leads_to_what_it_stands_for,
            merged_entities_and_withheld_words_come_back_whole,
            a_suggestion_moves_by_one_version,
            what_stands_in_a_line_is_found_at_every_system,
            the_log_tells_whom_something_happened_to,
            values_keep_their_exact_form,
            a_transmission_moves_by_one_version,
            only_the_head_of_a_line_is_due,
            a_paused_head_blocks_only_its_key,
            a_line_that_moves_up_stands_behind_those_that_wait,
            lanes_are_read_by_class_and_go_round,
            due_comes_earliest_first_and_within_the_limit,
            a_line_is_per_system,
            a_held_transmission_is_in_no_line,
            changing_lines_moves_both_heads,
            transmissions_are_listed_newest_first_by_any_filter,
            done_is_known_by_flow_and_entity,
            attempts_are_kept_oldest_first,
            a_record_moves_by_one_version,
            what_stands_in_a_state_is_walked_from_the_oldest,
            messages_are_walked_from_the_oldest,
            a_long_line_has_one_head,
            a_body_goes_once_and_its_message_stays,
            attempts_go_with_their_transmission_alone,
            old_rejections_go_a_few_at_a_time,
            counts_follow_every_change,
            refused_changes_are_not_counted,
            everything_survives_reopening,
            a_closed_store_refuses,
            random_changesets_agree_with_the_memory_store,
        );
    };
    (@checks $make:expr => $($check:ident),* $(,)?) => {
        $(
            #[test]
            fn $check() {
                $crate::contract::$check(&mut || Box::new($make()));
            }
        )*
    };
}

/// Makes fresh subjects.
pub type Make<'m> = &'m mut dyn FnMut() -> Box<dyn Subject>;

/// Commits changes that must be applied.
fn commit(store: &dyn Store, changes: impl IntoIterator<Item = Change>) {
    let changeset: Changeset = changes.into_iter().collect();
    store.commit(changeset.clone()).unwrap_or_else(|error| panic!("{error}: {changeset:?}"));
}

/// Commits changes that must be refused, and gives the refusal.
fn refused(store: &dyn Store, changes: impl IntoIterator<Item = Change>) -> CommitError {
    store.commit(changes.into_iter().collect()).expect_err("must be refused")
}

/// Submits all at once and gives the answers in the order in which they came, each with its number.
fn submit_all(store: &dyn Store, changesets: Vec<Changeset>) -> Vec<(usize, Result<(), CommitError>)> {
    let (sender, receiver) = mpsc::channel();
    for (number, changeset) in changesets.into_iter().enumerate() {
        let sender = sender.clone();
        store.submit(changeset, Box::new(move |answer| drop(sender.send((number, answer)))));
    }
    drop(sender);
    receiver.into_iter().collect()
}
