//! The `value!` macro: values written as they look in JSON.

/// Builds a [`Value`](crate::value::Value) as it looks in JSON. An expression longer than one token goes into
/// parentheses.
///
/// ```
/// # use crossdock_core::value;
/// let quantity = 3;
/// let line = value!({ "sku": "A-1", "quantity": quantity, "weight": (quantity * 2), "tags": ["fragile"], "lot": null });
/// ```
#[macro_export]
macro_rules! value {
    (null) => { $crate::value::Value::Null };
    ([ $($item:tt),* $(,)? ]) => { $crate::value::Value::from(::std::vec![ $($crate::value!($item)),* ]) };
    ({ $($key:tt : $value:tt),* $(,)? }) => {{
        #[allow(unused_mut)]
        let mut map = $crate::value::Map::new();
        $( map.insert($key, $crate::value!($value)); )*
        $crate::value::Value::from(map)
    }};
    ($other:expr) => { $crate::value::Value::from($other) };
}
