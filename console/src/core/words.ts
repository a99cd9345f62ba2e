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

/** An entry of a story in two parts: what it is called, and what there is to say beyond that. */
export interface Wording {
  headline: string
  gist: string
}

/** The hub tells each entry as one sentence; what is not recognised is shown as that sentence. */
export function wording(entry: Entry): Wording {
  const { kind, system } = entry
  const text = entry.text.replace(/`([^`]*)`/g, '$1')
  const as = (headline: string, gist = '') => ({ headline, gist })
  switch (kind) {
    case 'message': return as(entry.transmission ? `Result of ${system}` : `Message from ${system}`, text)
    case 'event': return as(eventName(text.split(' ')[0] ?? ''), text.includes('too late') ? 'came too late to move the state' : '')
    case 'exception': {
      const [, word = 'exception', about = '', summary = text] = /^exception (\w+)([^:]*): (.*)$/s.exec(text) ?? []
      return as(`${className(word)}${about}`, summary)
    }
    case 'transmission': {
      const [, flow = '', operation = '', order = ''] = /^flow (\S+) owes (\S+) to \S+ for [^,]*(?:, (.*))?$/.exec(text) ?? []
      if (operation !== '') return as(`${operation} owed to ${system}`, [`flow ${flow}`, order].filter(Boolean).join(', '))
      const [, standing = text, why = ''] = /^(\S+ (?:is paused|is held|waits for its turn|is being sent|was given up))[:,]? ?(.*)$/s.exec(text) ?? []
      return as(standing, why)
    }
    case 'attempt': return attempt(entry, text)
  }
}

function attempt({ system, mood }: Entry, text: string): Wording {
  const [, caller, calls] = /^attempt (\d+) called (.*)$/s.exec(text) ?? []
  if (calls) return { headline: `Attempt ${caller} asked ${system}`, gist: calls }
  const [, number, operation, end] = /^attempt (\d+) of (\S+) (.*)$/s.exec(text) ?? []
  if (!end) return { headline: `More attempts at ${system}`, gist: text }
  const became = { ok: 'took effect', waiting: 'is not done yet', problem: 'was refused' }[mood]
  const rest = end.replace(/^(took effect|was refused|is not done yet)(: )?/, '')
  return { headline: `${operation} ${became}`, gist: `attempt ${number}${rest ? `: ${rest}` : ''}` }
}

/** Only the calls of an attempt, whose end is told next. */
export function isCalls(entry: Entry): boolean {
  return entry.kind === 'attempt' && /^attempt \d+ called /.test(entry.text)
}

export function headline(entry: Entry): string {
  return wording(entry).headline
}

export function gist(entry: Entry): string {
  return wording(entry).gist
}
