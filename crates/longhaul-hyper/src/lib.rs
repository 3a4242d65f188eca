//! longhaul-hyper
