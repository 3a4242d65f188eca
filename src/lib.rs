//! Owns `tests/` and `examples/` of the workspace.
