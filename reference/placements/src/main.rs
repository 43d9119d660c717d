//! Scratch.
use hiatus_placements::{Conditions, Load, Placement, run};
fn main() {
    let args: Vec<u64> = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
    let conditions = Conditions { interval_ms: args[0], rate_mbit_s: args[1], rtt_ms: args[2] };
    for placement in Placement::ALL {
        for load in Load::ALL {
            let start = std::time::Instant::now();
            let figure = run(placement, &conditions, load);
            println!("{placement} {load:?}: {figure:?} {:?}", start.elapsed());
        }
    }
}
