//! The example hub that the demo runs, carried inside the binary so that the demo needs nothing else.

use std::path::Path;

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../../examples/order-to-cash/", $path)))),*]
    };
}

/// Path below the hub folder and text of every file of `examples/order-to-cash`.
pub const FILES: &[(&str, &str)] = files![
    "README.md",
    "flows/attach-proof.yaml",
    "flows/fleet-departures.yaml",
    "flows/fleet-proofs.yaml",
    "flows/fulfil-picking.yaml",
    "flows/invoice-delivery.yaml",
    "flows/notify-customer.yaml",
    "flows/odoo-orders.yaml",
    "flows/release-order.yaml",
    "flows/warehouse-shipments.yaml",
    "hub.yaml",
    "mappings/customer/invoice-notification.yaml",
    "mappings/fleet/proof-captured.yaml",
    "mappings/fleet/shipment-delivered.yaml",
    "mappings/fleet/shipment-departed.yaml",
    "mappings/fleet/stop-departed.yaml",
    "mappings/odoo/attach-proof.yaml",
    "mappings/odoo/invoice-released.yaml",
    "mappings/odoo/invoice.yaml",
    "mappings/odoo/order-accepted.yaml",
    "mappings/odoo/picking-fulfil.yaml",
    "mappings/warehouse/order-release.yaml",
    "mappings/warehouse/order-released.yaml",
    "mappings/warehouse/shipment-picked-up.yaml",
    "systems/customer.yaml",
    "systems/fleet.yaml",
    "systems/odoo.yaml",
    "systems/warehouse.yaml",
    "tests/odoo.yaml",
    "tests/partners.yaml",
    "tests/samples/departure-empty.json",
    "tests/samples/departure.json",
    "tests/samples/odoo-order.json",
    "tests/samples/proof.json",
    "tests/samples/shipment-update.json",
];

/// Writes the example into `folder`.
///
/// # Errors
/// When a file cannot be written.
pub fn write_to(folder: &Path) -> std::io::Result<()> {
    for (path, text) in FILES {
        let target = folder.join(path);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(target, text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    fn walk(folder: &Path, found: &mut BTreeSet<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("the example is there") {
            let path = entry.expect("readable").path();
            match path.is_dir() {
                true if path.file_name().is_some_and(|name| name == ".data") => {}
                true => walk(&path, found),
                false => drop(found.insert(path)),
            }
        }
    }

    #[test]
    fn the_binary_carries_every_file_of_the_example() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/order-to-cash");
        let mut found = BTreeSet::new();
        walk(&root, &mut found);
        let on_disk: BTreeSet<String> = found
            .iter()
            .map(|path| path.strip_prefix(&root).expect("below").to_string_lossy().replace('\\', "/"))
            .collect();
        let carried: BTreeSet<String> = super::FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(on_disk, carried, "list the example's files in demo/example.rs");
    }
}
