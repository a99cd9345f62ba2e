//! What a database error means to the person who has to mend it.

use std::path::Path;

use rusqlite::{Error, ErrorCode};

/// Whether the error spoils the whole transaction and not only one changeset.
pub fn is_fatal(error: &Error) -> bool {
    !matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::TooBig
                | ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch
                | ErrorCode::ParameterOutOfRange
        )
    )
}

/// One sentence: what failed, where, what to do. Nothing accepted is lost in any of these cases.
pub fn sentence(file: &Path, error: &Error) -> String {
    let file = file.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            format!("there is no room left for {file}: free some space there; writing resumes by itself ({error})")
        }
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => format!(
            "the disk refuses {file}: check for a full quota, a lost mount or a failing disk; writing resumes by itself \
             ({error})"
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            format!("{file} cannot be written: give the hub's user write access to it and its folder ({error})")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => format!(
            "another program has held a write lock on {file} for too long: end it; writing resumes by itself ({error})"
        ),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            format!("{file} is damaged: stop the hub, keep a copy of the folder and restore the last backup ({error})")
        }
        Some(ErrorCode::TooBig) => format!("the changeset is too large for {file} ({error})"),
        _ => format!("{file}: {error}"),
    }
}
