-- The first schema of hub.db. Names are those of the records in crossdock-core; `record` is the whole record as JSON,
-- the columns beside it are what is searched or shown. Times are RFC 3339 in UTC with nine decimals, so they sort as
-- text. Ids are UUIDs in their usual text form.

CREATE TABLE messages (
    position     INTEGER PRIMARY KEY, -- place in the log of accepted messages
    id           TEXT NOT NULL UNIQUE,
    system       TEXT NOT NULL,
    channel      TEXT NOT NULL,
    dedup_key    TEXT NOT NULL,       -- unique per system; found through the dedup_ tables
    received_at  TEXT NOT NULL,
    cause        TEXT,                -- the transmission whose result this message is
    content_type TEXT NOT NULL,
    headers      TEXT NOT NULL,       -- JSON list of [name, value]
    body         BLOB NOT NULL        -- exactly as received
) STRICT;

-- What became of messages. A message without a row here waits: either it is behind the position `routed` in highs,
-- where the router has not been yet, or it is in the inbox because it has to be looked at again.
CREATE TABLE inbox (
    position INTEGER PRIMARY KEY,
    system   TEXT NOT NULL
) STRICT;

CREATE TABLE message_outcomes (
    position INTEGER PRIMARY KEY,
    system   TEXT NOT NULL,
    state    TEXT NOT NULL,           -- translated, ignored, failed
    record   TEXT NOT NULL            -- JSON: how many events, or the reason, or the exception
) STRICT;
CREATE INDEX message_outcomes_by_state ON message_outcomes (state, system, position);

-- Which dedup keys are known. An entry is 32 bytes: the first half of SHA-256 over system and key, then the id of the
-- message. The newest entries lie in dedup_recent in the order they came; once there are enough, they are sorted and
-- written as one run of chunks with a filter that tells which keys the run cannot have. So the cost of a new key does
-- not depend on how many are known.
CREATE TABLE dedup_recent (
    number  INTEGER PRIMARY KEY,
    entries BLOB NOT NULL
) STRICT;
CREATE TABLE dedup_runs (
    number INTEGER PRIMARY KEY,
    keys   INTEGER NOT NULL,
    filter BLOB NOT NULL
) STRICT;
CREATE TABLE dedup_chunks (
    number  INTEGER PRIMARY KEY,
    run     INTEGER NOT NULL,
    first   BLOB NOT NULL,            -- digest of the first entry
    entries BLOB NOT NULL
) STRICT;
CREATE INDEX dedup_chunks_by_first ON dedup_chunks (run, first);

CREATE TABLE cursors (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    position     INTEGER PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    type         TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_key  TEXT NOT NULL,
    system       TEXT NOT NULL,
    time         TEXT NOT NULL,       -- when it happened in the world
    recorded_at  TEXT NOT NULL,
    message      TEXT NOT NULL,
    flow         TEXT NOT NULL,
    record       TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_message ON events (message);

CREATE TABLE event_links (
    kind     TEXT NOT NULL,
    key      TEXT NOT NULL,
    position INTEGER NOT NULL,        -- of the event
    PRIMARY KEY (kind, key, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE entities (
    number     INTEGER PRIMARY KEY,
    kind       TEXT NOT NULL,
    key        TEXT NOT NULL,
    version    INTEGER NOT NULL,
    status     TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    last_event TEXT NOT NULL,
    record     TEXT NOT NULL,
    UNIQUE (kind, key)
) STRICT;
CREATE INDEX entities_by_key ON entities (key, kind);

-- Other systems' ids for entities.
CREATE TABLE entity_references (
    entity_kind TEXT NOT NULL,
    entity_key  TEXT NOT NULL,
    system      TEXT NOT NULL,
    kind        TEXT NOT NULL,
    value       TEXT NOT NULL,
    PRIMARY KEY (entity_kind, entity_key, system, kind, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX entity_references_by_value ON entity_references (value, entity_kind, entity_key);

CREATE TABLE transmissions (
    number       INTEGER PRIMARY KEY, -- in the order they were first written
    id           TEXT NOT NULL UNIQUE,
    version      INTEGER NOT NULL,
    system       TEXT NOT NULL,
    operation    TEXT NOT NULL,
    flow         TEXT NOT NULL,
    event        TEXT NOT NULL,
    about_kind   TEXT NOT NULL,
    about_key    TEXT NOT NULL,
    ordering_key TEXT NOT NULL,
    state        TEXT NOT NULL,       -- held, owed, sending, done, paused, cancelled
    place        INTEGER NOT NULL,    -- in the order of its key; 0 while held
    is_head      INTEGER NOT NULL,    -- 1: stands first in the line of its system and key
    due_at       TEXT NOT NULL,
    attempts     INTEGER NOT NULL,
    created_at   TEXT NOT NULL,
    finished_at  TEXT,
    last_problem TEXT,
    record       TEXT NOT NULL
) STRICT;
CREATE INDEX transmissions_of_event ON transmissions (event);
CREATE INDEX transmissions_by_state ON transmissions (state, system, number);
CREATE INDEX transmissions_about ON transmissions (about_kind, about_key, number);
CREATE INDEX transmissions_held ON transmissions (about_kind, about_key) WHERE state = 'held';
CREATE INDEX transmissions_done ON transmissions (about_kind, about_key, flow) WHERE state = 'done';
CREATE INDEX transmissions_line ON transmissions (system, ordering_key, place)
    WHERE state IN ('owed', 'sending', 'paused');
CREATE INDEX transmissions_due ON transmissions (system, due_at, place) WHERE state = 'owed' AND is_head = 1;

CREATE TABLE attempts (
    number       INTEGER PRIMARY KEY,
    transmission TEXT NOT NULL,
    attempt      INTEGER NOT NULL,    -- counts from 1, and again from 1 after a person resumed
    started_at   TEXT NOT NULL,
    ended_at     TEXT NOT NULL,
    outcome      TEXT NOT NULL,       -- accepted, retry, refused, unusable, unknown
    record       TEXT NOT NULL
) STRICT;
CREATE INDEX attempts_of_transmission ON attempts (transmission);

CREATE TABLE timers (
    id     TEXT PRIMARY KEY,
    due_at TEXT NOT NULL,
    record TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX timers_due ON timers (due_at, id);

CREATE TABLE exceptions (
    number       INTEGER PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    class        TEXT NOT NULL,
    fingerprint  TEXT NOT NULL,
    status       TEXT NOT NULL,       -- open, resolved
    summary      TEXT NOT NULL,
    owner        TEXT,
    system       TEXT,
    transmission TEXT,
    opened_at    TEXT NOT NULL,
    closed_at    TEXT,
    count        INTEGER NOT NULL,
    record       TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX exceptions_open ON exceptions (fingerprint) WHERE status = 'open';
CREATE INDEX exceptions_by_status ON exceptions (status, number);
CREATE INDEX exceptions_by_system ON exceptions (system, number);
CREATE INDEX exceptions_by_system_and_status ON exceptions (system, status, number);
CREATE INDEX exceptions_of_transmission ON exceptions (transmission, number) WHERE transmission IS NOT NULL;

-- Requests turned away at the door.
CREATE TABLE rejections (
    number INTEGER PRIMARY KEY,
    system TEXT,
    at     TEXT NOT NULL,
    status INTEGER NOT NULL,
    code   TEXT NOT NULL,
    reason TEXT NOT NULL,
    record TEXT NOT NULL
) STRICT;

CREATE TABLE system_states (
    system TEXT PRIMARY KEY,
    paused TEXT,                      -- why nothing is sent to it
    since  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Everything people, rules and models did. Each hash covers the one before it.
CREATE TABLE audit (
    number INTEGER PRIMARY KEY,
    at     TEXT NOT NULL,
    actor  TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    reason TEXT,
    hash   TEXT NOT NULL
) STRICT;

-- How many there are of everything, kept with every commit.
CREATE TABLE tallies (
    subject TEXT NOT NULL,            -- messages, transmissions, events, exceptions, rejections
    system  TEXT NOT NULL,            -- empty where it does not matter
    state   TEXT NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (subject, system, state)
) STRICT, WITHOUT ROWID;

CREATE TABLE system_activity (
    system          TEXT PRIMARY KEY,
    last_message_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The highest numbers given so far.
CREATE TABLE highs (
    name  TEXT PRIMARY KEY,           -- message_position, event_position, place, routed
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- For people: messages with their state and readable bodies, newest first when ordered by position.
CREATE VIEW message_list AS
SELECT m.position, m.id, m.system, m.channel, m.received_at, coalesce(o.state, 'waiting') AS state,
       coalesce(o.record ->> '$.reason', o.record ->> '$.exception', o.record ->> '$.events') AS detail,
       m.dedup_key, m.content_type, length(m.body) AS body_bytes, CAST(m.body AS TEXT) AS body
FROM messages m LEFT JOIN message_outcomes o ON o.position = m.position;

-- For people: what each system still has to be sent, in its order.
CREATE VIEW waiting_lines AS
SELECT system, ordering_key, place, is_head, state, operation, about_kind || '/' || about_key AS about, due_at, attempts,
       last_problem, id
FROM transmissions WHERE state IN ('owed', 'sending', 'paused')
ORDER BY system, ordering_key, place;
