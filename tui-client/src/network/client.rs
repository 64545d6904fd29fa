//! How connections are made for HTTP: within which time, by which addresses of a name, with whose certificates, past proxies.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, Url};

use crate::network::Access;
use crate::network::error::ApiError;
use crate::network::lookup::Lookup;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long the server may stay silent before and within an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A client for this server; connects to nothing yet.
pub(super) fn client(server: &Url, access: &Access) -> Result<Client, ApiError> {
    let mut builder = builder(server);
    if server.scheme() == "https" && !access.authorities.is_empty() {
        builder = builder.tls_certs_merge(access.authorities.clone());
    }
    let client = builder.build();
    client.map_err(|e| ApiError::Refused(format!("this machine's trusted certificates cannot be read: {e}")))
}

fn builder(server: &Url) -> ClientBuilder {
    let mut builder = Client::builder()
        .user_agent(concat!("duet-tui-client/", env!("CARGO_PKG_VERSION")))
        // For each name: several addresses share it.
        .connect_timeout(CONNECT_WITHIN)
        .dns_resolver(Lookup)
        .read_timeout(ANSWER_WITHIN)
        // Otherwise a redirected post would turn into a GET.
        .redirect(reqwest::redirect::Policy::none());
    if server.scheme() == "http" {
        // Saves reading some 150 certificates that nobody will ask for.
        builder = builder.tls_certs_only([]);
    }
    if is_this_machine(server) {
        builder = builder.no_proxy();
    }
    builder
}

/// Whether what is sent to it does not leave this machine.
pub(super) fn is_this_machine(server: &Url) -> bool {
    server.host_str().is_some_and(|host| {
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::network::error::words;

    /// Answers one request, and gives its address.
    async fn server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await.unwrap();
        });
        address
    }

    #[tokio::test]
    async fn where_one_address_of_a_name_refuses_the_next_is_tried() {
        let refused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let url = "http://several.example/".parse::<Url>().unwrap();
        let addresses = [refused, refused, server().await];
        let client = builder(&url).no_proxy().resolve_to_addrs("several.example", &addresses).build().unwrap();
        assert_eq!(client.get(url).send().await.unwrap().text().await.unwrap(), "hi");
    }

    #[tokio::test]
    async fn a_name_is_looked_up_as_the_system_does() {
        let url = format!("http://localhost:{}/", server().await.port()).parse::<Url>().unwrap();
        assert_eq!(
            client(&url, &Access::default()).unwrap().get(url).send().await.unwrap().text().await.unwrap(),
            "hi"
        );
        let url = "http://nowhere.invalid/".parse::<Url>().unwrap();
        let client = builder(&url).no_proxy().build().unwrap();
        assert_eq!(words(&client.get(url).send().await.unwrap_err()), "name not found");
    }
}
