//! Who does something: the name that audit records keep.

/// The user of this session, as the system knows them.
#[expect(clippy::disallowed_methods, reason = "the command line is where the environment is read")]
pub fn name() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|variable| std::env::var(variable).ok().filter(|user| !user.trim().is_empty()));
    match user {
        Some(user) => format!("{} (command line)", user.trim().chars().take(64).collect::<String>()),
        None => "command line".to_owned(),
    }
}
