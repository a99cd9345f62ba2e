-- Which exceptions may affect an entity; their records have the last word.
CREATE TABLE exception_affects (
    kind   TEXT NOT NULL,
    key    TEXT NOT NULL,
    number INTEGER NOT NULL,         -- of the exception
    PRIMARY KEY (kind, key, number)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO exception_affects (kind, key, number)
SELECT it.value ->> '$.kind', it.value ->> '$.key', number FROM exceptions, json_each(record, '$.affects') AS it;
