//! (being written)
pub(crate) struct Vhost(String);
impl Vhost {
    pub(crate) fn url(&self) -> &str {
        &self.0
    }
}
pub(crate) async fn vhost() -> Option<Vhost> {
    None
}
