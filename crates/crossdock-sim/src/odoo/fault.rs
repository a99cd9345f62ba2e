//! Errors as Odoo raises them: the class name and the HTTP status are what a caller can rely on, the message is for
//! people (and in the caller's language on a real Odoo).

use serde_json::{Value as Json, json};

/// A raised error. Whatever the call did before it is rolled back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub status: u16,
    /// The Python class with its module, for example `odoo.exceptions.UserError`.
    pub name: &'static str,
    pub message: String,
    /// The message as the database words it, when a database constraint was violated. `load` shows this one.
    pub constraint: Option<Constraint>,
}

/// A violated database constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    pub message: String,
    /// The table's model and the column, when one column is to blame.
    pub column: Option<(String, String)>,
}

pub type Outcome<T> = Result<T, Fault>;

impl Fault {
    fn new(status: u16, name: &'static str, message: impl Into<String>) -> Self {
        Self { status, name, message: message.into(), constraint: None }
    }

    /// A business rule said no.
    pub fn user(message: impl Into<String>) -> Self {
        Self::new(422, "odoo.exceptions.UserError", message)
    }

    /// A constraint on the data said no.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(422, "odoo.exceptions.ValidationError", message)
    }

    /// The caller may not.
    pub fn access(message: impl Into<String>) -> Self {
        Self::new(403, "odoo.exceptions.AccessError", message)
    }

    /// The record is gone, or never was.
    pub fn missing(model: &str, id: i64, uid: i64) -> Self {
        Self::new(
            404,
            "odoo.exceptions.MissingError",
            format!("Record does not exist or has been deleted.\n(Record: {model}({id},), User: {uid})"),
        )
    }

    /// A database constraint was violated: outside `load` it is told as a validation error.
    pub fn constraint(message: impl Into<String>, column: Option<(&str, &str)>) -> Self {
        let message = message.into();
        let mut fault = Self::validation(format!("The operation cannot be completed: {message}"));
        let column = column.map(|(model, column)| (model.to_owned(), column.to_owned()));
        fault.constraint = Some(Constraint { message, column });
        fault
    }

    pub fn value_error(message: impl Into<String>) -> Self {
        Self::new(500, "builtins.ValueError", message)
    }

    pub fn type_error(message: impl Into<String>) -> Self {
        Self::new(500, "builtins.TypeError", message)
    }

    pub fn key_error(message: impl Into<String>) -> Self {
        Self::new(500, "builtins.KeyError", message)
    }

    pub fn attribute_error(message: impl Into<String>) -> Self {
        Self::new(500, "builtins.AttributeError", message)
    }

    /// Text where the database wants a number, for example in an id.
    pub fn not_an_integer(text: &str) -> Self {
        let message = format!("invalid input syntax for type integer: \"{text}\"\n");
        Self::new(500, "psycopg2.errors.InvalidTextRepresentation", message)
    }

    /// What Odoo says after five tries at a call that collides with others.
    pub fn serialization() -> Self {
        let message = "could not serialize access due to concurrent update\n";
        Self::new(500, "psycopg2.errors.SerializationFailure", message)
    }

    /// What a call says that was running when the server was told to stop. It is rolled back.
    pub fn cursor_closed() -> Self {
        Self::new(500, "psycopg2.InterfaceError", "cursor already closed")
    }

    /// The stand-in was asked for something that a real Odoo does and it does not. Never a class of a real Odoo, so
    /// that nobody mistakes it for an answer.
    pub fn beyond_the_stand_in(what: impl Into<String>) -> Self {
        Self::new(501, "crossdock_sim.NotImplemented", what)
    }

    pub fn unauthorized(message: &str) -> Self {
        Self::new(401, "werkzeug.exceptions.Unauthorized", message)
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "werkzeug.exceptions.BadRequest", message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "werkzeug.exceptions.NotFound", message)
    }

    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(422, "werkzeug.exceptions.UnprocessableEntity", message)
    }

    /// One of Odoo's own error classes, whose message is meant for the user.
    pub fn is_for_the_user(&self) -> bool {
        self.name.starts_with("odoo.exceptions.") && self.constraint.is_none()
    }

    /// The body of the answer.
    pub fn body(&self) -> Json {
        let arguments =
            if self.name.starts_with("werkzeug.") { json!([self.message, self.status]) } else { json!([self.message]) };
        json!({
            "name": self.name,
            "message": self.message,
            "arguments": arguments,
            "context": {},
            "debug": format!("Traceback (most recent call last):\n  (stand-in)\n{}: {}\n", self.name, self.message),
        })
    }
}
