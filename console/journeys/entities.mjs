// What the made-up hub answers about entities: made of the stories of the scenario.

const field = (name, meaning, refers_to) => ({ name, meaning, ...(refers_to && { refers_to }) })

export const KINDS = [
  {
    name: 'order', meaning: 'A demand for goods: sale, purchase, transfer or return.', key: ['number'],
    states: ['draft', 'submitted', 'accepted', 'released', 'shipped', 'delivered', 'closed', 'cancelled'],
    fields: [
      field('number', 'Its number.'), field('customer', 'Who ordered.', 'customer_account'), field('currency', 'ISO 4217.'),
      field('lines', 'What was ordered.'),
    ],
  },
  {
    name: 'shipment', meaning: 'Goods moving from one origin to one destination under one movement promise.', key: ['number'],
    states: ['planned', 'ready', 'picked_up', 'in_transit', 'delivered', 'closed'],
    fields: [field('number', 'Its number.'), field('order', 'The order it fulfils.', 'order'), field('carrier', 'Who carries it.'), field('parcels', 'How many.')],
  },
  {
    name: 'proof_of_delivery', meaning: 'Evidence that goods were handed over.', key: ['shipment', 'attempt'], states: ['captured', 'accepted'],
    fields: [field('shipment', 'What was delivered.', 'shipment'), field('signed_by', 'Who received it.')],
  },
  {
    name: 'invoice', meaning: 'A demand for payment.', key: ['number'], states: ['draft', 'released', 'paid'],
    fields: [field('number', 'Its number.'), field('shipment', 'What it is for.', 'shipment'), field('total', 'With tax.')],
  },
]

const same = (a, b) => a.kind === b.kind && a.key === b.key

/** The entities that the data of one name. */
function speaksOf(entity) {
  const kind = KINDS.find((kind) => kind.name === entity.kind)
  return (kind?.fields ?? [])
    .filter((field) => field.refers_to && entity.data[field.name] && field.refers_to !== 'customer_account')
    .map((field) => ({ kind: field.refers_to, key: entity.data[field.name] }))
}

function links(state, entity) {
  const told = (name) => ({ ...name, status: state.entities.find((other) => same(other, name))?.status ?? null })
  const others = state.entities.filter((other) => speaksOf(other).some((name) => same(name, entity)))
  return {
    entity: { kind: entity.kind, key: entity.key }, speaks_of: speaksOf(entity).map(told),
    spoken_of_by: others.map(({ kind, key, status }) => ({ kind, key, status })), more: [],
  }
}

/** Every event of its story, the first of which says all its fields. */
function history(state, entity) {
  const { entries } = state.stories.get(`${entity.kind}/${entity.key}`)
  const events = entries.filter((entry) => entry.kind === 'event' && same(entry.about, entity))
  let status = ''
  const items = events.map((entry, at) => {
    const to = entry.event_type.split('.')[2]
    const moved = { from: status, to }
    status = to
    return {
      version: at + 1, event: entry.event, type: entry.event_type, time: entry.happened_at, recorded_at: entry.at, message: entry.message,
      flow: 'made-up', system: entry.system, status: moved, out_of_order: false, no_effect: false,
      changes: at === 0 ? Object.entries(entity.data).map(([name, value]) => ({ pointer: `/${name}`, from: null, to: value })) : [],
      not_applied: at === 1 && entity.data.currency ? [{ pointer: '/currency', said: 'EUR', kept: 'USD' }] : [],
    }
  })
  return { entity: { kind: entity.kind, key: entity.key }, items, next: null, cut: false }
}

/** The answer to a path under `/api/entities`; undefined when there is nothing. */
export function entityAnswer(state, url) {
  const [kind, key, more] = url.pathname.split('/').slice(3).map(decodeURIComponent)
  const query = Object.fromEntries(url.searchParams)
  if (kind === undefined) {
    const { reference } = query
    const items = state.entities.filter((entity) => entity.key === reference || entity.references.some((it) => it.value === reference))
    return { items, more: false }
  }
  if (key === undefined) {
    const fits = (entity) => entity.kind === kind && (!query.status || entity.status === query.status) && (!query.system || entity.references.some((it) => it.system === query.system))
    return { items: state.entities.filter(fits), next: null }
  }
  const entity = state.entities.find((entity) => same(entity, { kind, key }))
  if (!entity) return undefined
  return { undefined: entity, links: links(state, entity), history: history(state, entity) }[more]
}
