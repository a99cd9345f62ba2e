//! The hubs that live in the simulated worlds: the example, compiled as `crossdock run` compiles it.

use std::sync::{Arc, OnceLock};

use crossdock_core::retention::Retention;
use crossdock_core::transmission::gate::Limits;
use crossdock_runtime::plan::Plan;
use crossdock_sim::world::environment;

use crate::config::env::Environment;
use crate::config::folder::Folder;
use crate::config::{self};
use crate::demo::example;

/// What the simulated hub does otherwise than the example: less often, so that a world is small.
/// And the warehouse is not the only one that says what left: programs do, too.
const OTHERWISE: &[(&str, &str, &str)] = &[
    ("systems/odoo.yaml", "every: 500ms", "every: 5s"),
    ("systems/warehouse.yaml", "states: [picked_up]", "states: [cancelled]"),
    ("systems/warehouse.yaml", "fields: [lines, pieces, weight_kg]", "fields: [weight_kg]"),
];
/// What the simulated hub has besides: a billing engine that honours no key, with one line for all shipments.
const BESIDES: &[(&str, &str)] = &[
    (
        "systems/billing.yaml",
        "system: billing\nconnector: http\ndomain: billing\nzone: internal\nowner: billing\n\
         config: {url: \"${BILLING_URL}\", auth: {bearer: {env: BILLING_TOKEN}}, timeout: 10s}\n",
    ),
    (
        "flows/bill-shipment.yaml",
        "flow: bill-shipment\non: crossdock.shipment.picked_up.v1\n\
         to: {system: billing, operation: request.send_once}\nmap: billing/shipment\n\
         key: {route: '\"all\"'}\nowner: billing\n",
    ),
    (
        "mappings/billing/shipment.yaml",
        "mapping: billing/shipment\ntarget:\n  path: '\"/shipments\"'\n  body:\n    shipment: event.data.number\n    order: event.data.order\n",
    ),
];
/// What the second version of the configuration says otherwise.
const CHANGED: &[(&str, &str, &str)] = &[
    ("mappings/warehouse/order-release.yaml", "event.data.?customer_reference", "'\"of \" + event.data.number'"),
    ("mappings/odoo/picking-fulfil.yaml", "  backorder: true", "  backorder: 1 < 2"),
    ("mappings/fleet/proof-captured.yaml", "    attempt: 1", "    attempt: 2 - 1"),
];

/// The hub with everything that decides whose turn it is: classes, limits of operations, a group with one writer, and
/// partners that go to Odoo many in one call.
const LANES: &[(&str, &str, &str)] = &[
    (
        "systems/odoo.yaml",
        "  concurrency_max: 2",
        "  concurrency_max: 3\n  operations:\n    partner.upsert: {concurrency_max: 1}\n    \
         invoice.create_and_post: {concurrency_max: 1, rate_per_s: 2}",
    ),
    ("flows/invoice-delivery.yaml", "owner: billing", "class: {criticality: critical}\nowner: billing"),
    (
        "systems/customer.yaml",
        "limits: {concurrency_max: 8}",
        "limits: {concurrency_max: 8, groups: {customer: {concurrency_max: 1}}}",
    ),
    ("flows/notify-customer.yaml", "owner: customer-service", "group: {customer: '\"all\"'}\nowner: customer-service"),
];
/// What that hub has besides.
const LANES_BESIDES: &[(&str, &str)] = &[
    (
        "flows/partner-of-order.yaml",
        "flow: partner-of-order\non: crossdock.order.accepted.v1\nto: {system: odoo, operation: partner.upsert}\n\
         map: odoo/partner-of-order\nclass: {criticality: batch}\nowner: erp-team\n",
    ),
    (
        "mappings/odoo/partner-of-order.yaml",
        "mapping: odoo/partner-of-order\ntarget:\n  key: '\"of \" + event.data.number'\n  name: '\"Buyer of \" + event.data.number'\n",
    ),
];

/// The hub with lanes, which keeps nothing for long.
pub fn lanes() -> Vec<Arc<Plan>> {
    static PLAN: OnceLock<Arc<Plan>> = OnceLock::new();
    let compile = || {
        let mut plan = compile(LANES, LANES_BESIDES);
        // Minutes instead of months: bodies and attempts go while the world still runs.
        let minutes = |minutes: u64| Some(minutes * 60_000);
        plan.retention = Retention { bodies_ms: minutes(1), transmissions_ms: minutes(2), rejections_ms: minutes(1) };
        Arc::new(plan)
    };
    vec![PLAN.get_or_init(compile).clone()]
}

/// The same hub as one that keeps none of these limits has it.
pub fn boundless() -> Vec<Arc<Plan>> {
    static PLAN: OnceLock<Arc<Plan>> = OnceLock::new();
    let compile = || {
        let mut plan = compile(LANES, LANES_BESIDES);
        for system in plan.systems.values_mut() {
            system.limits = Limits::default();
            system.concurrency_max = 16;
        }
        Arc::new(plan)
    };
    vec![PLAN.get_or_init(compile).clone()]
}

/// Two versions of the example hub, compiled once.
pub fn versions() -> Vec<Arc<Plan>> {
    static PLANS: OnceLock<Vec<Arc<Plan>>> = OnceLock::new();
    PLANS.get_or_init(|| vec![Arc::new(compile(&[], &[])), Arc::new(compile(CHANGED, &[]))]).clone()
}

fn compile(changed: &[(&str, &str, &str)], more: &[(&str, &str)]) -> Plan {
    let root = tempfile::tempdir().expect("a scratch folder");
    for (path, text) in example::FILES.iter().chain(BESIDES).chain(more) {
        let mut text = (*text).to_owned();
        for (_, old, new) in OTHERWISE.iter().chain(changed).filter(|(file, ..)| file == path) {
            assert!(text.contains(old), "{path} no longer says {old}");
            text = text.replace(old, new);
        }
        let target = root.path().join(path);
        std::fs::create_dir_all(target.parent().expect("inside")).expect("can be made");
        std::fs::write(target, text).expect("can be written");
    }
    let folder = Folder::read(root.path(), false).expect("the example is there");
    let env = Environment::new(root.path(), &environment, false);
    let loaded = config::compile(&folder, &env);
    let (problems, plan) = (loaded.diagnostics, loaded.plan);
    let mut plan = plan.unwrap_or_else(|| panic!("the example compiles: {problems:?}"));
    // The limit is by the machine's clock, which has no say in a simulated world.
    plan.mapping_ms_max = u64::MAX / 2;
    plan
}
