mod detection;
mod service;
