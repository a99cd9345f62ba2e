// Asks the hub. Every failure is a Problem with a sentence for a person.

/** Why a request gave no answer. */
export class Problem extends Error {
  constructor(
    /** The HTTP status, or 0 when nobody answered. */
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(detail)
  }

  /** Nobody answered: the hub is stopped or the line is down. */
  get isOffline(): boolean {
    return this.status === 0
  }

  get needsToken(): boolean {
    return this.status === 401
  }
}

const TOKEN = 'crossdock.token'
const PATIENCE_MS = 15_000

/** Keeps the token until the tab is closed. */
export function setToken(token: string): void {
  sessionStorage.setItem(TOKEN, token)
}

/** Asks the API; `signal` gives up early. */
export function get<T>(path: string, query: Record<string, string | number | undefined> = {}, signal?: AbortSignal): Promise<T> {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') parameters.set(name, String(value))
  }
  const question = parameters.size > 0 ? `?${parameters}` : ''
  return send<T>(`${path}${question}`, { method: 'GET', ...(signal && { signal }) })
}

/** The path of one entity in the API; `more` follows behind its key. */
export function entityPath(name: { kind: string; key: string }, more = ''): string {
  return `/api/entities/${encodeURIComponent(name.kind)}/${encodeURIComponent(name.key)}${more}`
}

/** Tells the hub to do something. */
export function post<T>(path: string, body: object): Promise<T> {
  return send<T>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

async function send<T>(path: string, request: RequestInit): Promise<T> {
  const headers = new Headers(request.headers)
  const token = sessionStorage.getItem(TOKEN)
  if (token) headers.set('authorization', `Bearer ${token}`)
  const patience = AbortSignal.timeout(PATIENCE_MS)
  const signal = request.signal ? AbortSignal.any([request.signal, patience]) : patience
  let response: Response
  let text: string
  try {
    response = await fetch(path, { ...request, headers, signal, cache: 'no-store' })
    text = await response.text()
  } catch (error) {
    if (request.signal?.aborted) throw error
    throw new Problem(0, '', 'the hub does not answer')
  }
  const body = parsed(text)
  if (!response.ok) {
    const { code, detail, title } = (body ?? {}) as { code?: string; detail?: string; title?: string }
    throw new Problem(response.status, code ?? '', detail ?? title ?? `the hub answered with status ${response.status}`)
  }
  if (body === undefined) throw new Problem(response.status, '', 'the hub answered something that is not JSON')
  return body as T
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The sentence of any error. */
export function sentence(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.charAt(0).toUpperCase() + text.slice(1)
}
