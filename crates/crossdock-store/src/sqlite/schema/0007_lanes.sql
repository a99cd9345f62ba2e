-- Lanes: what waits for one system, apart by class, operation and group, and the turn of each line within its lane.
ALTER TABLE transmissions ADD COLUMN lane TEXT NOT NULL DEFAULT '';  -- <rank of class>/<operation>/<group>
ALTER TABLE transmissions ADD COLUMN turn TEXT NOT NULL DEFAULT '';  -- due_at, or when it moved up if that was later
UPDATE transmissions SET lane = '1/' || operation || '/', turn = due_at
    WHERE state IN ('held', 'owed', 'sending', 'paused');
DROP INDEX transmissions_due;
CREATE INDEX transmissions_due ON transmissions (system, lane, turn, place) WHERE state = 'owed' AND is_head = 1;
