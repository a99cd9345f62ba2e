-- Small records of the hub's own work: jobs.
CREATE TABLE records (
    number  INTEGER PRIMARY KEY,     -- in the order they were first written
    kind    TEXT NOT NULL,           -- job
    id      TEXT NOT NULL,
    version INTEGER NOT NULL,
    is_open INTEGER NOT NULL,        -- 1 while the hub has to do something about it
    about   TEXT NOT NULL,           -- message/<id>, transmission/<id>, or nothing
    body    TEXT NOT NULL,
    UNIQUE (kind, id)
) STRICT;
CREATE INDEX records_by_state ON records (kind, is_open, number);
CREATE INDEX records_about ON records (kind, about, number) WHERE about <> '';
