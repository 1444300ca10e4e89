"""The tables of a ledger, as SQL; statements are parted by empty lines.

Round 0's labels are what decision 0 left; what a decision made of a label is one more row of
`versions`. A decision stands until an undo cancels it, and a label is what the newest standing
decision left. So every round's labels can be told from rows that never change.

    for statement in STATEMENTS:
        connection.execute(statement)
"""

APPLICATION = 0x64696D6C  # "diml" in the header of the file says that it is a ledger
VERSION = 1

# So near to an item's place (the usual matching distance, pixels), a new label changes the case.
_NEAR_PX = 3

_TABLES = """
CREATE TABLE sequences (
  sequence TEXT PRIMARY KEY, length INTEGER NOT NULL, height INTEGER NOT NULL,
  width INTEGER NOT NULL) STRICT

CREATE TABLE rounds (round INTEGER PRIMARY KEY, begun_at REAL NOT NULL) STRICT

CREATE TABLE decisions (
  decision INTEGER PRIMARY KEY,
  item INTEGER REFERENCES items,                  -- NULL: decision 0, the labels of round 0
  verb TEXT NOT NULL, reviewer TEXT NOT NULL, reviewer_kind TEXT NOT NULL,
  made_at REAL NOT NULL, round INTEGER NOT NULL,
  cancels INTEGER UNIQUE REFERENCES decisions) STRICT

CREATE INDEX decisions_of_items ON decisions (item)

CREATE TABLE versions (
  label INTEGER NOT NULL, sequence TEXT NOT NULL REFERENCES sequences, frame INTEGER NOT NULL,
  x REAL NOT NULL, y REAL NOT NULL, w REAL NOT NULL, h REAL NOT NULL, category TEXT NOT NULL,
  track TEXT NOT NULL, source TEXT NOT NULL,
  decision INTEGER NOT NULL REFERENCES decisions,
  removed INTEGER NOT NULL, PRIMARY KEY (label, decision)) STRICT, WITHOUT ROWID

CREATE INDEX versions_of_frames ON versions (sequence, frame)

CREATE INDEX versions_of_decisions ON versions (decision)

CREATE TABLE items (
  item INTEGER PRIMARY KEY, round INTEGER NOT NULL REFERENCES rounds, stage TEXT NOT NULL,
  kind TEXT NOT NULL, sequence TEXT NOT NULL REFERENCES sequences,
  probability REAL NOT NULL, score REAL NOT NULL, reason TEXT NOT NULL, made_at REAL NOT NULL,
  made_after INTEGER NOT NULL REFERENCES decisions) STRICT     -- the newest decision at that time

CREATE INDEX items_by_probability ON items (round, probability DESC, item)

CREATE TABLE places (
  item INTEGER NOT NULL REFERENCES items, place INTEGER NOT NULL, frame INTEGER NOT NULL,
  x REAL NOT NULL, y REAL NOT NULL, label INTEGER,
  version INTEGER,                                -- the decision that had left the label so
  fix TEXT, PRIMARY KEY (item, place)) STRICT, WITHOUT ROWID

CREATE TABLE leases (
  item INTEGER PRIMARY KEY REFERENCES items, reviewer TEXT NOT NULL, until REAL NOT NULL) STRICT

CREATE VIEW standing AS                           -- now, where undone_in is NULL
SELECT d.*, u.round AS undone_in
FROM decisions d LEFT JOIN decisions u ON u.cancels = d.decision WHERE d.verb <> 'undo'

CREATE VIEW labels_now AS                         -- each label as it is now, if removed or not
SELECT v.* FROM versions v WHERE v.decision = (
  SELECT max(w.decision) FROM versions w JOIN standing s ON s.decision = w.decision
  WHERE w.label = v.label AND s.undone_in IS NULL)
"""

_STATES = f"""
CREATE VIEW states AS                             -- items, their newest standing decision, state
SELECT j.*, d.verb, d.reviewer,
  CASE
    WHEN d.verb <> 'skip' THEN 'decided'
    WHEN j.round < (SELECT max(round) FROM rounds) THEN 'lapsed'
    WHEN EXISTS (
      SELECT 1 FROM places p WHERE p.item = j.item AND CASE
        WHEN p.label IS NOT NULL THEN p.version IS NOT
          (SELECT c.decision FROM labels_now c WHERE c.label = p.label)
        ELSE EXISTS (
          SELECT 1 FROM labels_now c
          WHERE c.sequence = j.sequence AND c.frame = p.frame AND c.decision > j.made_after
            AND NOT c.removed AND abs(c.x - p.x) < {_NEAR_PX} AND abs(c.y - p.y) < {_NEAR_PX})
        END) THEN 'stale'
    WHEN d.verb = 'skip' THEN 'skipped'
    ELSE 'open'
  END AS state
FROM (
  SELECT i.*, (
    SELECT max(s.decision) FROM standing s WHERE s.item = i.item AND s.undone_in IS NULL
  ) AS decision FROM items i) j
LEFT JOIN decisions d ON d.decision = j.decision
"""

# INSERT OR REPLACE would delete a row without asking the trigger against DELETE.
_APPEND_ONLY = """
CREATE TRIGGER {table}_not_updated BEFORE UPDATE ON {table}
BEGIN SELECT RAISE(ABORT, '{table} are only ever appended'); END

CREATE TRIGGER {table}_not_deleted BEFORE DELETE ON {table}
BEGIN SELECT RAISE(ABORT, '{table} are only ever appended'); END

CREATE TRIGGER {table}_not_replaced BEFORE INSERT ON {table}
WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})
BEGIN SELECT RAISE(ABORT, '{table} are only ever appended'); END
"""

_SAME = {
    "decisions": "decision = NEW.decision OR cancels = NEW.cancels",
    "versions": "label = NEW.label AND decision = NEW.decision",
    "items": "item = NEW.item",
    "places": "item = NEW.item AND place = NEW.place",
    "rounds": "round = NEW.round",
    "sequences": "sequence = NEW.sequence",
}

_TRIGGERS = "\n".join(_APPEND_ONLY.format(table=t, same=same) for t, same in _SAME.items())

STATEMENTS = [
    *(_TABLES + _STATES + _TRIGGERS).strip().split("\n\n"),
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
]
