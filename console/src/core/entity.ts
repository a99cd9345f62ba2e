// One entity with all that hangs on it, put together from the answers of the API.

import { entityPath, get, Problem } from './api'
import type { EntityView, ExceptionRow, FieldChange, History, HistoryItem, Links, Listing, TransmissionRow } from './types'

/** Pages of a history that are read at most, 500 events each. */
const HISTORY_PAGES_MAX = 4
const SHOWN_MAX = 20

export interface Whole {
  entity: EntityView
  /** Oldest first. */
  history: HistoryItem[]
  /** There is more history than was read. */
  isCut: boolean
  links: Links
  transmissions: Listing<TransmissionRow>
  exceptions: Listing<ExceptionRow>
}

/** What was asked for, or what may have been meant by it. */
export type Found = { whole: Whole } | { meant: EntityView[] }

/** Reads an entity by kind and key; what is no key may be any system's id of it. */
export async function read(kind: string, key: string, signal: AbortSignal, known?: Whole): Promise<Found> {
  const name = { kind, key }
  let entity: EntityView
  try {
    entity = await get<EntityView>(entityPath(name), {}, signal)
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 404) throw error
    const { items } = await get<Listing<EntityView>>('/api/entities', { reference: key }, signal)
    const ofKind = items.filter((item) => item.kind === kind)
    return { meant: ofKind.length > 0 ? ofKind : items }
  }
  const about = `${kind}/${key}`
  const [past, links, transmissions, exceptions] = await Promise.all([
    history(name, signal, known?.entity.version === entity.version ? known : undefined),
    get<Links>(entityPath(name, '/links'), {}, signal),
    get<Listing<TransmissionRow>>('/api/transmissions', { about, limit: SHOWN_MAX }, signal),
    get<Listing<ExceptionRow>>('/api/exceptions', { open: 'true', entity: about, limit: SHOWN_MAX }, signal),
  ])
  return { whole: { entity, ...past, links, transmissions, exceptions } }
}

/** A long history of a version that is known is not read again. */
async function history(name: { kind: string; key: string }, signal: AbortSignal, known?: Whole): Promise<Pick<Whole, 'history' | 'isCut'>> {
  const items: HistoryItem[] = []
  let cursor: string | undefined
  for (let page = 0; page < HISTORY_PAGES_MAX; page++) {
    const part = await get<History>(entityPath(name, '/history'), { limit: 500, cursor }, signal)
    items.push(...part.items)
    if (part.next === null) return { history: items, isCut: part.cut }
    if (known && known.history.length > part.items.length) return known
    cursor = part.next
  }
  return { history: items, isCut: true }
}

/** The first part of a JSON Pointer, unescaped: the field that a change is about. */
export function fieldOf(change: Pick<FieldChange, 'pointer'>): string {
  return (change.pointer.split('/')[1] ?? '').replaceAll('~1', '/').replaceAll('~0', '~')
}

/** By field, the event that changed it last. */
export function lastChanges(history: HistoryItem[]): Map<string, HistoryItem> {
  const last = new Map<string, HistoryItem>()
  for (const item of history) for (const change of item.changes) last.set(fieldOf(change), item)
  return last
}

/** A value on one line. */
export function short(value: unknown, most = 80): string {
  if (value === null || value === undefined) return 'nothing'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > most ? `${text.slice(0, most)}…` : text
}
