// A made-up hub for looking at the console without one: one order on its way, with trouble at the end.

const HOUR = 3_600_000
const begun = Date.now() - 27 * HOUR

const at = (ms) => new Date(begun + ms).toISOString()
let ids = 0
const id = () => `01938e2a-7b00-7000-8000-${String(++ids).padStart(12, '0')}`

const entity = (kind, key) => ({ kind, key })
const SYSTEMS = ['customer', 'fleet', 'odoo', 'warehouse']

/** The story of one order, written the way the hub tells it. */
function story(order, isStuck) {
  const entries = []
  let ms = 0
  const add = (after, entry) => {
    ms += after
    entries.push({ at: at(ms), ...entry })
  }
  const shipment = (n) => entity('shipment', `${order}-${n}`)

  function received(after, system, channel, bytes, key, events) {
    const message = id()
    add(after, {
      step: 4, kind: 'message', mood: 'ok', system, message, outcome: 'translated', channel, body_bytes: bytes, dedup_key: key, events,
      text: `received by channel \`${channel}\` (${bytes} bytes), verified, new by its key ${key}, and on disk; it became ${events} event${events === 1 ? '' : 's'}`,
    })
    return message
  }
  function event(after, message, system, type, about) {
    const event = id()
    add(after, {
      step: 5, kind: 'event', mood: 'ok', system, message, event, about, outcome: 'applied', event_type: type, happened_at: at(ms - 1_000),
      text: `${type} for ${about.kind}/${about.key} (happened ${at(ms - 1_000)})`,
    })
    return event
  }
  function owed(event, system, operation, flow, about) {
    const transmission = id()
    add(0, {
      step: 6, kind: 'transmission', mood: 'ok', system, event, transmission, about, outcome: 'created', operation, flow, ordering_key: `order/${order}`,
      text: `flow ${flow} owes ${operation} to ${system} for ${about.kind}/${about.key}, in order with order/${order}`,
    })
    return { transmission, system, operation, about }
  }
  function attempt(after, { transmission, system, operation, about }, number, outcome, end, why) {
    const mood = { accepted: 'ok', refused: 'problem' }[outcome] ?? 'waiting'
    const answer = mood === 'waiting' ? 'no answer: the connection broke' : mood === 'ok' ? '200' : '422'
    add(after, {
      step: 8, kind: 'attempt', mood: 'ok', system, transmission, about, outcome: 'called', operation, attempt: number, took_ms: 90 + 37 * number,
      calls: [
        { method: 'POST', path: '/json/2/sale.order/search_read', status: 200 },
        { method: 'POST', path: '/json/2/call', ...(mood === 'waiting' ? { fault: answer } : { status: Number(answer) }) },
      ],
      text: `attempt ${number} called POST /json/2/sale.order/search_read → 200, POST /json/2/call → ${answer}, in ${90 + 37 * number} ms`,
    })
    add(0, {
      step: 9, kind: 'attempt', mood, system, transmission, about, outcome, operation, attempt: number,
      ...(outcome === 'accepted' ? { result: why } : { reason: why }), text: `attempt ${number} of ${operation} ${end}${why ? `: ${why}` : ''}`,
    })
  }

  const confirmed = received(0, 'odoo', 'sale.order', 1840, `sale.order/42/17`, 1)
  const accepted = event(31, confirmed, 'odoo', 'crossdock.order.accepted.v1', entity('order', order))
  const release = owed(accepted, 'warehouse', 'order.release', 'release-order', entity('order', order))
  attempt(412, release, 1, 'retry', 'did not take effect and is tried again', 'could not reach the system: connection refused')
  attempt(1_180, release, 2, 'accepted', 'took effect', '{"order_id":"WH-5531"}')
  const result = id()
  add(9, { step: 10, kind: 'message', mood: 'ok', system: 'warehouse', message: result, transmission: release.transmission, outcome: 'translated', events: 1, channel: 'result', body_bytes: 120, dedup_key: 'result', text: 'the result came back; it became 1 event' })
  event(14, result, 'warehouse', 'crossdock.order.released.v1', entity('order', order))

  const shipped = received(3 * HOUR + 240_000, 'warehouse', 'shipment-update', 2210, `SU-88213`, 1)
  const pickedUp = event(22, shipped, 'warehouse', 'crossdock.shipment.picked_up.v1', shipment(1))
  const fulfil = owed(pickedUp, 'odoo', 'picking.fulfil', 'fulfil-picking', shipment(1))
  attempt(530, fulfil, 1, 'accepted', 'took effect', '{"picking":"WH/OUT/00017","backorder":"WH/OUT/00018"}')

  const left = received(41 * 60_000, 'fleet', 'route-stop-departure', 930, 'evt-51', 1)
  event(18, left, 'fleet', 'crossdock.shipment.departed.v1', shipment(1))

  const signed = received(2 * HOUR + 780_000, 'fleet', 'document-submitted', 48_213, 'doc-9931', 1)
  const captured = event(35, signed, 'fleet', 'crossdock.pod.captured.v1', entity('proof_of_delivery', `${order}-1/1`))
  const attach = owed(captured, 'odoo', 'delivery.attach_proof', 'attach-proof', shipment(1))
  const invoice = owed(captured, 'odoo', 'invoice.create_and_post', 'invoice-delivery', shipment(1))
  attempt(640, attach, 1, 'unknown', 'may have taken effect', 'no answer: the connection broke after 30000 ms')
  attempt(2_050, attach, 2, 'accepted', 'took effect', '{"attachment":811}')
  if (isStuck) {
    attempt(700, invoice, 1, 'refused', 'was refused', 'Odoo: “You cannot validate an invoice with an inactive currency. Please reactivate the currency USD.”')
    add(0, {
      step: 9, kind: 'transmission', mood: 'problem', system: 'odoo', transmission: invoice.transmission, about: shipment(1),
      outcome: 'paused', operation: 'invoice.create_and_post', flow: 'invoice-delivery',
      reason: 'Odoo: “You cannot validate an invoice with an inactive currency. Please reactivate the currency USD.”',
      text: 'invoice.create_and_post is paused: Odoo: “You cannot validate an invoice with an inactive currency. Please reactivate the currency USD.”',
    })
    add(3, {
      step: 9, kind: 'exception', mood: 'problem', system: 'odoo', transmission: invoice.transmission,
      outcome: 'open', class: 'transmission_refused', severity: 'high', owner: 'billing-desk',
      reason: `The invoice of shipment ${order}-1 was refused by odoo: reactivate the currency USD there, then resume it`,
      text: `exception transmission_refused for billing-desk: The invoice of shipment ${order}-1 was refused by odoo: reactivate the currency USD there, then resume it`,
    })
  } else {
    attempt(700, invoice, 1, 'accepted', 'took effect', '{"invoice":"INV/2026/00042"}')
    const posted = id()
    add(8, { step: 10, kind: 'message', mood: 'ok', system: 'odoo', message: posted, transmission: invoice.transmission, outcome: 'translated', events: 1, channel: 'result', body_bytes: 120, dedup_key: 'result', text: 'the result came back; it became 1 event' })
    const released = event(15, posted, 'odoo', 'crossdock.invoice.released.v1', entity('invoice', 'INV/2026/00042'))
    const notify = owed(released, 'customer', 'event.notify', 'notify-customer', entity('invoice', 'INV/2026/00042'))
    attempt(210, notify, 1, 'accepted', 'took effect')
  }
  const view = (name, status, version, updated, data, references) => ({ ...name, status, version, updated_at: at(updated), data, references })
  const reference = (name, system, kind, value) => ({ entity: name, system, kind, value })
  const of = entity('order', order)
  const entities = [
    view(of, 'released', 2, 1_700, { number: order, customer: 'AZ-1001', currency: 'USD', lines: [{ item: 'SKU-1', quantity: '10', unit: 'C62' }] }, [
      reference(of, 'odoo', 'sale.order', order.slice(-2)), reference(of, 'warehouse', 'order_id', `WH-55${order.slice(-2)}`),
    ]),
    view(shipment(1), 'delivered', 3, 6 * HOUR, { number: `${order}-1`, order, carrier: 'own fleet', parcels: 2 }, [
      reference(shipment(1), 'warehouse', 'tracking_number', `1Z999AA101234567${order.slice(-2)}`), reference(shipment(1), 'odoo', 'stock.picking', `WH/OUT/000${order.slice(-2)}`),
    ]),
    view(entity('proof_of_delivery', `${order}-1/1`), 'captured', 1, 6 * HOUR, { shipment: `${order}-1`, signed_by: 'M. Ortega' }, []),
    ...(isStuck ? [] : [view(entity('invoice', 'INV/2026/00042'), 'released', 1, 6 * HOUR, { number: 'INV/2026/00042', shipment: `${order}-1`, total: '1249.90' }, [])]),
  ]
  return { entities, entries, cut: false, stuck: isStuck ? invoice.transmission : undefined }
}

/** A hub's state that actions change. */
export function scenario() {
  const stuck = story('S00042', true)
  const done = story('S00041', false)
  const stories = new Map()
  for (const [order, told] of [['S00042', stuck], ['S00041', done]]) {
    const { stuck: _, ...trace } = told
    for (const name of trace.entities) {
      stories.set(name.key, trace)
      stories.set(`${name.kind}/${name.key}`, trace)
      for (const reference of name.references) if (!stories.has(reference.value)) stories.set(reference.value, trace)
    }
    for (const entry of trace.entries) {
      for (const id of [entry.message, entry.event, entry.transmission]) if (id) stories.set(id, trace)
    }
    stories.set(order, trace)
  }

  const row = (of, about, operation, system, reason, hours) => ({
    id: of ?? id(), system, operation, flow: 'invoice-delivery', about, key: 'order/S00042', state: 'paused', reason, attempts: 1,
    created_at: at(hours * HOUR), due_at: at(hours * HOUR), last_problem: reason,
  })
  const refused = 'Odoo: “You cannot validate an invoice with an inactive currency. Please reactivate the currency USD.”'
  const paused = [
    row(stuck.stuck, entity('shipment', 'S00042-1'), 'invoice.create_and_post', 'odoo', refused, 6),
    row(undefined, entity('shipment', 'S00043-1'), 'invoice.create_and_post', 'odoo', refused, 8),
    row(undefined, entity('shipment', 'S00047-2'), 'picking.fulfil', 'odoo', 'Odoo: “Not enough stock of SKU-7 at WH/Stock: 3 of 5.”', 20),
    row(undefined, entity('order', 'S00050'), 'order.release', 'warehouse', 'retries are used up after 24 h: status 503', 25),
  ]
  const exceptions = [
    {
      id: id(), class: 'transmission_refused', severity: 'high', fingerprint: 'a', status: 'open', owner: 'billing-desk', count: 2,
      summary: 'The invoices of 2 shipments were refused by odoo: reactivate the currency USD there, then resume them.',
      affects: [entity('shipment', 'S00042-1'), entity('order', 'S00042'), entity('shipment', 'S00043-1')],
      system: 'odoo', flow: 'invoice-delivery', message: null, transmission: stuck.stuck, opened_at: at(6 * HOUR), closed_at: null,
    },
    {
      id: id(), class: 'unknown_partner_code', severity: 'medium', fingerprint: 'b', status: 'open', owner: 'warehouse-desk', count: 14,
      summary: 'warehouse says carrier “GLS-EXPRESS-PLUS”, which is in no code list: add it to codes/carriers.yaml, then run the message again.',
      affects: [], system: 'warehouse', flow: 'warehouse-shipments', message: done.entries[0].message, transmission: null,
      opened_at: at(26 * HOUR), closed_at: null,
    },
    {
      id: id(), class: 'system_unusable', severity: 'high', fingerprint: 'c', status: 'open', owner: 'customer-desk', count: 1,
      summary: 'customer answers 401: its token was revoked or has expired. Set a new one, then resume the system.',
      affects: [], system: 'customer', flow: null, message: null, transmission: null, opened_at: at(26.4 * HOUR), closed_at: null,
    },
    {
      id: id(), class: 'prerequisite_late', severity: 'medium', fingerprint: 'd', status: 'resolved', owner: 'fleet-desk', count: 1,
      summary: 'The proof for shipment S00039-1 waited 4 h for its picking; it went on.',
      affects: [entity('shipment', 'S00039-1')], system: 'odoo', flow: 'attach-proof', message: null, transmission: null,
      opened_at: at(2 * HOUR), closed_at: at(5 * HOUR),
    },
  ]
  const reasons = [
    ['fleet', 401, 'XD-1014', 'signature does not match', '/in/fleet/document-submitted', '203.0.113.44', 912],
    [null, 404, 'XD-1001', 'there is no system `wharehouse` here', '/in/wharehouse', '198.51.100.7', 0],
    ['warehouse', 413, 'XD-1002', 'the body is larger than 10485760 bytes', '/in/warehouse/shipment-update', '127.0.0.1, by its own word for 203.0.113.9', 104857600],
  ]
  const rejections = Array.from({ length: 57 }, (_, n) => {
    const [system, status, code, reason, path, peer, body_bytes] = reasons[n % 3]
    return { system, at: at(27 * HOUR - n * 1_300_000), status, code, reason, path, peer, body_bytes }
  })
  const messages = [...stuck.entries, ...done.entries].filter((entry) => entry.kind === 'message').map((entry) => ({
    id: entry.message, system: entry.system, channel: entry.transmission ? 'result' : 'shipment-update',
    dedup_key: `key-${entry.message.slice(-4)}`, received_at: entry.at, body_bytes: 2210, state: 'translated', events: 1,
  }))
  messages.push({
    id: id(), system: 'warehouse', channel: 'shipment-update', dedup_key: 'SU-88299', received_at: at(26 * HOUR), body_bytes: 2304,
    state: 'failed', exception: exceptions[1].id,
  })
  messages.sort((a, b) => b.received_at.localeCompare(a.received_at))
  const systems = SYSTEMS.map((name) => ({
    name, connector: name === 'odoo' ? 'odoo' : name === 'fleet' ? 'samsara' : name === 'warehouse' ? 'shiphero' : 'webhook',
    domain: { customer: 'crm', fleet: 'fleet', odoo: 'erp', warehouse: 'warehouse' }[name],
    zone: name === 'odoo' ? 'internal' : 'external', owner: `${name}-desk`,
    paused: name === 'customer' ? 'the system answers 401: its token was revoked or has expired' : null,
    paused_since: name === 'customer' ? at(26.4 * HOUR) : null,
    breaker: name === 'warehouse' ? 'open' : 'closed',
    messages: { translated: { customer: 0, fleet: 8_412, odoo: 3_120, warehouse: 4_877 }[name], failed: name === 'warehouse' ? 1 : 0 },
    transmissions: {
      done: { customer: 2_981, fleet: 0, odoo: 9_204, warehouse: 3_119 }[name], owed: { customer: 12, fleet: 0, odoo: 2, warehouse: 5 }[name],
      held: name === 'odoo' ? 3 : 0, paused: paused.filter((row) => row.system === name).length,
    },
    last_message_at: name === 'customer' ? null : new Date(Date.now() - { fleet: 4_000, odoo: 61_000, warehouse: 26 * 60_000 }[name]).toISOString(),
  }))
  const entities = [...stuck.entities, ...done.entities]
  return { stories, entities, paused, exceptions, rejections, messages, systems }
}

/** The overview as the hub counts it. */
export function overview(state) {
  const sum = (word) => state.systems.reduce((all, system) => all + (system.transmissions[word] ?? 0), 0)
  return {
    hub: 'order-to-cash', config: '9f2c41d08a77be35', at: new Date().toISOString(), systems: state.systems, events: 21_773,
    messages_waiting: 1, messages_failed: 1, transmissions_open: sum('owed'), transmissions_held: sum('held'),
    transmissions_paused: state.paused.length, transmissions_done: sum('done'),
    exceptions_open: state.exceptions.filter((exception) => exception.status === 'open').length, rejections: state.rejections.length,
  }
}
