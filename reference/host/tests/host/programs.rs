//! Libraries that know nothing of Hiatus run on it: the examples, run.

#![allow(unreachable_pub, reason = "an example is a program of its own")]

#[path = "../../examples/http.rs"]
mod http;
#[path = "../../examples/tls.rs"]
mod tls;

#[test]
fn hyper_runs_unmodified() {
    http::main().unwrap();
}

#[test]
fn rustls_runs_unmodified() {
    tls::main().unwrap();
}
