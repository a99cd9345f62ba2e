-- Suggestions: what the hub found out and a person or a policy decides.
CREATE TABLE suggestions (
    number  INTEGER PRIMARY KEY,     -- in the order they were first made
    id      TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    what    TEXT NOT NULL,           -- merge, change
    status  TEXT NOT NULL,           -- open, accepted, rejected, withdrawn
    record  TEXT NOT NULL
) STRICT;
CREATE INDEX suggestions_by_status ON suggestions (status, what, number);
