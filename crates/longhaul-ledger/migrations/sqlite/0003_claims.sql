-- Claims that were made, each once, and what came of them. What is not here was not claimed yet.
CREATE TABLE claims (
    entry           BLOB    NOT NULL PRIMARY KEY,
    rule            TEXT    NOT NULL,
    amount_micros   BIGINT,
    currency        TEXT,
    exported_at     BIGINT  NOT NULL,
    -- Overdue from then on.
    due_at          BIGINT  NOT NULL,
    -- Credited or Denied; none while the provider has not answered.
    answer          TEXT,
    answered_at     BIGINT
) WITHOUT ROWID;
