-- Logs of providers that were read.
CREATE TABLE imports (
    id          BLOB    NOT NULL PRIMARY KEY,
    provider    TEXT    NOT NULL,
    file        TEXT    NOT NULL,
    imported_at BIGINT  NOT NULL
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
    duration_us    BIGINT
) WITHOUT ROWID;
