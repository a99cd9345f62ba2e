// A real hub for the journeys: made by `crossdock init`, sent orders, with a customer system that refuses some of them,
// so that something is done, something is paused and somebody was turned away.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const PATIENCE_MS = 60_000
const ORDERS = 6

/** Starts `program` and brings it there. */
export async function realHub(program) {
  const scratch = mkdtempSync(join(tmpdir(), 'crossdock-journeys-'))
  const folder = join(scratch, 'hub')
  const made = spawnSync(program, ['init', folder], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`crossdock init failed: ${made.stderr}`)
  const settings = join(folder, 'hub.yaml')
  writeFileSync(settings, readFileSync(settings, 'utf8').replace(/127\.0\.0\.1:848[01]/g, '127.0.0.1:0'))

  const customer = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    // Every other order is one that this customer does not know.
    const isKnown = !/WEB-100[135]/.test(body)
    response.writeHead(isKnown ? 200 : 422, { 'content-type': 'application/json' })
    response.end(JSON.stringify(isKnown ? {} : { error: 'this order is not ours' }))
  })
  await new Promise((ready) => customer.listen(0, '127.0.0.1', ready))

  const hub = spawn(program, ['run', folder, '--log-format', 'json'], {
    env: { ...process.env, CUSTOMER_URL: `http://127.0.0.1:${customer.address().port}/` },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const close = async () => {
    if (hub.exitCode === null) {
      hub.kill('SIGTERM')
      await once(hub, 'exit')
    }
    customer.closeAllConnections()
    await new Promise((closed) => customer.close(closed))
    rmSync(scratch, { recursive: true, force: true })
    return hub.exitCode
  }
  try {
    const { ingress, console } = await started(hub)
    const url = `http://${console}`
    const token = readFileSync(join(folder, 'secrets/shop'), 'utf8').trim()
    const sample = JSON.parse(readFileSync(join(folder, 'tests/samples/order.json'), 'utf8'))
    for (let n = 1; n <= ORDERS; n++) {
      const order = { ...sample, event_id: `evt-${n}`, id: 8000 + n, number: `WEB-100${n}` }
      await send(ingress, token, order, 202)
      await send(ingress, token, order, 202)
    }
    await send(ingress, 'wrong', sample, 401)
    await until(url, '/api/transmissions?state=paused', ({ items }) => items.length === ORDERS / 2)
    await until(url, '/api/overview', (overview) => overview.transmissions_done === ORDERS / 2 && overview.rejections === 1)
    return { url, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function started(hub) {
  const log = []
  for await (const line of createInterface({ input: hub.stderr })) {
    log.push(line)
    const entry = JSON.parse(line)
    if (entry.message === 'the hub is running') {
      // What it says further is not kept, but has to be read.
      hub.stderr.resume()
      return entry
    }
  }
  throw new Error(`the hub ended while starting:\n${log.join('\n')}`)
}

async function send(ingress, token, order, status) {
  const response = await fetch(`http://${ingress}/in/shop/order`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-shop-token': token },
    body: JSON.stringify(order),
  })
  if (response.status !== status) throw new Error(`an order was answered ${response.status}: ${await response.text()}`)
}

async function until(url, path, isSo) {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const value = await (await fetch(url + path)).json()
    if (isSo(value)) return
    if (Date.now() > deadline) throw new Error(`${path} stays at ${JSON.stringify(value)}`)
    await new Promise((rest) => setTimeout(rest, 100))
  }
}
