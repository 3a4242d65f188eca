/// placeholder until merged
pub trait Replay: Sized {
    /// clone
    fn try_clone(&self) -> Option<Self>;
}
