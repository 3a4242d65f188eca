-- Times are microseconds: of the day since 1970 in UTC (`_at`), and spans (`_us`). Ids are UUIDs of version 7 and
-- lead with the time, so that rows of one month stand together.

-- Processes that write attempts. One is gone when its lease has run out.
CREATE TABLE writers (
    id       BYTEA   NOT NULL PRIMARY KEY,
    name     TEXT    NOT NULL,
    began_at BIGINT  NOT NULL,
    lease_until_at BIGINT NOT NULL
);

-- Attempts that run, or ran when their writer died. Small: a row moves to `attempts` when it is closed.
CREATE TABLE running (
    id              BYTEA   NOT NULL PRIMARY KEY,
    writer          BYTEA   NOT NULL,
    operation       BYTEA   NOT NULL,
    attempt         BIGINT  NOT NULL,
    opened_at       BIGINT  NOT NULL,
    idempotency_key TEXT,
    provider        TEXT,
    model           TEXT,
    resolution      TEXT    NOT NULL,
    images          BIGINT  NOT NULL,
    price_micros    BIGINT,
    currency        TEXT,
    host            TEXT,
    path            TEXT    NOT NULL
);

-- Attempts that have ended, each once.
CREATE TABLE attempts (
    id              BYTEA   NOT NULL PRIMARY KEY,
    operation       BYTEA   NOT NULL,
    attempt         BIGINT  NOT NULL,
    opened_at       BIGINT  NOT NULL,
    idempotency_key TEXT,
    provider        TEXT,
    model           TEXT,
    resolution      TEXT    NOT NULL,
    images          BIGINT  NOT NULL,
    -- What it costs if it is charged; no price is not zero.
    price_micros    BIGINT,
    currency        TEXT,
    host            TEXT,
    path            TEXT    NOT NULL,
    closed_at       BIGINT  NOT NULL,
    ended           TEXT    NOT NULL,
    class           TEXT    NOT NULL,
    -- Empty where the writer died: nobody knows where it was.
    phase           TEXT,
    duration_us     BIGINT  NOT NULL,
    -- How likely it was charged, in thousandths.
    charged_per_mille BIGINT NOT NULL,
    status          BIGINT,
    http_version    TEXT,
    flushed_us      BIGINT,
    head_us         BIGINT,
    -- Bounds for the provider's own clock.
    at_least_us     BIGINT,
    at_most_us      BIGINT,
    -- JSON: [["x-request-id", "…"], …]
    request_ids     TEXT,
    pictures        BIGINT  NOT NULL,
    drafts          BIGINT  NOT NULL,
    finish_reason   TEXT,
    block_reason    TEXT,
    output_tokens   BIGINT,
    told_cost_micros BIGINT,
    bytes           BIGINT  NOT NULL
);

CREATE INDEX attempts_of_operation ON attempts (operation);
