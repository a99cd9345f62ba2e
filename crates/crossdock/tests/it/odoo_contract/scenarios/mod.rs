//! The calls, by what they are about.

mod access;
mod changes;
mod errors;
mod files;
mod invoices;
mod orders;
mod races;
mod transfers;
mod upserts;

use super::{Scenario, table};

pub(super) const ALL: &[Scenario] = table![
    access::keys_and_databases,
    access::media_and_paths,
    access::versions_and_health,
    access::companies_and_languages,
    access::a_model_without_rights_is_nobodys,
    errors::unknown_models_methods_and_fields,
    errors::arguments_are_checked,
    errors::values_are_checked,
    errors::records_that_are_not_there,
    errors::a_failed_call_leaves_nothing,
    errors::searches_and_what_they_show,
    upserts::load_makes_and_updates,
    upserts::load_leaves_alone_what_is_there,
    upserts::one_bad_row_stores_nothing,
    upserts::names_are_checked,
    upserts::references_are_checked,
    upserts::lines_follow_their_names,
    upserts::deleted_records_are_made_again,
    upserts::cells_are_text,
    orders::confirm_makes_a_reserved_transfer,
    orders::confirm_again_is_refused,
    orders::confirm_without_stock_waits,
    orders::cancel_calls_off_what_is_open,
    orders::quantities_of_confirmed_lines_adapt,
    orders::a_loaded_state_moves_goods,
    transfers::a_part_leaves_and_the_rest_is_a_backorder,
    transfers::the_rest_can_be_dropped,
    transfers::validate_asks_about_the_rest,
    transfers::validate_again_changes_nothing,
    transfers::nothing_cannot_be_validated,
    transfers::everything_is_picked_when_nothing_is_marked,
    transfers::more_than_was_ordered_may_leave,
    transfers::counts_are_absolute_but_not_repeatable,
    transfers::arriving_goods_go_to_who_waits,
    transfers::returns_come_back,
    transfers::batches_are_done_together,
    invoices::the_wizard_invoices_once,
    invoices::posting_numbers_without_gaps,
    invoices::posted_is_fixed,
    invoices::delivered_quantities_are_invoiced_as_they_leave,
    invoices::orders_of_one_customer_share_an_invoice,
    invoices::payments_settle,
    invoices::credit_notes_settle,
    invoices::bills_need_a_date,
    files::attachments_by_name,
    files::a_signature_signs,
    files::messages_by_name,
    changes::write_dates_include_their_second,
    changes::archived_records_hide,
    changes::purchases_are_confirmed_once,
    races::four_callers_make_one_record,
    races::four_callers_move_goods_once,
    races::four_callers_invoice_once,
];
