//! Names of hubs, systems, flows, mappings and code lists: they stand in paths, URLs and logs, and a file's name is
//! the name of what it configures.

use crossdock_core::source::{Diagnostic, Location, Reader, nearest};

use super::folder::File;

/// Longest name, in bytes.
const BYTES_MAX: usize = 100;

/// Tells when `name` is not usable as a name.
pub fn check(name: &str, at: &Location, reader: &Reader<'_>) {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
    };
    if name.len() > BYTES_MAX || !name.split('/').all(part) {
        reader.mistake(
            Diagnostic::error(at, format!("`{name}` cannot be a name"))
                .hint(format!("lower-case letters, digits, `-` and `_`, at most {BYTES_MAX}")),
        );
    }
}

/// Reads the field that repeats the file's name, and tells when it does not.
pub fn check_own(key: &'static str, file: &File, reader: &Reader<'_>) {
    let Some(name) = reader.text(key) else { return };
    let at = reader.node(key).map_or(reader.location(), |node| &node.location);
    if name == file.name {
        check(name, at, reader);
        return;
    }
    let mistake = Diagnostic::error(at, format!("`{key}` says `{name}`, but the file is {}", file.path));
    reader.mistake(mistake.hint(format!("write `{key}: {}`, or rename the file", file.name)));
}

/// The mistake of naming something that is not there, with the nearest that is.
pub fn unknown<'k>(
    at: &Location,
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'k str>,
    folder: &str,
) -> Diagnostic {
    let mistake = Diagnostic::error(at, format!("there is no {what} `{name}`"));
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => mistake.hint(format!("did you mean `{near}`?")),
        None => mistake.hint(format!("write {folder}/{name}.yaml, or name one that is there")),
    }
}
