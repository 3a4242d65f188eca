-- What drafts cost that came beside the pictures, such as the partial images of a stream, if the attempt is charged; in the
-- currency of `price_micros`, and not part of it. None where none came, or where nobody knows what one costs.
ALTER TABLE attempts ADD COLUMN drafts_micros BIGINT;
