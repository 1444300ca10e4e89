"""The tables of a ledger, as SQL statements separated by empty lines.

Decision 0 writes the labels of round 0. Each later decision adds a row to `versions` for each label
that it changes. A decision stands until an undo cancels it, and the newest standing decision on a
label determines its current version. Rows never change, so the labels of any round can be
reconstructed.

    for statement in STATEMENTS:
        connection.execute(statement)
"""

APPLICATION_ID = 0x64696D6C  # "diml" in the file header marks a ledger
VERSION = 2

_TABLES = """
CREATE TABLE meta (match_px REAL NOT NULL) STRICT -- a single row

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

CREATE INDEX decisions_by_item ON decisions (item)

CREATE TABLE versions (
  label INTEGER NOT NULL, sequence TEXT NOT NULL REFERENCES sequences, frame INTEGER NOT NULL,
  x REAL NOT NULL, y REAL NOT NULL, w REAL NOT NULL, h REAL NOT NULL, category TEXT NOT NULL,
  track TEXT NOT NULL, source TEXT NOT NULL,
  decision INTEGER NOT NULL REFERENCES decisions,
  removed INTEGER NOT NULL, PRIMARY KEY (label, decision)) STRICT, WITHOUT ROWID

CREATE INDEX versions_by_frame ON versions (sequence, frame)

CREATE INDEX versions_by_decision ON versions (decision)

CREATE TABLE items (
  item INTEGER PRIMARY KEY, round INTEGER NOT NULL REFERENCES rounds, stage TEXT NOT NULL,
  kind TEXT NOT NULL, sequence TEXT NOT NULL REFERENCES sequences,
  probability REAL NOT NULL, score REAL NOT NULL, reason TEXT NOT NULL, made_at REAL NOT NULL,
  made_after INTEGER NOT NULL REFERENCES decisions) STRICT     -- the newest decision at that time

CREATE INDEX items_by_probability ON items (round, probability DESC, item)

CREATE TABLE item_frames (
  item INTEGER NOT NULL REFERENCES items, frame_index INTEGER NOT NULL, frame INTEGER NOT NULL,
  x REAL NOT NULL, y REAL NOT NULL, label INTEGER,
  version INTEGER,                                -- the decision that wrote this label version
  fix TEXT, PRIMARY KEY (item, frame_index)) STRICT, WITHOUT ROWID

CREATE TABLE leases (
  item INTEGER PRIMARY KEY REFERENCES items, reviewer TEXT NOT NULL, until REAL NOT NULL) STRICT

CREATE VIEW standing AS                           -- decisions; at present, if undone_in is NULL
SELECT d.*, u.round AS undone_in
FROM decisions d LEFT JOIN decisions u ON u.cancels = d.decision WHERE d.verb <> 'undo'

CREATE VIEW current_versions AS                   -- of each label, including removed ones
SELECT v.* FROM versions v WHERE v.decision = (
  SELECT max(w.decision) FROM versions w JOIN standing s ON s.decision = w.decision
  WHERE w.label = v.label AND s.undone_in IS NULL)

CREATE VIEW item_states AS                        -- items, their newest standing decision, state
SELECT j.*, d.verb, d.reviewer,
  CASE
    WHEN d.verb <> 'skip' THEN 'decided'
    WHEN j.round < (SELECT max(round) FROM rounds) THEN 'lapsed'
    WHEN EXISTS (
      SELECT 1 FROM item_frames f WHERE f.item = j.item AND CASE
        WHEN f.label IS NOT NULL THEN f.version IS NOT
          (SELECT c.decision FROM current_versions c WHERE c.label = f.label)
        ELSE EXISTS (                             -- a new label next to a frame without label
          SELECT 1 FROM current_versions c, meta m
          WHERE c.sequence = j.sequence AND c.frame = f.frame AND c.decision > j.made_after
            AND NOT c.removed AND abs(c.x - f.x) < m.match_px AND abs(c.y - f.y) < m.match_px)
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

# INSERT OR REPLACE deletes rows without firing the trigger against DELETE.
_APPEND_ONLY = """
CREATE TRIGGER {table}_not_updated BEFORE UPDATE ON {table}
BEGIN SELECT RAISE(ABORT, '{table}: rows are only ever appended'); END

CREATE TRIGGER {table}_not_deleted BEFORE DELETE ON {table}
BEGIN SELECT RAISE(ABORT, '{table}: rows are only ever appended'); END

CREATE TRIGGER {table}_not_replaced BEFORE INSERT ON {table}
WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})
BEGIN SELECT RAISE(ABORT, '{table}: rows are only ever appended'); END
"""

_SAME_ROW = {
    "meta": "TRUE",
    "decisions": "decision = NEW.decision OR cancels = NEW.cancels",
    "versions": "label = NEW.label AND decision = NEW.decision",
    "items": "item = NEW.item",
    "item_frames": "item = NEW.item AND frame_index = NEW.frame_index",
    "rounds": "round = NEW.round",
    "sequences": "sequence = NEW.sequence",
}

_TRIGGERS = "\n".join(
    _APPEND_ONLY.format(table=table, same=same) for table, same in _SAME_ROW.items()
)

STATEMENTS = [
    *(_TABLES + _TRIGGERS).strip().split("\n\n"),
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
]
