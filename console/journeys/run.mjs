// Runs the journeys. Against which hub: `--hub PROGRAM` starts a real one with that binary, `--mock` makes one up, else
// it is the one at CROSSDOCK_CONSOLE_URL (with CROSSDOCK_TOKEN where it asks for one). CROSSDOCK_SHOTS names a folder for
// pictures of every page and of every failure.

import { mkdirSync } from 'node:fs'

import { open, visit } from './browser.mjs'
import { realHub } from './hub.mjs'
import { entityPage, journeys, knownEntity, knownReference, moods } from './journeys.mjs'
import { mock } from './mock.mjs'

const SHOTS = process.env.CROSSDOCK_SHOTS
const isMock = process.argv.includes('--mock')
const program = process.argv[process.argv.indexOf('--hub') + 1 || process.argv.length]
if (!isMock && !program && !process.env.CROSSDOCK_CONSOLE_URL) {
  console.error('say which hub: --hub and the program, --mock for a made-up one, or CROSSDOCK_CONSOLE_URL for one that runs')
  process.exit(2)
}

const browser = await open()
const made = isMock ? await mock() : program ? await realHub(program) : undefined
const hub = { url: (made?.url ?? process.env.CROSSDOCK_CONSOLE_URL).replace(/\/$/, ''), token: process.env.CROSSDOCK_TOKEN }
let [passed, failed] = [0, 0]

async function go({ name, settings = {}, allowed = [], run, mood }) {
  const begun = Date.now()
  const own = mood === undefined ? undefined : await mock(mood)
  const at = own ?? hub
  try {
    await visit(browser, at.url, settings, async (page) => {
      if (hub.token && !own) await page.addInitScript((token) => sessionStorage.setItem('crossdock.token', token), hub.token)
      await run(page, at)
    }, allowed)
    passed += 1
    console.log(`ok      ${String(Date.now() - begun).padStart(6)} ms  ${name}`)
  } catch (error) {
    failed += 1
    console.log(`FAILED  ${String(Date.now() - begun).padStart(6)} ms  ${name}\n${String(error.stack ?? error).replace(/^/gm, '        ')}`)
  } finally {
    await own?.close()
  }
}

async function takePictures() {
  mkdirSync(SHOTS, { recursive: true })
  const reference = await knownReference(hub)
  const entity = entityPage(await knownEntity(hub))
  const pages = { overview: '/', find: '/find', entities: '/entities/shipment', entity, timeline: `/timeline/${encodeURIComponent(reference)}`, paused: '/paused', exceptions: '/exceptions', messages: '/messages', rejections: '/rejections' }
  for (const [name, path] of Object.entries(pages)) {
    for (const [look, settings] of [['wide', { width: 1440 }], ['dark', { width: 1440, colorScheme: 'dark' }], ['narrow', { width: 360, height: 740 }]]) {
      await visit(browser, hub.url, settings, async (page) => {
        if (hub.token) await page.addInitScript((token) => sessionStorage.setItem('crossdock.token', token), hub.token)
        await page.goto(path)
        await page.waitForFunction(() => !document.querySelector('.loading'))
        await page.screenshot({ path: `${SHOTS}/${name}-${look}.png`, fullPage: true })
      })
    }
  }
}

if (SHOTS) await takePictures()
for (const journey of isMock ? [...journeys, ...moods] : journeys) await go(journey)
await browser.close()
const ended = await made?.close()
if (program && !isMock && ended !== 0) {
  failed += 1
  console.log(`FAILED  the hub ended with ${ended}`)
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed > 0 || passed === 0 ? 1 : 0)
