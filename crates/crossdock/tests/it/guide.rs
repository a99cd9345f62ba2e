//! The commands of a guide, run as a shell would run them.

use std::path::Path;
use std::process::Command;

/// A guide's text.
pub struct Guide {
    blocks: Vec<&'static str>,
}

impl Guide {
    /// What a guide shows in blocks of `sh`; a block is a command or several.
    pub fn of(text: &'static str) -> Self {
        let blocks = text.split("\n```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect();
        Self { blocks }
    }

    /// How many blocks there are: a new one wants a test.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Runs one block in a folder; gives what was printed.
    #[track_caller]
    pub fn run(&self, number: usize, folder: &Path, variables: &[(&str, &str)], code: i32) -> String {
        let script = format!("crossdock() {{ \"$CROSSDOCK\" \"$@\"; }}\n{}", self.blocks[number]);
        let mut shell = Command::new("sh");
        shell.args(["-euc", &script]).current_dir(folder).env("CROSSDOCK", env!("CARGO_BIN_EXE_crossdock"));
        let ended = shell.envs(variables.iter().copied()).output().expect("a shell is there");
        let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        assert_eq!(ended.status.code(), Some(code), "{}\n{out}{err}", self.blocks[number]);
        format!("{out}{err}")
    }
}
