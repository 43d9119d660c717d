//! hyper, as it is, on a connection that outlives the absence of its server.
//!
//! `cargo run -p hiatus-host --features tokio --example http`: two hosts in this process, over a link in memory. The server
//! goes away in the middle of an answer and comes back; hyper notices nothing.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use hiatus_codec::HoldTime;
use hiatus_host::link::{Cut, Link, MemoryLink};
use hiatus_host::{Host, Settings};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

/// Octets of the answer: many round trips.
const ANSWER_OCTETS: usize = 4 << 20;
/// How long the server is away.
const ABSENCE: Duration = Duration::from_millis(300);

async fn answer(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from(vec![b'h'; ANSWER_OCTETS]))))
}

/// Runs both ends; gives the octets of the answer.
async fn story() -> Result<usize, Box<dyn Error>> {
    let (one, other) = MemoryLink::pair(1500);
    let cable = one.clone();
    let client = Host::start(Link::Memory(one), Settings::in_memory(), None)?.host;
    let server = Host::start(Link::Memory(other), Settings::in_memory(), None)?.host;
    let (local, remote): (SocketAddr, SocketAddr) = ("192.0.2.1:0".parse()?, "192.0.2.2:80".parse()?);

    let listener = server.listen(remote)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept_async().await {
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    });

    let stream = client.connect_async(local, remote).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::builder().uri("/").header("host", "192.0.2.2").body(Full::<Bytes>::default())?;
    let mut body = sender.send_request(request).await?.into_body();

    let mut found = 0;
    let mut is_away_yet = true;
    while let Some(frame) = body.frame().await {
        found += frame?.data_ref().map_or(0, Bytes::len);
        if is_away_yet && found > ANSWER_OCTETS / 4 {
            is_away_yet = false;
            server.suspend(HoldTime::from_seconds(1));
            tokio::time::sleep(Duration::from_millis(20)).await;
            server.stop();
            cable.set_cut(Cut::Yes);
            println!("the server is away after {found} octets");
            tokio::time::sleep(ABSENCE).await;
            cable.set_cut(Cut::No);
            server.resume();
        }
    }
    Ok(found)
}

/// The example.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let found = story().await?;
    println!("{found} octets of {ANSWER_OCTETS} came");
    if found == ANSWER_OCTETS { Ok(()) } else { Err("the answer is not whole".into()) }
}
