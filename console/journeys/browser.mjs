// Starts the machine's Chromium and gives each journey a page of its own, watched for errors.

import { existsSync } from 'node:fs'

import { chromium } from 'playwright-core'

const CANDIDATES = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
]
const PATIENCE_MS = 30_000

export async function open() {
  const executablePath = CANDIDATES.find((path) => path && existsSync(path))
  if (!executablePath) throw new Error('no Chromium on this machine: install the package `chromium`, or set CHROMIUM to its path')
  return chromium.launch({ executablePath, headless: true, args: FLAGS })
}

/**
 * Runs `journey` on a new page. Errors that the page itself reports fail it; `allowed` are patterns of messages that a
 * journey brings about on purpose.
 */
export async function visit(browser, url, settings, journey, allowed = []) {
  const { width = 1440, height = 900, ...rest } = settings
  const context = await browser.newContext({ baseURL: url, viewport: { width, height }, locale: 'en-GB', ...rest })
  const page = await context.newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  const errors = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') errors.push(message.text())
  })
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('requestfailed', (request) => {
    // Leaving a page gives up what it was asking.
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') errors.push(`${request.url()}: ${request.failure()?.errorText}`)
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) errors.push(`asks elsewhere: ${request.url()}`)
  })
  try {
    await journey(page)
    const bad = errors.filter((error) => !allowed.some((pattern) => pattern.test(error)))
    if (bad.length > 0) throw new Error(`the page reports: ${bad.join(' | ')}`)
  } catch (error) {
    if (process.env.CROSSDOCK_SHOTS) await page.screenshot({ path: `${process.env.CROSSDOCK_SHOTS}/failed-${Date.now()}.png`, fullPage: true })
    throw error
  } finally {
    await context.close()
  }
}
