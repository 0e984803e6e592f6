//! Prints the description of the public API: `cargo run -p gatekeeper --example openapi > web/openapi.json`.

fn main() {
    println!("{}", gatekeeper::openapi::text());
}
