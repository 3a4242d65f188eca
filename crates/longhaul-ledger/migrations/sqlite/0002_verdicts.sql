-- Logs of providers that were read.
CREATE TABLE imports (
    id          BLOB    NOT NULL PRIMARY KEY,
    provider    TEXT    NOT NULL,
    file        TEXT    NOT NULL,
    imported_at BIGINT  NOT NULL,
    -- Where the log is whole: an attempt that was opened from here on and ended before there, and has no row in it,
    -- was not charged. On our clock.
    covers_from_at   BIGINT,
    settled_until_at BIGINT
) WITHOUT ROWID;

-- What the provider's own log says of an attempt: it stands in the place of the prior.
CREATE TABLE verdicts (
    entry          BLOB    NOT NULL PRIMARY KEY,
    import         BLOB    NOT NULL,
    -- The provider's own name for the row of its log; none where the log has no row of the attempt.
    log_id         TEXT,
    charged_micros BIGINT  NOT NULL,
    credited_micros BIGINT NOT NULL,
    currency       TEXT    NOT NULL,
    -- On the provider's clock.
    duration_us    BIGINT,
    -- What joins the row to the attempt: RequestId, Time, Group or Absence.
    basis          TEXT
) WITHOUT ROWID;

-- What is given back may stand in a later log.
CREATE INDEX verdicts_of_log_id ON verdicts (log_id);
