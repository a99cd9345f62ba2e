// A story as it is told: grouped by the message that began each part, and placed for the picture.

import type { EntityView, Entry, Trace } from './types'
import { isCalls } from './words'

export interface Told extends Entry {
  /** Unlike that of any other entry of the story, and the same at the next look. */
  key: string
}

export interface Part {
  key: string
  /** The message that began it; absent when the story was cut before it. */
  message: Told | undefined
  entries: Told[]
}

/** What needs somebody now, or is on its way now; what went wrong and right again is history. */
export interface Now {
  problems: Told[]
  waiting: Told[]
}

/** Gives every entry a key of its own. */
export function told(trace: Trace): Told[] {
  const seen = new Map<string, number>()
  return trace.entries.map((entry) => {
    const base = [entry.kind, entry.step, entry.at, entry.transmission ?? entry.event ?? entry.message ?? ''].join(' ')
    const before = seen.get(base) ?? 0
    seen.set(base, before + 1)
    return { ...entry, key: before === 0 ? base : `${base} ${before}` }
  })
}

/** That something is owed, in contrast to how it stands. */
export function isOwing(entry: Entry): boolean {
  return entry.kind === 'transmission' && entry.outcome === 'created'
}

/** Which message each entry goes back to. */
function origins(entries: Told[]): Map<string, string | undefined> {
  const messageOfEvent = new Map<string, string>()
  const eventOfTransmission = new Map<string, string>()
  const causeOfMessage = new Map<string, string>()
  for (const entry of entries) {
    if (entry.kind === 'event' && entry.event && entry.message) messageOfEvent.set(entry.event, entry.message)
    if (isOwing(entry) && entry.transmission && entry.event) eventOfTransmission.set(entry.transmission, entry.event)
    if (entry.kind === 'message' && entry.message && entry.transmission) causeOfMessage.set(entry.message, entry.transmission)
  }
  const messageOf = (transmission: string | undefined) => {
    const event = transmission && eventOfTransmission.get(transmission)
    return event ? messageOfEvent.get(event) : undefined
  }
  // A result goes back to the message that made the hub owe what it is the result of, and so on.
  const first = (message: string) => {
    const seen = new Set<string>()
    for (let at = message; ; ) {
      const before = messageOf(causeOfMessage.get(at))
      if (!before || seen.has(before)) return at
      seen.add(at)
      at = before
    }
  }
  const origin = (entry: Told) => {
    const event = entry.event && messageOfEvent.get(entry.event)
    const message = entry.message ?? event ?? messageOf(entry.transmission)
    return message && first(message)
  }
  return new Map(entries.map((entry) => [entry.key, origin(entry)]))
}

/** The story in parts, each what one message set off, oldest first. */
export function parts(entries: Told[]): Part[] {
  const origin = origins(entries)
  const parts = new Map<string, Part>()
  for (const entry of entries) {
    const key = origin.get(entry.key) ?? 'unknown'
    const part = parts.get(key) ?? { key, message: undefined, entries: [] }
    parts.set(key, part)
    if (entry.kind === 'message' && entry.message === key) part.message = entry
    else part.entries.push(entry)
  }
  return [...parts.values()]
}

/** How the story stands. */
export function now(entries: Told[]): Now {
  const isStanding = (entry: Told) =>
    entry.kind === 'exception' || entry.kind === 'message' || (entry.kind === 'transmission' && !isOwing(entry))
  // An exception says more than the standing of the message or the transmission it is about.
  const open = entries.filter((entry) => entry.kind === 'exception' && entry.mood === 'problem')
  const told = new Set(open.flatMap((entry) => [entry.transmission, entry.message]).filter((id) => id !== undefined))
  const isTold = (entry: Told) =>
    (entry.kind === 'transmission' && told.has(entry.transmission ?? '')) || (entry.kind === 'message' && told.has(entry.message ?? ''))
  return {
    problems: entries.filter((entry) => isStanding(entry) && entry.mood === 'problem' && !isTold(entry)),
    waiting: entries.filter((entry) => isStanding(entry) && entry.mood === 'waiting'),
  }
}

/** The entities, what was asked for first. */
export function entitiesFirst(trace: Trace): EntityView[] {
  const asked = trace.reference
  const rank = (entity: EntityView) => {
    if (entity.key === asked || `${entity.kind}/${entity.key}` === asked) return 0
    return entity.references.some((reference) => reference.value === asked) ? 1 : 2
  }
  return trace.entities.toSorted((a, b) => rank(a) - rank(b))
}

// The picture: a lane per system, the hub's own in the middle; time from left to right, long rests cut short.

/** The lane of the hub itself; no system has this name. */
export const HUB_LANE = ''

export interface Mark {
  entry: Told
  lane: number
  x: number
}

export interface Thread {
  from: Mark
  to: Mark
}

export interface Rest {
  x: number
  ms: number
}

export interface Picture {
  lanes: string[]
  marks: Mark[]
  threads: Thread[]
  /** Long rests, drawn as a gap. */
  rests: Rest[]
  width: number
}

/** Room for one mark, in pixels. */
const STEP_MIN = 15
const REST_MS = 60_000

export function picture(story: Told[], room: number, edge: number): Picture {
  const entries = story.filter((entry) => !isCalls(entry))
  const lanes = lanesOf(entries)
  const laneOf = (entry: Told) => {
    const isInside = entry.kind === 'event' || isOwing(entry)
    return lanes.indexOf(isInside || entry.system === '' ? HUB_LANE : entry.system)
  }
  const offsets: number[] = []
  const restAt: { at: number; ms: number }[] = []
  let x = 0
  entries.forEach((entry, at) => {
    const before = entries[at - 1]
    if (before) {
      const ms = Date.parse(entry.at) - Date.parse(before.at)
      // The room that is left goes by the order of magnitude of the time between.
      x += Math.log2(1 + Math.max(0, ms) / 100)
      if (ms >= REST_MS) restAt.push({ at, ms })
    }
    offsets.push(x)
  })
  const needed = STEP_MIN * Math.max(0, entries.length - 1)
  const width = Math.max(room, 2 * edge + needed * 1.3)
  const scale = x === 0 ? 0 : (width - 2 * edge - needed) / x
  const place = (at: number) => edge + STEP_MIN * at + (offsets[at] ?? 0) * scale
  const marks = entries.map((entry, at) => ({ entry, lane: laneOf(entry), x: place(at) }))
  const rests = restAt.map(({ at, ms }) => ({ x: (place(at - 1) + place(at)) / 2, ms }))
  return { lanes, marks, threads: threadsOf(marks), rests, width }
}

function lanesOf(entries: Told[]): string[] {
  const systems = [...new Set(entries.map((entry) => entry.system).filter((system) => system !== ''))]
  systems.splice(Math.floor(systems.length / 2), 0, HUB_LANE)
  return systems
}

/** What came of what: message to event, event to what is owed, that to its attempts. */
function threadsOf(marks: Mark[]): Thread[] {
  const find = (test: (entry: Told) => boolean) => {
    const found = new Map<string, Mark>()
    return (id: string | undefined, of: (entry: Told) => string | undefined) => {
      if (id === undefined) return undefined
      if (!found.has(id)) {
        const mark = marks.find((mark) => test(mark.entry) && of(mark.entry) === id)
        if (mark) found.set(id, mark)
      }
      return found.get(id)
    }
  }
  const messages = find((entry) => entry.kind === 'message')
  const events = find((entry) => entry.kind === 'event')
  const owed = find(isOwing)
  const threads: Thread[] = []
  for (const to of marks) {
    const { entry } = to
    let from: Mark | undefined
    if (entry.kind === 'event') from = messages(entry.message, (other) => other.message)
    else if (isOwing(entry)) from = events(entry.event, (other) => other.event)
    else if (entry.kind === 'attempt' || entry.kind === 'transmission') from = owed(entry.transmission, (other) => other.transmission)
    if (from && from !== to) threads.push({ from, to })
  }
  return threads
}
