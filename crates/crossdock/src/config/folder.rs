//! Reads the files of a hub folder, within limits, and says which of them nobody reads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crossdock_core::source::{Diagnostic, Location, Node, nearest};
use sha2::{Digest, Sha256};

use super::yaml;

/// Largest configuration file, in bytes.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Most configuration files in a hub folder.
pub const FILES_MAX: usize = 10_000;
/// Folders inside each other below the hub folder.
pub const FOLDER_DEPTH_MAX: usize = 8;

/// What a file configures, by its folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Hub,
    System,
    Flow,
    Mapping,
    Codes,
    Test,
}

/// The folders of a hub, what they hold and whether folders may be inside them.
const FOLDERS: &[(&str, Kind, bool)] = &[
    ("systems", Kind::System, false),
    ("flows", Kind::Flow, false),
    ("mappings", Kind::Mapping, true),
    ("codes", Kind::Codes, false),
    ("tests", Kind::Test, true),
];

/// Names beside them that are nobody's business.
const OTHERS: &[&str] = &["README.md", "README", "LICENSE", "samples", "schemas", "secrets", "docs", "Makefile"];

/// One file of the folder.
#[derive(Debug)]
pub struct File {
    pub kind: Kind,
    /// Below the hub folder, with forward slashes: `mappings/warehouse/shipment.yaml`.
    pub path: String,
    /// Below its kind's folder, without `.yaml`: `warehouse/shipment`. What its name field must say.
    pub name: String,
    pub text: String,
    /// `None` when it is not YAML.
    pub node: Option<Node>,
}

/// All files of a hub folder.
#[derive(Debug, Default)]
pub struct Folder {
    pub root: PathBuf,
    /// By path.
    pub files: Vec<File>,
    pub mistakes: Vec<Diagnostic>,
}

/// The folder cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("there is no folder {0}: name a hub folder, or write one with `crossdock init {0}`")]
    Missing(String),
    #[error("{0} is not a folder: name the folder that holds hub.yaml")]
    NotAFolder(String),
    #[error(
        "{0} holds no hub.yaml: it is not a hub folder. Write one with `crossdock init DIR`, or name another folder"
    )]
    NoHub(String),
    #[error("the folder {0} cannot be read: {1}")]
    Unreadable(String, std::io::Error),
}

impl Folder {
    /// Reads `hub.yaml` alone.
    ///
    /// # Errors
    /// When the folder is not there, not readable or has no `hub.yaml`.
    pub fn read_hub_file(root: &Path) -> Result<Self, FolderError> {
        let shown = root.display().to_string();
        match std::fs::metadata(root) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(FolderError::NotAFolder(shown)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(FolderError::Missing(shown)),
            Err(error) => return Err(FolderError::Unreadable(shown, error)),
        }
        if !root.join("hub.yaml").exists() {
            return Err(FolderError::NoHub(shown));
        }
        let mut folder = Self { root: root.to_owned(), ..Self::default() };
        folder.read_file("hub.yaml", Kind::Hub);
        Ok(folder)
    }

    /// Reads every file that configures something, and the tests when `with_tests`.
    ///
    /// # Errors
    /// When the folder is not there, not readable or has no `hub.yaml`.
    pub fn read(root: &Path, with_tests: bool) -> Result<Self, FolderError> {
        let mut folder = Self::read_hub_file(root)?;
        let entries = list(root).map_err(|error| FolderError::Unreadable(root.display().to_string(), error))?;
        for (name, is_folder) in entries {
            match FOLDERS.iter().find(|(word, ..)| *word == name) {
                Some((_, Kind::Test, _)) if !with_tests => {}
                Some((_, kind, nested)) if is_folder => folder.read_folder(&name, *kind, *nested, 1),
                Some(_) => folder.complain(&name, format!("{name} must be a folder"), None),
                None => folder.look_at_other(&name, is_folder),
            }
        }
        folder.files.sort_by(|a, b| (a.kind, &a.path).cmp(&(b.kind, &b.path)));
        Ok(folder)
    }

    /// The same of texts that lie in no folder: a configuration that is only tried. What configures nothing is passed over.
    pub fn of_texts(texts: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut folder = Self::default();
        for (path, text) in texts.into_iter().take(FILES_MAX) {
            let kind = match path.split_once('/') {
                None if path == "hub.yaml" => Some(Kind::Hub),
                None => None,
                Some((top, _)) => FOLDERS.iter().find(|(word, ..)| *word == top).map(|(_, kind, _)| *kind),
            };
            if let Some(kind) = kind.filter(|kind| *kind != Kind::Test && path.ends_with(".yaml")) {
                folder.add(&path, kind, Ok(text));
            }
        }
        folder.files.sort_by(|a, b| (a.kind, &a.path).cmp(&(b.kind, &b.path)));
        folder
    }

    /// The files of one kind, by path.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &File> {
        self.files.iter().filter(move |file| file.kind == kind)
    }

    /// The first 16 hex digits of the SHA-256 over paths and contents of what decides about messages. Tests do not.
    pub fn version(&self) -> String {
        let decisive: BTreeMap<&str, &str> = self
            .files
            .iter()
            .filter(|file| file.kind != Kind::Test)
            .map(|file| (file.path.as_str(), file.text.as_str()))
            .collect();
        let mut hash = Sha256::new();
        for (path, text) in decisive {
            for part in [path, text] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part.as_bytes());
            }
        }
        hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    fn read_folder(&mut self, path: &str, kind: Kind, nested: bool, depth: usize) {
        let entries = match list(&self.root.join(path)) {
            Ok(entries) => entries,
            Err(error) => return self.complain(path, format!("the folder cannot be read: {error}"), None),
        };
        for (name, is_folder) in entries {
            let inside = format!("{path}/{name}");
            let is_yaml = name.ends_with(".yaml");
            match (is_folder, is_yaml) {
                _ if name.starts_with('.') => {}
                (true, _) if kind == Kind::Test && name == "samples" => {}
                (true, _) if !nested => {
                    self.warn(&inside, "nobody reads a folder here", Some("move its files one folder up"));
                }
                (true, _) if depth == FOLDER_DEPTH_MAX => {
                    self.complain(&inside, format!("folders are nested more than {FOLDER_DEPTH_MAX} deep"), None);
                }
                (true, _) => self.read_folder(&inside, kind, nested, depth + 1),
                (false, true) if self.files.len() == FILES_MAX => {
                    return self.complain(&inside, format!("a hub has at most {FILES_MAX} files"), None);
                }
                (false, true) => self.read_file(&inside, kind),
                // Samples lie beside the tests that read them.
                (false, false) if kind == Kind::Test || name.ends_with(".md") => {}
                (false, false) if name.ends_with(".yml") => {
                    self.warn(&inside, "nobody reads this file", Some("files of a hub end in .yaml"));
                }
                (false, false) => self.warn(&inside, "nobody reads this file", Some("files of a hub end in .yaml")),
            }
        }
    }

    fn read_file(&mut self, path: &str, kind: Kind) {
        let text = self.text_of(path);
        self.add(path, kind, text);
    }

    fn add(&mut self, path: &str, kind: Kind, text: Result<String, Diagnostic>) {
        let name = path.strip_suffix(".yaml").unwrap_or(path);
        let name = match kind {
            Kind::Hub => name,
            _ => name.split_once('/').map_or(name, |(_, name)| name),
        };
        let (text, node) = match text {
            Ok(text) => {
                let parsed = yaml::parse(path, &text);
                self.mistakes.extend(parsed.mistakes);
                (text, parsed.node)
            }
            Err(mistake) => {
                self.mistakes.push(mistake);
                (String::new(), None)
            }
        };
        self.files.push(File { kind, path: path.to_owned(), name: name.to_owned(), text, node });
    }

    fn text_of(&self, path: &str) -> Result<String, Diagnostic> {
        let full = self.root.join(path);
        let at = Location::new(path, 1, 1);
        let unreadable = |error: std::io::Error| Diagnostic::error(&at, format!("the file cannot be read: {error}"));
        // Links are followed, as configuration management lays them; what they lead to must be a file.
        let metadata = std::fs::metadata(&full).map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(Diagnostic::error(&at, "this is not a file"));
        }
        if metadata.len() > FILE_BYTES_MAX {
            return Err(Diagnostic::error(&at, format!("the file is larger than {FILE_BYTES_MAX} bytes")));
        }
        let bytes = std::fs::read(&full).map_err(unreadable)?;
        String::from_utf8(bytes).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = before.iter().filter(|byte| **byte == b'\n').count() as u32 + 1;
            let column = String::from_utf8_lossy(before).rsplit('\n').next().unwrap_or_default().chars().count() as u32;
            Diagnostic::error(&Location::new(path, line, column + 1), "this is not UTF-8 text")
                .hint("save the file in the encoding UTF-8")
        })
    }

    fn look_at_other(&mut self, name: &str, is_folder: bool) {
        if name == "hub.yaml" || name.starts_with('.') || OTHERS.contains(&name) || name.ends_with(".md") {
            return;
        }
        let known: Vec<&str> = FOLDERS.iter().map(|(word, ..)| *word).collect();
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) if is_folder => format!("did you mean `{near}`?"),
            _ => format!("a hub has hub.yaml and the folders {}", known.join(", ")),
        };
        let what = if is_folder { "nobody reads this folder" } else { "nobody reads this file" };
        self.warn(name, what, Some(&hint));
    }

    fn warn(&mut self, path: &str, message: &str, hint: Option<&str>) {
        let warning = Diagnostic::warning(&Location::new(path, 1, 1), message);
        self.mistakes.push(match hint {
            Some(hint) => warning.hint(hint),
            None => warning,
        });
    }

    fn complain(&mut self, path: &str, message: String, hint: Option<&str>) {
        let mistake = Diagnostic::error(&Location::new(path, 1, 1), message);
        self.mistakes.push(match hint {
            Some(hint) => mistake.hint(hint),
            None => mistake,
        });
    }
}

/// Names in a folder, sorted, and whether each is a folder itself (links followed).
fn list(path: &Path) -> std::io::Result<Vec<(String, bool)>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let is_folder = std::fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir());
        names.push((entry.file_name().to_string_lossy().into_owned(), is_folder));
    }
    names.sort();
    Ok(names)
}
