//! Prints the OpenAPI document, for `docs/reference/openapi.json`.

fn main() {
    print!("{}", crossdock_gateway::openapi());
}
