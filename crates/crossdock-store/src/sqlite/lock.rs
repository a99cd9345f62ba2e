//! One hub per data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::OpenError;

/// Held as long as the store is open; the operating system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
}

const NAME: &str = "hub.lock";

impl FolderLock {
    /// # Errors
    /// `InUse` when another process holds the folder.
    pub fn take(folder: &Path) -> Result<Self, OpenError> {
        let path = folder.join(NAME);
        let io = |source| OpenError::Folder { folder: folder.to_owned(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Without a readable number the message says less; it is refused all the same.
                let _ = file.read_to_string(&mut holder);
                return Err(OpenError::InUse { folder: folder.to_owned(), pid: holder.trim().parse().ok() });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        writeln!(file, "{}", std::process::id()).map_err(io)?;
        Ok(Self { file })
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Closing the file alone would leave the lock to a child process that is just being started and still shares it.
        // A failure leaves it to the end of this process.
        let _ = self.file.unlock();
    }
}
