-- What lists and histories of entities are read from.

-- Which entities speak of another one in any of their events.
CREATE TABLE entity_links (
    kind    TEXT NOT NULL,
    key     TEXT NOT NULL,
    of_kind TEXT NOT NULL,            -- the entity that speaks of it
    of_key  TEXT NOT NULL,
    PRIMARY KEY (kind, key, of_kind, of_key)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO entity_links (kind, key, of_kind, of_key)
SELECT l.kind, l.key, e.subject_kind, e.subject_key FROM event_links l JOIN events e ON e.position = l.position
WHERE l.kind <> e.subject_kind OR l.key <> e.subject_key;

CREATE INDEX events_about ON events (subject_kind, subject_key);
CREATE INDEX entities_by_status ON entities (kind, status, updated_at, key);
CREATE INDEX entity_references_by_system ON entity_references (system, entity_kind, entity_key);
