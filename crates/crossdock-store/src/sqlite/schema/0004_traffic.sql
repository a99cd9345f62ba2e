-- What traffic shows of a channel or mapping: statistics, each row replaced now and then.
CREATE TABLE traffic (
    name   TEXT PRIMARY KEY,         -- channel/fleet/proof, mapping/fleet/delivered
    record TEXT NOT NULL
) STRICT, WITHOUT ROWID;
