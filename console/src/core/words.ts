// Words for people: one name for one thing, the same as in the documentation.

import type { EntityName, Entry, MessageRow, Mood, Severity, SystemRow, TransmissionRow } from './types'

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

/** What kind of id it is: words are made readable, a system's own name of a table stays as it is. */
export function idKind(kind: string): string {
  return kind.includes('.') ? kind : readable(kind)
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
  authority_conflict: 'Not the system of record',
  reference_unresolved: 'Reference not resolved',
  unread_partner_field: 'New field that nobody reads',
  intake_stopped: 'Nothing is taken in',
}

/** Every class of exception, as the hub writes it. */
export const EXCEPTION_CLASSES = Object.keys(CLASSES)

export const SEVERITIES: Severity[] = ['high', 'medium', 'low']

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

/** How a transmission stands. */
export function transmissionState(row: TransmissionRow): { mood: Mood; text: string } {
  switch (row.state) {
    case 'held': return { mood: 'waiting', text: `Held until ${(row.after ?? []).join(', ')} is done` }
    case 'owed': return { mood: 'waiting', text: 'Waits for its turn' }
    case 'sending': return { mood: 'waiting', text: 'Being sent' }
    case 'done': return { mood: 'ok', text: 'Done' }
    case 'paused': return { mood: 'problem', text: 'Paused' }
    case 'cancelled': return { mood: 'problem', text: 'Given up' }
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

/** What an entry says, from its fields. */
export function wording(entry: Entry): Wording {
  switch (entry.kind) {
    case 'message': return ofMessage(entry)
    case 'event': return { headline: eventName(entry.event_type ?? ''), gist: eventGist(entry) }
    case 'transmission': return ofTransmission(entry)
    case 'attempt': return ofAttempt(entry)
    case 'exception': return ofException(entry)
  }
}

function ofMessage(entry: Entry): Wording {
  const { system, events = 0, reason } = entry
  const isResult = entry.transmission !== undefined
  const became = {
    waiting: 'waits for the router',
    translated: events === 0 ? (isResult ? 'what was held for it can go on' : 'done') : `became ${many(events, 'event')}`,
    ignored: `had no effect: ${reason ?? ''}`,
    failed: 'could not be mapped, see the exception',
  }[entry.outcome] ?? entry.outcome
  if (isResult) return { headline: `Result of ${system}`, gist: became }
  const came = `channel ${entry.channel ?? ''}, ${bytes(entry.body_bytes ?? 0)}, key ${entry.dedup_key ?? ''}`
  return { headline: `Message from ${system}`, gist: `${came}; ${became}` }
}

function eventGist({ outcome, withheld = [], system }: Entry): string {
  switch (outcome) {
    case 'late': return 'came too late to move the state'
    case 'retracted': return 'was retracted before it came'
    case 'echo': return 'only reports what the hub wrote itself: no effect'
    case 'refused': return `${system} is not the system of record for it: no effect`
    case 'withheld': return `${system} is not the system of record for ${withheld.join(', ')}: not applied`
    default: return ''
  }
}

function ofTransmission(entry: Entry): Wording {
  const { operation = '', system, flow = '', reason = '' } = entry
  switch (entry.outcome) {
    case 'created': return { headline: `${operation} owed to ${system}`, gist: [`flow ${flow}`, entry.ordering_key && `in order with ${entry.ordering_key}`].filter(Boolean).join(', ') }
    case 'held': return { headline: `${operation} is held`, gist: `until ${(entry.after ?? []).join(', ')} is done` }
    case 'owed': return { headline: `${operation} waits for its turn`, gist: '' }
    case 'sending': return { headline: `${operation} is being sent`, gist: '' }
    case 'paused': return { headline: `${operation} is paused`, gist: reason }
    case 'cancelled': return { headline: `${operation} was given up by a person`, gist: '' }
    default: return { headline: `${operation} is ${entry.outcome}`, gist: reason }
  }
}

const ENDS: Record<string, string> = {
  accepted: 'took effect',
  retry: 'is not done yet',
  unknown: 'may have taken effect',
  refused: 'was refused',
  unusable: 'met a system that cannot be used',
}

function ofAttempt(entry: Entry): Wording {
  const { operation = '', system, attempt = 0, reason, result } = entry
  if (isCalls(entry)) {
    const calls = (entry.calls ?? []).map((call) => `${call.method} ${call.path} → ${call.status ?? call.fault ?? ''}`)
    if (entry.calls_left_out) calls.push(`and ${entry.calls_left_out} more`)
    return { headline: `Attempt ${attempt} asked ${system}`, gist: `${calls.join(', ')}, in ${count(entry.took_ms ?? 0)} ms` }
  }
  if (entry.repeats) return { headline: `${many(entry.repeats, 'more attempt')} at ${operation}`, gist: `ended the same way${reason ? `: ${reason}` : ''}` }
  const more = reason ?? result
  return { headline: `${operation} ${ENDS[entry.outcome] ?? entry.outcome}`, gist: `attempt ${attempt}${more ? `: ${more}` : ''}` }
}

function ofException({ class: word = 'exception', owner, outcome, reason = '' }: Entry): Wording {
  const whose = owner ? ` for ${owner}` : ''
  return { headline: `${className(word)}${whose}${outcome === 'resolved' ? ', resolved' : ''}`, gist: reason }
}

/** Only the calls of an attempt, whose end is told next. */
export function isCalls(entry: Entry): boolean {
  return entry.kind === 'attempt' && entry.outcome === 'called'
}

export function headline(entry: Entry): string {
  return wording(entry).headline
}

export function gist(entry: Entry): string {
  return wording(entry).gist
}
