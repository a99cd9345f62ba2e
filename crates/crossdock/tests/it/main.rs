//! The one integration-test binary: everything that needs the real program, a real Odoo or a browser.

mod api_guide;
mod backup;
mod code_lists;
mod command_line;
mod config_mistakes;
mod console;
mod disk_full;
mod guide;
mod hub_folder;
mod jobs;
mod killed_work;
mod live;
mod mapping_guide;
mod mapping_mistakes;
mod master_data;
mod mending;
mod odoo_contract;
mod operation_mistakes;
mod order_to_cash;
mod partner_payloads;
mod program;
mod real_odoo;
mod rehearse;
mod running_hub;
mod testing;
