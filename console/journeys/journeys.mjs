// What people do with the console. Each journey uses a page of its own and what the hub itself says it knows.

import assert from 'node:assert/strict'

import { faults, tabThrough } from './accessibility.mjs'

const PAGES = ['/', '/find', '/entities', '/entities?reference=no-such-number', '/exceptions?show=all', '/paused', '/messages', '/rejections']

/** Asks the hub's API beside the browser. */
export async function ask(hub, path) {
  const response = await fetch(hub.url + path, { headers: hub.token ? { authorization: `Bearer ${hub.token}` } : {} })
  if (!response.ok) throw new Error(`${path} answers ${response.status}: ${await response.text()}`)
  return response.json()
}

/** A reference that has a story: what a person would look for, else the id of a message. */
export async function knownReference(hub) {
  if (process.env.CROSSDOCK_JOURNEY_REFERENCE) return process.env.CROSSDOCK_JOURNEY_REFERENCE
  const { items } = await ask(hub, '/api/messages?state=translated&limit=1')
  assert(items.length > 0, 'the hub has no message that became an event: let it receive one before the journeys')
  const story = await ask(hub, `/api/trace?reference=${items[0].id}`)
  return story.entities[0]?.key ?? items[0].id
}

/** An entity that the hub knows: one of the story of the known reference. */
export async function knownEntity(hub) {
  const story = await ask(hub, `/api/trace?reference=${encodeURIComponent(await knownReference(hub))}`)
  assert(story.entities.length > 0, 'the known story is about no entity')
  return story.entities[0]
}

/** The page of an entity. */
export function entityPage({ kind, key }) {
  return `/entities/${[kind, ...key.split('/')].map(encodeURIComponent).join('/')}`
}

/** The list of choices of a filter. */
const filter = (page, name) => page.locator('.filters label').filter({ hasText: new RegExp(`^\\s*${name}`) }).locator('select')

const title = (page) => page.locator('#title')

async function goesTo(page, path, name) {
  await page.waitForURL((url) => url.pathname === path)
  await page.getByRole('heading', { level: 1, name, exact: true }).waitFor()
}

/** Compares the page with the hub again when the hub has gone on between the two: it is at work meanwhile. */
async function settled(compare) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await compare()
    } catch (told) {
      if (tries === 4) throw told
    }
  }
}

export const journeys = [
  {
    name: 'the overview shows the figures that the hub counts',
    async run(page, hub) {
      await page.goto('/')
      await page.getByRole('list', { name: 'Figures' }).waitFor()
      const overview = await ask(hub, '/api/overview')
      const figure = async (name) => {
        const text = await page.getByRole('list', { name: 'Figures' }).getByRole('listitem').filter({ hasText: name }).locator('.value').innerText()
        return Number(text.replaceAll(',', ''))
      }
      assert.equal(await figure('Exceptions'), overview.exceptions_open)
      assert.equal(await figure('Paused'), overview.transmissions_paused)
      assert.equal(await figure('Held'), overview.transmissions_held)
      const rows = page.getByRole('table').getByRole('row')
      assert.equal(await rows.count(), overview.systems.length + 1, 'one row per system and one of names')
      for (const system of overview.systems) await page.getByRole('rowheader', { name: system.name }).waitFor()
      const verdict = await page.getByLabel('Verdict').innerText()
      const isCalm = overview.exceptions_open + overview.transmissions_paused + overview.systems.filter((s) => s.paused !== null).length === 0
      assert.equal(verdict.includes('Nothing is waiting for a person'), isCalm, verdict)
      assert((await page.title()).includes(overview.hub))
    },
  },
  {
    name: 'a reference is found and its story is told',
    async run(page, hub) {
      const reference = await knownReference(hub)
      const story = await ask(hub, `/api/trace?reference=${encodeURIComponent(reference)}`)
      await page.goto('/')
      await page.getByRole('searchbox').fill(reference)
      await page.keyboard.press('Enter')
      await title(page).filter({ hasText: reference }).waitFor()
      await page.getByRole('heading', { name: 'Step by step' }).waitFor()
      assert((await page.locator('[data-entry]').count()) >= story.entries.length, 'every entry is told')
      await page.getByRole('img', { name: /^Picture: / }).waitFor()
      for (const entity of story.entities.slice(0, 8)) assert(await page.getByRole('article').filter({ hasText: entity.key }).first().isVisible())
      // What is behind an entry.
      const more = page.getByRole('button', { name: /^Details of/ }).first()
      await more.click()
      assert.equal(await more.getAttribute('aria-expanded'), 'true')
      await page.getByText('In full').first().waitFor()
      // A mark in the picture leads to its words.
      await page.locator('svg .mark').last().click()
      await page.locator('[data-entry].picked').waitFor()
      // Only what went wrong.
      await page.getByLabel('Problems and waiting only').check()
      const troubled = story.entries.filter((entry) => entry.mood !== 'ok').length
      await page.waitForFunction((n) => document.querySelectorAll('[data-entry]').length === n, troubled)
      // The address can be sent to a colleague.
      await page.reload()
      await title(page).filter({ hasText: reference }).waitFor()
      await page.goto('/find')
      await page.getByRole('link', { name: reference, exact: true }).waitFor()
    },
  },
  {
    name: 'an entity shows what is known of it, who said so, and what hangs on it',
    async run(page, hub) {
      const name = await knownEntity(hub)
      const at = `/api/entities/${name.kind}/${encodeURIComponent(name.key)}`
      const [entity, history, links] = await Promise.all([ask(hub, at), ask(hub, `${at}/history?limit=500`), ask(hub, `${at}/links`)])
      // From the list of its kind, by the keyboard.
      await page.goto('/entities')
      await filter(page, 'Kind').selectOption(name.kind)
      const link = page.getByRole('table', { name: 'Entities' }).getByRole('link', { name: name.key, exact: true })
      await link.focus()
      await page.keyboard.press('Enter')
      await title(page).filter({ hasText: name.key }).waitFor()
      await page.getByRole('table', { name: 'Fields' }).waitFor()
      const known = Object.entries(entity.data).filter(([, value]) => value !== null)
      assert.equal(await page.getByRole('table', { name: 'Fields' }).getByRole('rowheader').count(), known.length, 'every field')
      // Who changed a field last: the last event of its history that names it.
      const [field] = known[0]
      const last = history.items.findLast((item) => item.changes.some((change) => change.pointer.split('/')[1] === field))
      const row = page.getByRole('table', { name: 'Fields' }).getByRole('row').nth(1)
      assert((await row.innerText()).includes(last.system), `${field} was changed by ${last.system}`)
      assert.equal(await page.getByRole('list', { name: 'Events, newest first' }).locator('> li').count(), Math.min(history.items.length, 20))
      for (const reference of entity.references) await page.getByRole('region', { name: 'Numbers at other systems' }).getByText(reference.value).first().waitFor()
      // What it is linked with is a step away, and leads back.
      const other = [...links.spoken_of_by, ...links.speaks_of].find((other) => other.status !== null)
      if (other) {
        await page.getByRole('region', { name: 'Linked with' }).getByRole('link', { name: other.key, exact: true }).first().click()
        await title(page).filter({ hasText: other.key }).waitFor()
        await page.getByRole('region', { name: 'Linked with' }).getByRole('link', { name: name.key, exact: true }).first().waitFor()
        await page.goBack()
        await title(page).filter({ hasText: name.key }).waitFor()
      }
      await page.getByRole('link', { name: 'Its story' }).click()
      await page.getByRole('heading', { name: 'Step by step' }).waitFor()
    },
  },
  {
    name: 'an entity is found by what any system calls it',
    allowed: [/404/],
    async run(page, hub) {
      const name = await knownEntity(hub)
      const { references } = await ask(hub, `/api/entities/${name.kind}/${encodeURIComponent(name.key)}`)
      const value = references[0]?.value ?? name.key
      await page.goto('/entities')
      await page.getByRole('searchbox', { name: 'Any reference' }).fill(value)
      await page.keyboard.press('Enter')
      await page.waitForURL(/reference=/)
      await page.getByRole('table', { name: 'Entities' }).getByRole('link', { name: `${name.kind}/${name.key}`, exact: true }).waitFor()
      // A number in the address leads to the one entity it stands for.
      await page.goto(`/entities/${name.kind}/${encodeURIComponent(value)}`)
      await title(page).filter({ hasText: name.key }).waitFor()
      await page.getByRole('table', { name: 'Fields' }).waitFor()
      await page.goto('/entities/shipment/no-such-number')
      await page.getByText('No shipment is known by “no-such-number”.').waitFor()
      await page.goto('/entities?reference=no-such-number')
      await page.getByText('Nothing is known by it.').waitFor()
      assert.equal(await page.getByRole('alert').count(), 0)
    },
  },
  {
    name: 'exceptions are filtered by class, severity, system and what they affect',
    async run(page, hub) {
      const { items } = await ask(hub, '/api/exceptions?limit=500')
      const one = items.find((item) => item.affects.length > 0) ?? items[0]
      assert(one, 'the hub has no exception: bring one about before the journeys')
      const count = async (query) => (await ask(hub, `/api/exceptions?limit=50&${query}`)).items.length
      const shown = async (n) => page.waitForFunction((n) => document.querySelectorAll('article').length === n, n)
      await page.goto('/exceptions?show=all')
      await filter(page, 'Class').selectOption(one.class)
      await page.waitForURL(/class=/)
      await shown(await count(`class=${one.class}`))
      await filter(page, 'Severity').selectOption(one.severity)
      await shown(await count(`class=${one.class}&severity=${one.severity}`))
      await page.getByRole('article').first().getByText(/severity/).waitFor({ state: 'attached' })
      await filter(page, 'Severity').selectOption(one.severity === 'low' ? 'high' : 'low')
      await page.getByText('No exception is like that.').waitFor()
      await page.goto('/exceptions?show=all')
      if (one.affects.length > 0) {
        const name = `${one.affects[0].kind}/${one.affects[0].key}`
        await page.getByLabel('Affects').fill(name)
        await page.keyboard.press('Enter')
        await page.waitForURL(/entity=/)
        await shown(await count(`entity=${encodeURIComponent(name)}`))
        await page.goto('/exceptions?show=all')
      }
      if (one.system) {
        await filter(page, 'System').selectOption(one.system)
        await shown(await count(`system=${one.system}`))
      }
    },
  },
  {
    name: 'what nobody knows is said, without an alarm',
    allowed: [/404/],
    async run(page) {
      await page.goto('/timeline/no%2Fsuch%20number')
      await page.getByText('Nothing is known by “no/such number”.').waitFor()
      assert.equal(await page.getByRole('alert').count(), 0)
      await page.goto('/no-such-page')
      await page.getByRole('heading', { level: 1, name: 'There is no such page' }).waitFor()
    },
  },
  {
    name: 'everything is reached by the keyboard alone',
    async run(page, hub) {
      const reference = await knownReference(hub)
      await page.goto('/')
      await page.getByRole('table').waitFor()
      await page.keyboard.press('Tab')
      assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Skip to the content')
      await page.keyboard.press('Enter')
      assert.equal(await page.evaluate(() => document.activeElement?.id), 'main')
      await page.keyboard.press('g')
      await page.keyboard.press('p')
      await goesTo(page, '/paused', 'Paused')
      assert.equal(await page.evaluate(() => document.activeElement?.id), 'title', 'a new page begins at its title')
      for (const [key, path, name] of [['e', '/exceptions', 'Exceptions'], ['m', '/messages', 'Messages'], ['r', '/rejections', 'Rejections'], ['n', '/entities', 'Entities'], ['f', '/find', 'Find'], ['o', '/', 'Overview']]) {
        await page.keyboard.press('g')
        await page.keyboard.press(key)
        await goesTo(page, path, name)
      }
      await page.keyboard.press('/')
      assert.equal(await page.evaluate(() => document.activeElement?.id), 'find')
      await page.keyboard.type(reference)
      await page.keyboard.press('Enter')
      await title(page).filter({ hasText: reference }).waitFor()
      await page.waitForFunction(() => document.activeElement?.id === 'title')
      await page.keyboard.press('?')
      await page.getByRole('dialog', { name: 'Keyboard' }).waitFor()
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'hidden' })
      assert.equal(await page.evaluate(() => document.activeElement?.id), 'title', 'the focus goes back')
      await page.goBack()
      await goesTo(page, '/', 'Overview')
      await page.getByRole('table').waitFor()
      assert((await tabThrough(page)) > 10)
      // Single keys can be switched off.
      await page.keyboard.press('?')
      await page.getByLabel('Single keys are on').uncheck()
      await page.keyboard.press('Escape')
      await page.keyboard.press('g')
      await page.keyboard.press('p')
      assert.equal(new URL(page.url()).pathname, '/')
    },
  },
  {
    name: 'lists show what the hub lists',
    async run(page, hub) {
      for (const [path, api] of [['/messages', '/api/messages?limit=50'], ['/rejections', '/api/rejections?limit=50']]) {
        const { items, more } = await settled(async () => {
          const listed = await ask(hub, api)
          await page.goto(path)
          await page.locator('p.card, tbody tr').first().waitFor()
          assert.equal(await page.locator('tbody tr').count(), listed.items.length, path)
          return listed
        })
        if (items.length === 0 || !more) continue
        await page.getByRole('button', { name: 'Older' }).click()
        await page.waitForURL(/skip=50/)
        await page.getByText(/^51 – /).waitFor()
      }
      await settled(async () => {
        const { items } = await ask(hub, '/api/exceptions?limit=50')
        await page.goto('/exceptions?show=all')
        await page.locator('.page .card').first().waitFor()
        assert.equal(await page.getByRole('article').count(), items.length, '/exceptions?show=all')
      })
    },
  },
  {
    name: 'nothing has to be scrolled sideways',
    async run(page, hub) {
      const reference = await knownReference(hub)
      const entity = entityPage(await knownEntity(hub))
      for (const width of [360, 768, 1024, 1440]) {
        await page.setViewportSize({ width, height: 800 })
        for (const path of [...PAGES, entity, `/timeline/${encodeURIComponent(reference)}`]) {
          await page.goto(path)
          await page.waitForFunction(() => !document.querySelector('.loading'))
          const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
          assert(over <= 0, `${path} at ${width} px is ${over} px too wide`)
        }
        if (width === 360) {
          await page.getByRole('button', { name: 'Menu' }).click()
          await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Overview' }).click()
          await goesTo(page, '/', 'Overview')
          await page.getByRole('navigation', { name: 'Pages' }).waitFor({ state: 'hidden' })
        }
      }
    },
  },
  ...['light', 'dark'].map((colorScheme) => ({
    name: `every page can be read and used by all, ${colorScheme}`,
    settings: { colorScheme },
    async run(page, hub) {
      const reference = await knownReference(hub)
      const entity = entityPage(await knownEntity(hub))
      const found = []
      for (const path of [...PAGES, entity, `/timeline/${encodeURIComponent(reference)}`]) {
        for (const width of [1440, 360]) {
          await page.setViewportSize({ width, height: 800 })
          await page.goto(path)
          await page.waitForFunction(() => !document.querySelector('.loading'))
          found.push(...(await faults(page)).map((fault) => `${path} at ${width}: ${fault}`))
        }
      }
      await page.setViewportSize({ width: 1440, height: 800 })
      await page.goto('/')
      await page.getByRole('button', { name: /^(Pause|Resume) / }).first().click()
      await page.getByRole('dialog').waitFor()
      found.push(...(await faults(page, { inDialog: true })).map((fault) => `dialog: ${fault}`))
      assert.deepEqual(found, [])
    },
  })),
  {
    name: 'a hub that does not answer is noticed, and noticed again when it is back',
    allowed: [/ERR_FAILED/, /Failed to load resource/],
    async run(page) {
      await page.goto('/')
      await page.getByRole('table').waitFor()
      await page.route('**/api/**', (route) => route.abort())
      await page.getByRole('alert').filter({ hasText: 'The hub does not answer' }).waitFor()
      assert(await page.getByRole('table').isVisible(), 'the last figures stay, marked as old')
      await page.unroute('**/api/**')
      await page.getByRole('alert').waitFor({ state: 'hidden', timeout: 20_000 })
    },
  },
  {
    name: 'a system is paused and resumed with a reason',
    async run(page, hub) {
      const { systems } = await ask(hub, '/api/overview')
      const system = systems.find((system) => system.paused === null)
      assert(system, 'the hub has no system in use')
      await page.goto('/')
      await page.getByRole('button', { name: `Pause ${system.name}`, exact: true }).click()
      const dialog = page.getByRole('dialog', { name: `Pause ${system.name}` })
      await dialog.getByText('Nothing more is sent').waitFor()
      await dialog.getByRole('button', { name: 'Pause', exact: true }).click()
      await dialog.getByText('Give a reason').waitFor()
      await dialog.getByLabel('Reason').fill('console journey: pause')
      await dialog.getByLabel('Your name').fill('Journey')
      await dialog.getByRole('button', { name: 'Pause', exact: true }).click()
      await dialog.waitFor({ state: 'hidden' })
      await page.getByRole('row').filter({ hasText: 'console journey: pause' }).waitFor()
      assert.equal((await ask(hub, '/api/overview')).systems.find((s) => s.name === system.name).paused, 'console journey: pause')
      await page.goto('/paused')
      await page.getByRole('button', { name: `Resume ${system.name}`, exact: true }).click()
      const again = page.getByRole('dialog', { name: `Resume ${system.name}` })
      assert.equal(await again.getByLabel('Your name').inputValue(), 'Journey', 'the browser remembers the name')
      await again.getByLabel('Reason').fill('console journey: resume')
      await again.getByRole('button', { name: 'Resume', exact: true }).click()
      await again.waitFor({ state: 'hidden' })
      await page.getByRole('status').filter({ hasText: 'used again' }).first().waitFor()
      assert.equal((await ask(hub, '/api/overview')).systems.find((s) => s.name === system.name).paused, null)
    },
  },
  {
    name: 'a paused transmission is resumed: its scope first, then a reason, then the result',
    async run(page, hub) {
      const { items } = await ask(hub, '/api/transmissions?state=paused&limit=500')
      assert(items.length > 0, 'the hub has no paused transmission: bring one about before the journeys')
      const wanted = items[0]
      await page.goto('/paused')
      const begin = page.getByRole('button', { name: 'Resume chosen…' })
      await begin.waitFor()
      assert(await begin.isDisabled(), 'nothing is chosen yet')
      await page.locator(`#row-${wanted.id}`).check()
      await page.getByText(`1 of ${items.length}`).waitFor()
      await begin.click()
      const dialog = page.getByRole('dialog', { name: 'Resume 1 transmission' })
      await dialog.getByText(`1 transmission to ${wanted.system}`).waitFor()
      await dialog.getByText(`${wanted.about.kind}/${wanted.about.key}`).waitFor()
      await dialog.getByRole('button', { name: 'Resume', exact: true }).click()
      await dialog.getByText('Give a reason').waitFor()
      await dialog.getByLabel('Reason').fill('console journey: the cause is gone')
      await page.keyboard.press('Tab')
      await dialog.getByRole('button', { name: 'Resume', exact: true }).click()
      await dialog.waitFor({ state: 'hidden' })
      await page.getByRole('status').filter({ hasText: '1 transmission goes on' }).first().waitFor()
    },
  },
  {
    name: 'a paused transmission is given up, after being told that this is final',
    async run(page, hub) {
      const { items } = await ask(hub, '/api/transmissions?state=paused&limit=500')
      const wanted = items.at(-1)
      assert(wanted, 'the hub has no paused transmission: bring two about before the journeys')
      await page.goto('/paused')
      await page.getByRole('listitem').filter({ has: page.locator(`#row-${wanted.id}`) }).getByRole('button', { name: /^Give up/ }).click()
      const dialog = page.getByRole('dialog', { name: 'Give up a transmission' })
      await dialog.getByText('This cannot be taken back').waitFor()
      await dialog.getByLabel('Reason').fill('console journey: ordered twice')
      await dialog.getByRole('button', { name: 'Give up', exact: true }).click()
      await dialog.waitFor({ state: 'hidden' })
      await page.getByText('is given up.').first().waitFor()
      await page.locator(`#row-${wanted.id}`).waitFor({ state: 'detached' })
      const still = await ask(hub, '/api/transmissions?state=paused&limit=500')
      assert(!still.items.some((row) => row.id === wanted.id))
    },
  },
]

/** Journeys that need a hub in a certain mood, which only the made-up one can have. */
export const moods = [
  {
    name: 'the checks find what is wrong when something is',
    mood: '',
    async run(page) {
      await page.goto('/')
      await page.getByRole('table').waitFor()
      await page.evaluate(() => {
        const wrong = document.createElement('div')
        wrong.innerHTML = '<h1 id="title">Twice</h1><button></button><p class="pale">hard to read</p><label for="none">x</label>'
        document.querySelector('main').append(wrong)
        wrong.querySelector('.pale').style.color = '#bbbbbb'
      })
      const found = (await faults(page)).join('; ')
      for (const fault of ['a button has no name', 'headings of level 1: 2', 'contrast 1.', 'the id title occurs', 'for names none', 'a target of']) {
        assert(found.includes(fault), `${fault} is not among ${found}`)
      }
    },
  },
  {
    name: 'a quiet hub says so',
    mood: 'quiet',
    async run(page) {
      await page.goto('/')
      await page.getByText('Nothing is waiting for a person.').waitFor()
      await page.goto('/paused')
      await page.getByText('No transmission is paused.').waitFor()
      await page.goto('/exceptions')
      await page.getByText('No exception is open.').waitFor()
    },
  },
  {
    name: 'a new hub has something to say too',
    mood: 'empty',
    async run(page) {
      await page.goto('/messages')
      await page.getByText('Nothing has come in yet.').waitFor()
      await page.goto('/rejections')
      await page.getByText('No request has been turned away.').waitFor()
      assert.deepEqual(await faults(page), [])
    },
  },
  {
    name: 'a hub with a token asks for it once',
    mood: 'locked',
    allowed: [/401/],
    async run(page) {
      await page.goto('/paused')
      const field = page.getByLabel('Token')
      await field.fill('wrong')
      await page.keyboard.press('Enter')
      await page.getByRole('alert').filter({ hasText: 'not the hub' }).waitFor()
      assert.deepEqual(await faults(page), [])
      await field.fill('s3cret')
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { level: 1, name: 'Paused' }).waitFor()
      await page.reload()
      await page.getByRole('heading', { level: 1, name: 'Paused' }).waitFor()
    },
  },
  {
    name: 'what could not be resumed is told with its reason',
    mood: '',
    async run(page) {
      await page.goto('/paused')
      await page.getByRole('checkbox', { name: /Choose all/ }).check()
      await page.getByRole('button', { name: 'Resume chosen…' }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByText('3 transmissions to odoo').waitFor()
      await dialog.getByText('1 transmission to warehouse').waitFor()
      await dialog.getByLabel('Reason').fill('USD is active again')
      await dialog.getByRole('button', { name: 'Resume', exact: true }).click()
      await page.getByText('3 transmissions go on; 1 could not.').first().waitFor()
      await page.getByText('the picking was cancelled in Odoo').waitFor()
      await page.getByRole('listitem').filter({ hasText: 'S00047-2' }).first().waitFor()
    },
  },
]
