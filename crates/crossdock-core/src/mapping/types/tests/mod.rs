//! Tests of types.

mod reading;
