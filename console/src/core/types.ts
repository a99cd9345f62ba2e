// What the hub's API answers. The names are the API's own.

export type Mood = 'ok' | 'waiting' | 'problem'

export interface Listing<T> {
  items: T[]
  /** There are more than the limit. */
  more: boolean
}

export interface SystemRow {
  name: string
  connector: string
  domain: string
  zone: string
  owner: string | null
  /** Why nothing is sent to it. */
  paused: string | null
  paused_since: string | null
  breaker: 'closed' | 'open' | 'probing'
  messages: Record<string, number>
  transmissions: Record<string, number>
  last_message_at: string | null
}

export interface Overview {
  hub: string
  config: string
  at: string
  systems: SystemRow[]
  events: number
  messages_waiting: number
  messages_failed: number
  transmissions_open: number
  transmissions_held: number
  transmissions_paused: number
  transmissions_done: number
  exceptions_open: number
  rejections: number
}

export interface EntityName {
  kind: string
  key: string
}

export interface Reference {
  system: string
  kind: string
  value: string
}

export interface EntityView extends EntityName {
  status: string
  version: number
  updated_at: string
  data: Record<string, unknown> | null
  references: Reference[]
}

export interface EntityListing {
  items: EntityView[]
  /** The cursor of the next page. */
  next: string | null
}

/** One kind of entity of the canonical model. */
export interface KindView {
  name: string
  meaning: string
  key: string[]
  states: string[]
  fields: { name: string; meaning: string; refers_to?: string }[]
}

export interface FieldChange {
  /** JSON Pointer into the entity's data. */
  pointer: string
  from: unknown
  to: unknown
}

export interface HistoryItem {
  version: number | null
  event: string
  type: string
  time: string
  recorded_at: string
  message: string
  flow: string
  system: string
  status: { from: string; to: string } | null
  out_of_order: boolean
  no_effect: boolean
  changes: FieldChange[]
  not_applied: { pointer: string; said: unknown; kept: unknown }[]
}

export interface History {
  entity: EntityName
  /** Oldest first. */
  items: HistoryItem[]
  next: string | null
  cut: boolean
}

export interface Linked extends EntityName {
  /** Null when it is only spoken of. */
  status: string | null
}

export interface Links {
  entity: EntityName
  speaks_of: Linked[]
  spoken_of_by: Linked[]
  /** Kinds of which more speak of it than are told. */
  more: string[]
}

export type Severity = 'low' | 'medium' | 'high'

export type EntryKind = 'message' | 'event' | 'transmission' | 'attempt' | 'exception'

export interface Entry {
  at: string
  step: number
  kind: EntryKind
  mood: Mood
  system: string
  /** In one sentence, for who wants it in full. */
  text: string
  about?: EntityName
  message?: string
  event?: string
  transmission?: string
  /** How it ended or stands; which words there are depends on the kind. */
  outcome: string
  /** Why it ended or stands so. */
  reason?: string
  flow?: string
  operation?: string
  /** What a transmission keeps its order with. */
  ordering_key?: string
  due_at?: string
  after?: string[]
  attempt?: number
  /** It stands for so many further attempts that ended the same way. */
  repeats?: number
  calls?: { method: string; path: string; status?: number; fault?: string }[]
  calls_left_out?: number
  took_ms?: number
  result?: string
  event_type?: string
  happened_at?: string
  withheld?: string[]
  channel?: string
  dedup_key?: string
  body_bytes?: number
  events?: number
  exception?: string
  class?: string
  severity?: Severity
  owner?: string
  closed_at?: string
}

export interface Trace {
  reference: string
  entities: EntityView[]
  entries: Entry[]
  cut: boolean
}

export interface MessageRow {
  id: string
  system: string
  channel: string
  dedup_key: string
  received_at: string
  body_bytes: number
  state: 'waiting' | 'translated' | 'ignored' | 'failed'
  events?: number
  reason?: string
  exception?: string
}

export interface TransmissionRow {
  id: string
  system: string
  operation: string
  flow: string
  about: EntityName
  key: string
  state: 'held' | 'owed' | 'sending' | 'done' | 'paused' | 'cancelled'
  reason?: string
  after?: string[]
  attempts: number
  created_at: string
  due_at: string
  last_problem: string | null
}

export interface ExceptionRow {
  id: string
  class: string
  severity: Severity
  fingerprint: string
  status: 'open' | 'resolved'
  summary: string
  owner: string | null
  affects: EntityName[]
  system: string | null
  flow: string | null
  message: string | null
  transmission: string | null
  opened_at: string
  closed_at: string | null
  count: number
}

export interface RejectionRow {
  system: string | null
  at: string
  status: number
  code: string
  reason: string
  path: string
  peer: string | null
  body_bytes: number
}

export interface Resumed {
  transmissions: string[]
  systems: string[]
  /** What could not be resumed, with the reason. */
  refused: string[]
  /** There is more of it than one call resumes. */
  more?: boolean
}
