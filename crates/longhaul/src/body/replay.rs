/// placeholder until merged
pub trait Replay: Sized {
    /// clone
    fn try_clone(&self) -> Option<Self>;
}
impl<D: bytes::Buf + Clone> Replay for http_body_util::Full<D> {
    fn try_clone(&self) -> Option<Self> {
        Some(self.clone())
    }
}
