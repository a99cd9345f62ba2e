// A tiny server with the console's build and the made-up hub, for development and for looking at the pages. It has
// the hub's security headers, so that what they forbid is noticed here already.

import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { entityAnswer, KINDS } from './entities.mjs'
import { overview, scenario } from './scenario.mjs'

const DIST = fileURLToPath(new URL('../dist', import.meta.url))
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' }
const SEAL = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; manifest-src 'self'; " +
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
}

class Refusal extends Error {
  constructor(status, code, detail) {
    super(detail)
    Object.assign(this, { status, code })
  }
}

/** Serves on a free port; `mood` may be `quiet` (nothing waits), `empty` (a new hub) or `locked` (asks for a token). */
export async function mock(mood = '', port = 0) {
  const state = scenario()
  if (mood === 'quiet' || mood === 'empty') {
    Object.assign(state, { paused: [], exceptions: [], rejections: [] })
    for (const system of state.systems) Object.assign(system, { paused: null, paused_since: null, breaker: 'closed', transmissions: { ...system.transmissions, paused: 0, owed: 0, held: 0 } })
  }
  if (mood === 'empty') {
    Object.assign(state, { messages: [], entities: [] })
    for (const system of state.systems) Object.assign(system, { messages: {}, transmissions: {}, last_message_at: null })
  }
  const server = createServer((request, response) => {
    answer(state, mood, request)
      .catch((error) => problem(error))
      .then(({ status = 200, type, body }) => response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', ...SEAL }).end(body))
  })
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => new Promise((done) => { server.closeAllConnections(); server.close(done) }) }
}

function problem(error) {
  const { status = 500, code = 'XD-1107' } = error
  return { status, type: 'application/problem+json', body: JSON.stringify({ type: `/errors/${code}`, title: 'made up', status, detail: error.message, code }) }
}

async function answer(state, mood, request) {
  const url = new URL(request.url, 'http://localhost')
  if (!url.pathname.startsWith('/api/')) return file(url.pathname)
  if (mood === 'locked' && request.headers.authorization !== 'Bearer s3cret') throw new Refusal(401, 'XD-1101', 'this is not the hub\'s token')
  const value = request.method === 'POST' ? act(state, url.pathname, await bodyOf(request)) : look(state, url)
  return { type: 'application/json', body: JSON.stringify(value) }
}

async function file(path) {
  const name = extname(path) in TYPES ? path : '/index.html'
  try {
    return { type: TYPES[extname(name)], body: await readFile(join(DIST, name)) }
  } catch {
    if (name === '/index.html') throw new Refusal(500, '', 'the console is not built: run `npm run build` first')
    throw new Refusal(404, 'XD-1008', 'there is nothing at this address')
  }
}

function look(state, url) {
  const query = Object.fromEntries(url.searchParams)
  const list = (items) => {
    const [skip, limit] = [Number(query.skip ?? 0), Number(query.limit ?? 50)]
    return { items: items.slice(skip, skip + limit), more: items.length > skip + limit }
  }
  const has = (row) => (!query.system || row.system === query.system) && (!query.state || row.state === query.state)
  switch (url.pathname) {
    case '/api/overview': return overview(state)
    case '/api/messages': return list(state.messages.filter(has))
    case '/api/transmissions': return list(state.paused.filter((row) => has(row) && (!query.about || nameOf(row.about) === query.about)))
    case '/api/exceptions': return list(state.exceptions.filter((row) => isWanted(row, query)))
    case '/api/kinds': return { items: KINDS, more: false }
    case '/api/rejections': return list(state.rejections)
    case '/api/trace': {
      const trace = state.stories.get(query.reference)
      if (!trace) throw new Refusal(404, 'XD-1104', `nothing is known by \`${query.reference}\``)
      return { reference: query.reference, ...trace }
    }
    default: {
      const found = url.pathname.startsWith('/api/entities') ? entityAnswer(state, url) : undefined
      if (found) return found
      throw new Refusal(404, 'XD-1104', 'there is nothing at this address')
    }
  }
}

const nameOf = ({ kind, key }) => `${kind}/${key}`

function isWanted(row, query) {
  return (
    (query.open !== 'true' || row.status === 'open') &&
    ['class', 'severity', 'system'].every((name) => !query[name] || row[name] === query[name]) &&
    (!query.entity || row.affects.some((name) => nameOf(name) === query.entity))
  )
}

function act(state, path, body) {
  if (!body.reason) throw new Refusal(400, 'XD-1103', 'an action needs a `reason`')
  const [, , what, name, action] = path.split('/')
  if (what === 'messages') {
    const message = state.messages.find((row) => row.id === name)
    if (message) Object.assign(message, { state: 'translated', events: 1, exception: undefined })
    return { done: true }
  }
  if (action === 'cancel') {
    state.paused = state.paused.filter((row) => row.id !== name)
    return { done: true }
  }
  const system = state.systems.find((row) => row.name === (what === 'systems' ? name : body.system))
  if (action === 'pause') {
    Object.assign(system, { paused: body.reason, paused_since: new Date().toISOString() })
    return { done: true }
  }
  const goes = state.paused.filter((row) => body.ids?.includes(row.id) || row.system === system?.name)
  // One of them is refused, so that this can be seen as well.
  const refused = goes.filter((row) => row.about.key === 'S00047-2').map((row) => `${row.id}: the picking was cancelled in Odoo`)
  const resumed = goes.filter((row) => row.about.key !== 'S00047-2')
  state.paused = state.paused.filter((row) => !resumed.includes(row))
  const systems = system?.paused ? [system.name] : []
  if (system) Object.assign(system, { paused: null, paused_since: null })
  for (const row of state.systems) row.transmissions.paused = state.paused.filter((other) => other.system === row.name).length
  return { transmissions: resumed.map((row) => row.id), systems, refused }
}

async function bodyOf(request) {
  let text = ''
  for await (const chunk of request) text += chunk
  return JSON.parse(text)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await mock(process.argv[2] ?? '', 8482)
  console.log(`a made-up hub answers at ${url}`)
}
