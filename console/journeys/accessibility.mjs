// What can be found out about a page without a person: names, landmarks, headings, contrast, size of targets.

/** Everything that is wrong with the page as it stands. */
export async function faults(page, { inDialog = false } = {}) {
  const client = await page.context().newCDPSession(page)
  const { nodes } = await client.send('Accessibility.getFullAXTree')
  await client.detach()
  return [...ofTree(nodes, inDialog), ...(await page.evaluate(ofPage))]
}

const NAMED = ['button', 'link', 'textbox', 'searchbox', 'checkbox', 'combobox', 'dialog', 'img', 'image', 'navigation', 'search', 'table', 'article']

function ofTree(nodes, inDialog) {
  const faults = []
  const seen = nodes.filter((node) => !node.ignored)
  const of = (role) => seen.filter((node) => node.role?.value === role)
  for (const role of NAMED) {
    for (const node of of(role)) if (!node.name?.value) faults.push(`a ${role} has no name`)
  }
  // Behind an open dialog the page is not there for anybody.
  if (inDialog) return faults
  if (of('main').length !== 1) faults.push(`${of('main').length} main landmarks instead of one`)
  const levels = of('heading').map((node) => node.properties?.find((property) => property.name === 'level')?.value.value)
  if (levels.filter((level) => level === 1).length !== 1) faults.push(`headings of level 1: ${levels.filter((level) => level === 1).length}`)
  return faults
}

/** Runs in the page. */
function ofPage() {
  const faults = []
  const say = (element, text) => faults.push(`${text}: <${element.tagName.toLowerCase()} class="${element.getAttribute('class') ?? ''}"> “${(element.textContent ?? '').trim().slice(0, 40)}”`)

  const parse = (colour) => {
    const numbers = colour.match(/[\d.]+%?/g)?.map(Number) ?? []
    return colour.startsWith('rgb') && numbers.length >= 3 ? [...numbers.slice(0, 3), numbers[3] ?? 1] : undefined
  }
  const over = ([r, g, b, a], below) => [r, g, b].map((part, at) => part * a + below[at] * (1 - a))
  const luminance = (colour) => {
    const [r, g, b] = colour.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const contrast = (one, two) => {
    const [light, dark] = [luminance(one), luminance(two)].sort((a, b) => b - a)
    return (light + 0.05) / (dark + 0.05)
  }
  const isShown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && !element.closest('.visually-hidden, .skip')
  const backdrop = (element) => {
    const layers = []
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor)
      if (colour && colour[3] > 0) layers.push(colour)
      if (colour && colour[3] === 1) break
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255])
  }

  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  const checked = new Set()
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement
    if (!element || checked.has(element) || node.data.trim() === '' || element.closest('[disabled], script, noscript')) continue
    checked.add(element)
    if (!isShown(element)) continue
    const style = getComputedStyle(element)
    const isSvg = element instanceof SVGElement
    const colour = parse(isSvg ? style.fill : style.color)
    if (!colour) { say(element, `colour ${isSvg ? style.fill : style.color} cannot be checked`); continue }
    const below = backdrop(element)
    const ratio = contrast(over(colour, below), below)
    const size = parseFloat(style.fontSize)
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700)
    if (ratio < (isLarge ? 3 : 4.5)) say(element, `contrast ${ratio.toFixed(2)}`)
  }
  for (const element of document.querySelectorAll('input, select, textarea, .button')) {
    if (!isShown(element) || element.matches('[disabled]') || element.matches('[type="checkbox"]')) continue
    const style = getComputedStyle(element)
    const below = backdrop(element.parentElement)
    const edge = parse(style.borderTopColor)
    // A button that has text is known by its text; a field only by its edge.
    if (!element.matches('.button') && edge && contrast(over(edge, below), below) < 3) say(element, 'the edge of a field is hard to see')
  }
  for (const element of document.querySelectorAll('button, select, input, textarea, summary')) {
    if (!isShown(element) || element.type === 'checkbox') continue
    const box = element.getBoundingClientRect()
    if (box.height < 24 || box.width < 24) say(element, `a target of ${Math.round(box.width)} × ${Math.round(box.height)} px`)
  }
  const ids = [...document.querySelectorAll('[id]')].map((element) => element.id)
  for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) faults.push(`the id ${id} occurs more than once`)
  for (const attribute of ['aria-labelledby', 'aria-describedby', 'aria-controls', 'for']) {
    for (const element of document.querySelectorAll(`[${attribute}]`)) {
      for (const id of element.getAttribute(attribute).split(' ')) {
        if (!document.getElementById(id)) say(element, `${attribute} names ${id}, which is not there`)
      }
    }
  }
  if (document.querySelector('[style*="color"]')) faults.push('a colour is set outside of the style sheet')
  if (!document.documentElement.lang) faults.push('the page does not say its language')
  return faults
}

/** Goes through the page with the tab key; every stop must be seen. Returns how many stops there are. */
export async function tabThrough(page, most = 200) {
  const stops = new Set()
  for (let n = 0; n < most; n++) {
    await page.keyboard.press('Tab')
    const stop = await page.evaluate(() => {
      const element = document.activeElement
      if (!element || element === document.body) return undefined
      const style = getComputedStyle(element)
      const isSeen = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none'
      const box = element.getBoundingClientRect()
      element.dataset.stop ??= String(Math.random())
      return { id: element.dataset.stop, isSeen: isSeen && box.width > 0, what: element.outerHTML.slice(0, 120) }
    })
    if (!stop || stops.has(stop.id)) break
    if (!stop.isSeen) throw new Error(`the focus is not seen on ${stop.what}`)
    stops.add(stop.id)
  }
  return stops.size
}
