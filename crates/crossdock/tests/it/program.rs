//! Runs the built program as a person or a script would.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A call of the program, with an environment of its own.
pub struct Program {
    command: Command,
}

/// What it printed and how it ended.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// `crossdock` with these arguments.
pub fn crossdock(args: &[&str]) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossdock"));
    command.args(args);
    for name in ["CROSSDOCK_HUB", "CROSSDOCK_API", "CROSSDOCK_TOKEN", "CROSSDOCK_LOG"] {
        command.env_remove(name);
    }
    // Help is as wide on every machine.
    command.env("COLUMNS", "110");
    Program { command }
}

impl Program {
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub fn run(mut self) -> Ended {
        let Output { status, stdout, stderr } = self.command.output().expect("the program starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints UTF-8");
        Ended { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
    }

    /// The command, for those that go on running.
    pub fn into_command(self) -> Command {
        self.command
    }
}

impl Ended {
    /// Fails the test with everything that was printed unless it ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\nstdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }
}

/// A folder of the tests.
pub fn hub(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/hubs").join(name)
}

/// Writes a hub folder into a scratch folder.
pub fn write_hub(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("within the folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    folder
}
