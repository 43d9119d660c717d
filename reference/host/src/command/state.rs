//! `hiatus state FOLDER`: what a stopped host would come back to.

use std::path::PathBuf;
use std::process::ExitCode;

use hiatus_store::{Outside, Store};

use crate::command::COULD_NOT_RUN;

/// Arguments of `hiatus state`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder of the state: the one that holds `store` and `outside`. The host must not be running.
    folder: PathBuf,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    match show(args) {
        Ok(text) => {
            anstream::print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            anstream::eprintln!("hiatus state: {error}");
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn show(args: &Args) -> Result<String, String> {
    let outside = args.folder.join("outside").join("lives.redb");
    let store = args.folder.join("store").join("epochs.redb");
    let lives = Outside::open(&outside).map_err(|error| format!("{}: {error}", outside.display()))?;
    let (store, image) = Store::restore(&store).map_err(|error| format!("{}: {error}", store.display()))?;
    let usage = store.usage();
    let epoch = image.as_ref().map_or_else(|| "none".to_owned(), |image| image.epoch().to_string());
    let mut text = format!(
        "incarnation          {}\ntimestamp ceiling    {} ms\nlatest durable epoch {epoch}\nconnections          {}, {} octets\n",
        lives.incarnation(),
        lives.tsval_ceiling(),
        usage.records,
        usage.live_octets,
    );
    for (name, octets) in image.iter().flat_map(hiatus_store::Image::applications) {
        text.push_str(&format!("state                {name}, {} octets\n", octets.len()));
    }
    Ok(text)
}
