// Words for people: one name for one thing, the same as in the documentation.

import type { EntityName, Entry, MessageRow, Mood, SystemRow } from './types'

const numbers = new Intl.NumberFormat('en')

export function count(value: number): string {
  return numbers.format(value)
}

/** `1 message`, `2 messages`. */
export function many(value: number, one: string, more = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : more}`
}

export function bytes(value: number): string {
  if (value < 1_000) return `${value} B`
  return value < 1_000_000 ? `${(value / 1_000).toFixed(1)} kB` : `${(value / 1_000_000).toFixed(1)} MB`
}

/** Items by a word of theirs, in the order of the first of each. */
export function grouped<T>(items: T[], by: (item: T) => string): [string, T[]][] {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const word = by(item)
    const group = groups.get(word)
    if (group) group.push(item)
    else groups.set(word, [item])
  }
  return [...groups]
}

/** `proof_of_delivery` → `Proof of delivery`. */
export function readable(word: string): string {
  const text = word.replaceAll('_', ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

export function nameOf(entity: EntityName): string {
  return `${entity.kind}/${entity.key}`
}

/** `crossdock.shipment.picked_up.v1` → `Shipment picked up`. */
export function eventName(type: string): string {
  const parts = type.split('.')
  return parts.length === 4 ? readable(`${parts[1] === 'pod' ? 'proof of delivery' : parts[1]} ${parts[2]}`) : type
}

const CLASSES: Record<string, string> = {
  mapping_failed: 'Mapping failed',
  schema_invalid: 'Does not fit the model',
  unknown_partner_code: 'Unknown partner code',
  transmission_refused: 'Refused by the system',
  transmission_exhausted: 'Retries used up',
  outcome_unknown: 'Outcome not known',
  system_unusable: 'System cannot be used',
  prerequisite_late: 'Prerequisite late',
}

export function className(word: string): string {
  return CLASSES[word] ?? readable(word)
}

export function messageState(row: MessageRow): { mood: Mood; text: string } {
  switch (row.state) {
    case 'waiting': return { mood: 'waiting', text: 'Waits to be routed' }
    case 'translated': return { mood: 'ok', text: `Became ${many(row.events ?? 0, 'event')}` }
    case 'ignored': return { mood: 'ok', text: `Not wanted: ${row.reason ?? 'no flow takes it'}` }
    case 'failed': return { mood: 'problem', text: 'Could not be mapped' }
  }
}

/** How a system stands, worst first. */
export function standing(system: SystemRow): { mood: Mood; text: string } {
  if (system.paused !== null) return { mood: 'problem', text: 'Paused' }
  if (system.breaker === 'open') return { mood: 'waiting', text: 'Not reachable, resting' }
  if (system.breaker === 'probing') return { mood: 'waiting', text: 'Trying again' }
  return { mood: 'ok', text: 'In use' }
}

/** The steps of a message's way, as in ARCHITECTURE.md. */
export const STEPS: string[] = [
  'received', 'verified', 'recognised', 'synced', 'routed', 'owed', 'prepared', 'sent', 'decided', 'result noted',
]

/** What an entry of a story is called. */
export function headline(entry: Entry): string {
  const { kind, step, system, text, mood } = entry
  switch (kind) {
    case 'message': return step === 10 ? `Result of ${system} noted` : `Message from ${system}`
    case 'event': return eventName(text.split(' ')[0] ?? '')
    case 'attempt': {
      const [, number = '', operation = 'an operation'] = /^attempt (\d+) at ([^:]+):/.exec(text) ?? []
      const end = { ok: 'accepted', waiting: 'not yet', problem: 'refused' }[mood]
      return `${operation} at ${system}, attempt ${number}: ${end}`
    }
    case 'exception': return className(/^exception (\w+)/.exec(text)?.[1] ?? 'exception')
    case 'transmission': {
      const operation = /^\S+/.exec(text)?.[0] ?? 'An operation'
      if (step === 6) return `${operation} owed to ${system}`
      return mood === 'problem' ? `${operation} stopped` : `${operation} waits`
    }
  }
}

/** What there is to say beyond the headline. */
export function gist(entry: Entry): string {
  const { kind, step } = entry
  const text = entry.text.replace(/`([^`]*)`/g, '$1')
  if (kind === 'attempt') return text.replace(/^attempt \d+ at [^:]+: /, '')
  if (kind === 'exception') return text.replace(/^exception \w+( \(resolved\))?: /, '$1 ').trim()
  if (kind === 'transmission' && step === 6) return text.replace(/^.*\((flow .*)\)$/, '$1')
  if (kind === 'transmission') return text.replace(/^\S+ (is |was )/, '')
  if (kind === 'event') return text.includes('too late') ? 'came too late to move the state' : ''
  return text
}
