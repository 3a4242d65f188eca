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

-- Most attempts are the first of their operation and delivered in time. These find the others, of which claims are made,
-- without passing over the rest; statements repeat the conditions word for word.
CREATE INDEX attempts_unusual ON attempts (id) WHERE class <> 'Delivered' OR attempt > 1;
CREATE INDEX attempts_long ON attempts (id) WHERE at_most_us > 120000000;
