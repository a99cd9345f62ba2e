-- What is left of bodies that were kept as long as they had to be. The row in messages stays, with an empty body.
CREATE TABLE removed_bodies (
    position INTEGER PRIMARY KEY,     -- of the message
    record   TEXT NOT NULL            -- JSON: when it was removed, its bytes, its SHA-256
) STRICT;
