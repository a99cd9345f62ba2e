// Which page is shown. Addresses are real ones, so that they can be bookmarked and sent to a colleague.

export type PageName = 'overview' | 'find' | 'timeline' | 'entities' | 'messages' | 'exceptions' | 'paused' | 'rejections' | 'unknown'

export interface Place {
  page: PageName
  /** What is behind the page's name, decoded. */
  rest: string
  query: URLSearchParams
}

class Router {
  place = $state.raw<Place>(read(location))

  constructor() {
    addEventListener('popstate', () => this.#show())
    document.addEventListener('click', (event) => this.#follow(event))
  }

  go(path: string, replace = false): void {
    if (path === location.pathname + location.search) return
    if (replace) history.replaceState(null, '', path)
    else history.pushState(null, '', path)
    this.#show()
    if (!replace) scrollTo(0, 0)
  }

  #show(): void {
    this.place = read(location)
  }

  /** Links inside the console change the page without loading everything again. */
  #follow(event: MouseEvent): void {
    const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey
    if (!isPlain || event.defaultPrevented || !(event.target instanceof Element)) return
    const link = event.target.closest('a[href]')
    if (!(link instanceof HTMLAnchorElement) || link.target || link.origin !== location.origin) return
    if (link.hash || read(link).page === 'unknown') return
    event.preventDefault()
    this.go(link.pathname + link.search)
  }
}

function read(address: { pathname: string; search: string }): Place {
  const [, first = '', ...rest] = address.pathname.split('/')
  const known: Record<string, PageName> = {
    '': 'overview',
    find: 'find',
    timeline: 'timeline',
    entities: 'entities',
    messages: 'messages',
    exceptions: 'exceptions',
    paused: 'paused',
    rejections: 'rejections',
  }
  const page = known[first] ?? 'unknown'
  const query = new URLSearchParams(address.search)
  return { page, rest: rest.map(decoded).join('/'), query }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** The address of the story behind a reference. */
export function timelineOf(reference: string): string {
  return `/timeline/${reference.split('/').map(encodeURIComponent).join('/')}`
}

/** The address of an entity; a slash in its key stays one. */
export function entityOf(name: { kind: string; key: string }): string {
  return `/entities/${[name.kind, ...name.key.split('/')].map(encodeURIComponent).join('/')}`
}

export const router = new Router()
