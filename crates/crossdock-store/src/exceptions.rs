//! One exception is open per fingerprint at a time, also when two workers meet the same problem at once.

use crossdock_core::exception::Exception;

/// The open exception after the same problem was seen `again`.
pub fn seen_again(open: Exception, again: Exception) -> Exception {
    Exception { count: open.count + again.count, summary: again.summary, ..open }
}
