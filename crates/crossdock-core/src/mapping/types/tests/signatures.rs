//! Every function has a signature, and none is left over.

use crate::mapping::functions;
use crate::mapping::types::signatures::signature;

#[test]
fn every_function_has_a_signature() {
    for function in functions::all() {
        let arity = function.run.arity();
        assert!(signature(function.name, arity).is_some(), "{} of {arity} lacks a signature", function.name);
    }
}
