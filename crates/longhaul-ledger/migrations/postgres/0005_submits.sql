-- Submits of tasks, noted before they left. Where no handle follows, nobody here saw the answer: the provider is to be asked.
CREATE TABLE submits (
    entry        BYTEA   NOT NULL PRIMARY KEY,
    dialect      TEXT    NOT NULL,
    submitted_at BIGINT  NOT NULL
);
