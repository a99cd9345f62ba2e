//! The one integration-test binary: everything that needs the real program, a real Odoo or a browser.

mod order_to_cash;
mod real_odoo;
