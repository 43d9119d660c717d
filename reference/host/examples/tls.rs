//! rustls, as it is, on a connection that outlives the absence of its server.
//!
//! `cargo run -p hiatus-host --example tls`: two hosts in this process, over a link in memory.

use std::error::Error;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use hiatus_codec::HoldTime;
use hiatus_host::link::{Cut, Link, MemoryLink};
use hiatus_host::{Host, Settings};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

const NAME: &str = "server.example";

/// A key and a certificate that both ends know.
fn configs() -> Result<(ClientConfig, ServerConfig), Box<dyn Error>> {
    let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)?;
    Ok((client, server))
}

/// The example.
pub fn main() -> Result<(), Box<dyn Error>> {
    let (one, other) = MemoryLink::pair(1500);
    let cable = one.clone();
    let client = Host::start(Link::Memory(one), Settings::in_memory(), None)?.host;
    let server = Host::start(Link::Memory(other), Settings::in_memory(), None)?.host;
    let (local, remote): (SocketAddr, SocketAddr) = ("192.0.2.1:0".parse()?, "192.0.2.2:443".parse()?);
    let (client_config, server_config) = configs()?;

    let listener = server.listen(remote)?;
    let echo = thread::spawn(move || {
        let (stream, _) = listener.accept()?;
        let connection = ServerConnection::new(Arc::new(server_config)).map_err(std::io::Error::other)?;
        let mut tls = StreamOwned::new(connection, stream);
        let mut octets = [0; 16];
        while let Ok(count @ 1..) = tls.read(&mut octets) {
            tls.write_all(octets.get(..count).unwrap_or_default())?;
        }
        std::io::Result::Ok(())
    });

    let stream = client.connect(local, remote)?;
    let name = ServerName::try_from(NAME)?;
    let mut tls = StreamOwned::new(ClientConnection::new(Arc::new(client_config), name)?, stream);
    for word in ["before", "after "] {
        tls.write_all(word.as_bytes())?;
        let mut found = [0; 6];
        tls.read_exact(&mut found)?;
        println!("{}", String::from_utf8_lossy(&found));
        if found != word.as_bytes() {
            return Err("not what was sent".into());
        }
        if word == "before" {
            server.suspend(HoldTime::from_seconds(1));
            thread::sleep(Duration::from_millis(20));
            server.stop();
            cable.set_cut(Cut::Yes);
            thread::sleep(Duration::from_millis(300));
            cable.set_cut(Cut::No);
            server.resume();
        }
    }
    tls.conn.send_close_notify();
    tls.flush()?;
    drop(tls);
    echo.join().map_err(|_| "the server panicked")??;
    Ok(())
}
