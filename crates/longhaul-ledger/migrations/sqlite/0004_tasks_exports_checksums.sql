-- Whose file it is: "LHLG". Readers look at it before anything else.
PRAGMA application_id = 1279806535;

-- Where the lock of the file was when its writer took it, and which process that is. A lock file that somebody removed
-- lets nobody in while that process lives.
ALTER TABLE writers ADD COLUMN lock TEXT;

-- A CRC-32 over the other columns of the row, in their order; none where the database itself wrote the row, or an older
-- version did.
ALTER TABLE attempts ADD COLUMN checksum BIGINT;

-- Generations that were submitted to a provider and are collected by polling.
CREATE TABLE task_handles (
    entry        BLOB    NOT NULL,
    -- The provider's own name for it.
    task         TEXT    NOT NULL,
    dialect      TEXT    NOT NULL,
    poll_url     TEXT,
    submitted_at BIGINT  NOT NULL,
    -- The provider forgets it then.
    expires_at   BIGINT,
    -- Open, Collected, Failed, Expired or Abandoned.
    state        TEXT    NOT NULL,
    PRIMARY KEY (entry, task)
) WITHOUT ROWID;

CREATE INDEX task_handles_open ON task_handles (submitted_at) WHERE state = 'Open';

-- Exports of claims into files. What is not Done is finished or undone by the next export.
CREATE TABLE exports (
    id       BLOB    NOT NULL PRIMARY KEY,
    folder   TEXT    NOT NULL,
    began_at BIGINT  NOT NULL,
    -- Writing: the files are being written, and no claim counts as exported. Marked: the claims count as exported, and the
    -- files wait for their names. Done.
    state    TEXT    NOT NULL
) WITHOUT ROWID;

ALTER TABLE claims ADD COLUMN export BLOB;
